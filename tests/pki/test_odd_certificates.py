"""What authorities write into certificates that does not decide anything: read past, shown, and believed as before."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.asn1 import der
from gateway.errors import LimitExceeded, Malformed
from gateway.pki.certificate import Certificate, read_certificate
from gateway.pki.need import NeedKind, brings, by_serial
from gateway.pki.outline import MAX_EXTENSIONS
from gateway.pki.path import chain_for
from gateway.pki.revocation import RevocationEvidence, read_revocation_list
from gateway.pki.trust import TrustSnapshot
from gateway.pki.validation import PathFinding, Revocation, Strictness, judge
from gateway.reason import Reason
from tests.authority import Authority, Issued, general_names
from tests.pki import odd
from tests.pki.odd import COMMON_NAME, ORGANIZATION, POSTAL, POSTAL_ADDRESS, Edit, put, signed_again

AT = datetime(2026, 6, 1, tzinfo=UTC)
ALICE = "alice@example.com"
MAIL = (0x81, ALICE.encode())
HARD = Strictness(Revocation.HARD)


def subject(value: bytes, kind: str = COMMON_NAME) -> Edit:
    return put(odd.SUBJECT, odd.name((kind, value)))


NAMES = {
    "ampersand": subject(der.tlv(0x13, b"Smith & Sons")),
    "at sign": subject(der.tlv(0x13, b"alice@example.com")),
    "underscore and star": subject(der.tlv(0x13, b"*_alice")),
    "Latin-1 in PrintableString": subject(der.tlv(0x13, "Bjürn".encode("latin-1"))),
    "Latin-1 in TeletexString": subject(der.tlv(0x14, "Bjürn".encode("latin-1"))),
    "Latin-1 in IA5String": subject(der.tlv(0x16, "Bjürn".encode("latin-1"))),
    "Latin-1 in UTF8String": subject(der.tlv(0x0C, "Bjürn".encode("latin-1"))),
    "half a character": subject(der.tlv(0x1E, b"\0a\0")),
    "nothing": subject(der.tlv(0x0C)),
    "a sequence": subject(POSTAL, POSTAL_ADDRESS),
    "10,000 attributes": put(odd.SUBJECT, odd.name(*[(COMMON_NAME, der.tlv(0x0C, b"x"))] * 10_000)),
}
FORMS = {
    "x400Address": (0xA3, b""),
    "ediPartyName": (0xA5, der.tlv(0xA1, der.tlv(0x0C, b"x"))),
    "URI with an umlaut": (0x86, "http://müller.example/ x".encode("latin-1")),
    "URI that is none": (0x86, b"http://[::1"),
    "IP address of three octets": (0x87, b"\1\2\3"),
    "registeredID": (0x88, b"\x2a\x03"),
    "directoryName with an ampersand": (0xA4, odd.name((ORGANIZATION, der.tlv(0x13, b"A & B")))),
    "UPN": (0xA0, der.oid("1.3.6.1.4.1.311.20.2.3") + der.explicit(0, der.tlv(0x0C, b"a@b"))),
}
OTHERS = {
    "critical FALSE": odd.critical_false,
    "version 2": put(odd.VERSION, der.explicit(0, der.integer(1))),
    "serial number 0": put(odd.SERIAL, der.integer(0)),
    "a negative serial number": put(odd.SERIAL, der.integer(-5)),
}


def believed(authority: Authority, leaf: bytes, *carried: bytes, anchor: bytes | None = None) -> PathFinding:
    above = map(read_certificate, carried or (authority.intermediate.der,))
    trust = TrustSnapshot([read_certificate(anchor or authority.root.der)])
    return judge(read_certificate(leaf), above, trust, AT)


@pytest.mark.parametrize("case", NAMES | OTHERS)
def test_an_odd_certificate_is_one_all_the_same(authority: Authority, case: str) -> None:
    leaf = authority.leaf(ALICE, kind="p256")
    changed = signed_again(leaf.der, authority.intermediate, (NAMES | OTHERS)[case])
    assert read_certificate(changed).addresses == (ALICE,)
    found = believed(authority, changed)
    assert found.reasons == () and found.anchor == authority.root.certificate


@pytest.mark.parametrize("form", FORMS)
def test_an_odd_alternative_name_beside_a_good_one(authority: Authority, form: str) -> None:
    leaf = authority.leaf(kind="p256", raw_san=general_names(FORMS[form], MAIL))
    assert leaf.certificate.addresses == (ALICE,)
    assert believed(authority, leaf.der).reasons == ()


def constrained(authority: Authority, *names: x509.GeneralName) -> Issued:
    constraint = x509.NameConstraints(None, list(names))
    return authority.ca("Constrained", issuer=authority.root, extensions=((constraint, True),))


@pytest.mark.parametrize(
    ("form", "constraint"),
    [
        ("URI that is none", x509.UniformResourceIdentifier("evil.example")),
        ("IP address of three octets", x509.DNSName("evil.example")),
        ("directoryName with an ampersand", x509.DirectoryName(x509.Name([]))),
    ],
)
def test_a_form_that_is_constrained_has_to_be_right(
    authority: Authority, form: str, constraint: x509.GeneralName
) -> None:
    ca = constrained(authority, constraint)
    leaf = authority.leaf(kind="p256", issuer=ca, raw_san=general_names(FORMS[form], MAIL))
    expected = form != "IP address of three octets"
    assert bool(believed(authority, leaf.der, ca.der).reasons) is expected


def test_constraints_on_mail_bind_beside_odd_names(authority: Authority) -> None:
    ca = constrained(authority, x509.RFC822Name("example.com"))
    for form in FORMS.values():
        leaf = authority.leaf(kind="p256", issuer=ca, raw_san=general_names(form, MAIL))
        assert believed(authority, leaf.der, ca.der).reasons == (Reason.UNTRUSTED,)


ODD_NAME = odd.name((ORGANIZATION, der.tlv(0x13, "A&B Müller".encode("latin-1"))), (POSTAL_ADDRESS, POSTAL))
SAME_NAME = odd.name((ORGANIZATION, der.tlv(0x0C, "a&b  MÜLLER".encode())), (POSTAL_ADDRESS, POSTAL))


@pytest.mark.parametrize("spelt", [ODD_NAME, SAME_NAME])
def test_everything_below_an_authority_of_such_a_name(authority: Authority, spelt: bytes) -> None:
    ca = signed_again(authority.intermediate.der, authority.root, put(odd.SUBJECT, ODD_NAME))
    root = signed_again(authority.root.der, authority.root, lambda fields: _renamed(fields, ODD_NAME))
    leaf = signed_again(authority.leaf(ALICE, kind="p256").der, authority.intermediate, put(odd.ISSUER, spelt))
    below = signed_again(
        authority.leaf(ALICE, kind="p256", issuer=authority.root).der, authority.root, put(odd.ISSUER, spelt)
    )
    assert believed(authority, leaf, ca).reasons == ()
    assert believed(authority, below, root, anchor=root).reasons == ()
    assert chain_for(read_certificate(leaf), [read_certificate(ca)], AT).issuers == (read_certificate(ca),)


def _renamed(fields: list[bytes], new: bytes) -> list[bytes]:
    return put(odd.ISSUER, new)(put(odd.SUBJECT, new)(fields))


@pytest.mark.parametrize("spelt", [ODD_NAME, SAME_NAME])
def test_the_lists_of_such_an_authority(authority: Authority, spelt: bytes) -> None:
    ca = read_certificate(signed_again(authority.intermediate.der, authority.root, put(odd.SUBJECT, ODD_NAME)))
    issued = authority.leaf(ALICE, kind="p256")
    leaf = read_certificate(signed_again(issued.der, authority.intermediate, put(odd.ISSUER, ODD_NAME)))
    above = read_revocation_list(authority.revocation_list(issuer=authority.root).public_bytes(Encoding.DER))
    for revoked, expected in (((), ()), ((issued,), (Reason.REVOKED,))):
        made = authority.revocation_list(*revoked).public_bytes(Encoding.DER)
        theirs = read_revocation_list(signed_again(made, authority.intermediate, put(2, spelt)))
        found = judge(
            leaf, [ca], TrustSnapshot([authority.root.certificate]), AT, RevocationEvidence((above, theirs)), HARD
        )
        assert found.reasons == expected
        forged = signed_again(made, Authority().root, put(2, spelt))
        evidence = RevocationEvidence((above, read_revocation_list(forged)))
        assert judge(leaf, [ca], TrustSnapshot([authority.root.certificate]), AT, evidence, HARD).reasons == (
            Reason.REVOCATION_UNKNOWN,
        )


def test_another_authority_of_the_same_name_by_value_is_no_anchor(authority: Authority) -> None:
    """A name makes a candidate; the signature decides."""
    impostor = Authority(name="test ").ca("TEST  ROOT", issuer=None)
    leaf = authority.leaf(ALICE, kind="p256", issuer=impostor, key_ids=False)
    assert judge(leaf.certificate, [impostor.certificate], TrustSnapshot([authority.root.certificate]), AT).reasons == (
        Reason.UNTRUSTED,
    )
    assert judge(leaf.certificate, [], TrustSnapshot([authority.root.certificate]), AT).reasons == (Reason.NO_PATH,)


def test_a_need_is_met_by_value(authority: Authority) -> None:
    leaf = read_certificate(signed_again(authority.leaf(ALICE).der, authority.root, put(odd.ISSUER, ODD_NAME)))
    assert by_serial(NeedKind.SIGNER, SAME_NAME, leaf.serial) in brings(leaf, False)


@pytest.mark.parametrize("tag", [0x0C, 0x13, 0x16, 0x1E, 0x1C])
def test_a_mail_name_of_the_subject_is_read_strictly(authority: Authority, tag: int) -> None:
    charset = {0x1E: "utf-16-be", 0x1C: "utf-32-be"}.get(tag, "latin-1")
    email = "1.2.840.113549.1.9.1"
    leaf = authority.leaf(kind="p256")

    def read(*values: bytes) -> Certificate:
        named = odd.name(*((email, der.tlv(tag, value)) for value in values))
        return read_certificate(signed_again(leaf.der, authority.intermediate, put(odd.SUBJECT, named)))

    good, evil = ALICE.encode(charset), "alice@example.com\0.evil.example".encode(charset)
    assert read(good, evil, "alïce@example.com".encode(charset)).subject_addresses == (ALICE,)


def test_what_decides_stays_strict(authority: Authority) -> None:
    der_ = authority.leaf(ALICE, kind="p256").der
    broken = {
        "no such version": put(odd.VERSION, der.explicit(0, der.integer(3))),
        "a name that is none": put(odd.SUBJECT, der.octets(b"x")),
        "dates": put(4, der.sequence(der.octets(b"x"), der.octets(b"y"))),
        "key": put(6, der.sequence(der.octets(b"x"))),
        "extensions": put(odd.EXTENSIONS, der.explicit(3, der.octets(b"x"))),
    }
    for edit in broken.values():
        with pytest.raises(Malformed):
            read_certificate(signed_again(der_, authority.intermediate, edit))


def test_what_makes_reading_dear_is_bounded(authority: Authority) -> None:
    leaf = authority.leaf(subject_addresses=(ALICE,), kind="p256")
    many = [der.sequence(der.oid(f"1.2.3.{number}"), der.octets(b"x")) for number in range(MAX_EXTENSIONS + 1)]
    for extensions, fits in ((many[1:], True), (many, False)):
        edit = put(odd.EXTENSIONS, der.explicit(3, der.sequence(*extensions)))
        data = signed_again(leaf.der, authority.intermediate, edit)
        if fits:
            assert read_certificate(data).subject_addresses == (ALICE,)
        else:
            with pytest.raises(LimitExceeded):
                read_certificate(data)
    email = [("1.2.840.113549.1.9.1", der.tlv(0x16, ALICE.encode()))]
    huge = odd.name(*email * 100)
    assert (
        read_certificate(signed_again(leaf.der, authority.intermediate, put(odd.SUBJECT, huge))).subject_addresses == ()
    )


def test_a_certificate_has_one_encoding(authority: Authority) -> None:
    """Else one certificate had many fingerprints, and its owner's name would be all that distrust goes by."""
    body = authority.leaf(ALICE, kind="p256").der[4:]
    for head in (b"\x30\x83\0" + len(body).to_bytes(2), b"\x30\x80"):
        with pytest.raises(Malformed):
            read_certificate(head + body + (b"\0\0" if head[1] == 0x80 else b""))
