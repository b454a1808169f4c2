"""Revocation evidence: what counts, what does not, and what an unknown status means."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko_certvalidator import errors

from gateway.asn1 import der
from gateway.asn1.ber import read
from gateway.errors import LimitExceeded, Malformed
from gateway.pki import revocation, status
from gateway.pki.pkix import REFUSALS, finished
from gateway.pki.revocation import (
    RevocationEvidence,
    RevocationList,
    StatusResponse,
    read_revocation_list,
    read_status_response,
)
from gateway.pki.standin import STUMBLES, Originals
from gateway.pki.trust import TrustSnapshot
from gateway.pki.validation import REVOCATION_UNKNOWN, PathFinding, Revocation, Strictness, judge
from gateway.pki.verdicts import Verdicts
from gateway.reason import Reason
from tests.authority import EMAIL_PROTECTION, SERVER_AUTH, Authority, Issued

AT = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
GOOD, REVOKED, UNKNOWN = (), (Reason.REVOKED,), (Reason.REVOCATION_UNKNOWN,)
HARD = Strictness(Revocation.HARD)
SETTINGS = list(Revocation)


def crl(made: x509.CertificateRevocationList) -> RevocationList:
    return read_revocation_list(made.public_bytes(Encoding.DER))


def evidence(*items: x509.CertificateRevocationList | bytes) -> RevocationEvidence:
    """CRLs, and OCSP responses as bytes."""
    lists = tuple(crl(item) for item in items if not isinstance(item, bytes))
    return RevocationEvidence(lists, tuple(read_status_response(item) for item in items if isinstance(item, bytes)))


def asked(authority: Authority, leaf: Issued, *items: Any, carried: Iterable[Issued] = (), **facts: Any) -> PathFinding:
    certificates = [issued.certificate for issued in (authority.intermediate, *carried)]
    trust = facts.pop("trust", None) or TrustSnapshot([authority.root.certificate])
    facts = {"strictness": HARD} | facts
    return judge(leaf.certificate, certificates, trust, facts.pop("at", AT), evidence(*items), **facts)


@pytest.fixture
def above(authority: Authority) -> x509.CertificateRevocationList:
    """The root's CRL, which says that the intermediate is good."""
    return authority.revocation_list(issuer=authority.root)


@pytest.fixture
def leaf(authority: Authority) -> Issued:
    return authority.leaf("a@example.com")


def test_a_status_is_unknown_until_evidence_says_something(authority: Authority, leaf: Issued, above: Any) -> None:
    path = tuple(issued.certificate for issued in (leaf, *leaf.issuers))
    assert status.is_unknown(path, evidence(), AT)
    assert status.is_unknown(path, evidence(above), AT)
    for known in (authority.revocation_list(), authority.revocation_list(leaf), authority.status_response(leaf)):
        assert not status.is_unknown(path, evidence(known), AT)
    assert not status.is_unknown(path[1:], evidence(above), AT)


# ── CRLs ──


def test_sig_11_good_and_revoked(authority: Authority, leaf: Issued, above: Any) -> None:
    assert asked(authority, leaf, above, authority.revocation_list()).reasons == GOOD
    assert asked(authority, leaf, above, authority.revocation_list(leaf)).reasons == REVOKED


def test_sig_11_a_revoked_intermediate(authority: Authority, leaf: Issued) -> None:
    revoking = authority.revocation_list(authority.intermediate, issuer=authority.root)
    assert asked(authority, leaf, revoking, authority.revocation_list()).reasons == REVOKED


@pytest.mark.parametrize("setting", SETTINGS)
def test_sig_11_a_stored_list_counts_under_every_setting(
    authority: Authority, leaf: Issued, setting: Revocation
) -> None:
    """Also where nothing is known of the intermediate, and the leaf names no distribution point."""
    found = asked(authority, leaf, authority.revocation_list(leaf), strictness=Strictness(setting))
    assert Reason.REVOKED in found.reasons


def test_sig_11_an_unknown_status_follows_the_setting(authority: Authority, leaf: Issued) -> None:
    def with_setting(setting: Revocation) -> tuple[tuple[Reason, ...], tuple[str, ...]]:
        found = asked(authority, leaf, strictness=Strictness(setting))
        return found.reasons, found.notes

    assert with_setting(Revocation.OFF) == (GOOD, ())
    assert with_setting(Revocation.SOFT) == (GOOD, (REVOCATION_UNKNOWN,))
    assert with_setting(Revocation.HARD) == (UNKNOWN, ())


def test_sig_11_every_certificate_below_the_anchor_must_be_known(
    authority: Authority, leaf: Issued, above: Any
) -> None:
    assert asked(authority, leaf, authority.revocation_list()).reasons == UNKNOWN
    assert asked(authority, leaf, above).reasons == UNKNOWN


def test_sig_11_an_expired_list_vouches_for_nobody_but_still_accuses(
    authority: Authority, leaf: Issued, above: Any
) -> None:
    facts = {"until": AT - DAY}
    assert asked(authority, leaf, above, authority.revocation_list(**facts)).reasons == UNKNOWN
    assert asked(authority, leaf, above, authority.revocation_list(leaf, **facts)).reasons == REVOKED
    lifted = authority.revocation_list(at=AT - DAY)
    assert asked(authority, leaf, above, lifted, authority.revocation_list(leaf, **facts)).reasons == GOOD


def test_sig_11_a_list_that_another_signed(authority: Authority, leaf: Issued, above: Any) -> None:
    stranger = Authority(name="Stranger").root
    for signer in (stranger, authority.root):
        forged = authority.revocation_list(leaf, signer=signer)
        assert asked(authority, leaf, above, forged, carried=[stranger]).reasons == UNKNOWN
    others = Authority().revocation_list(leaf)
    assert asked(authority, leaf, above, others).reasons == UNKNOWN


def test_sig_11_an_impostor_of_the_same_names_signs_nothing(authority: Authority, leaf: Issued) -> None:
    """Neither a self-signed certificate with the anchor's name nor a CA of its counts as a signer."""
    root = authority.ca("Test Root", issuer=None, key_ids=False)
    below = authority.ca("Test Intermediate", issuer=root, key_ids=False)
    lists = [authority.revocation_list(issuer=root), authority.revocation_list(issuer=below)]
    assert asked(authority, leaf, *lists, carried=[root, below]).reasons == UNKNOWN
    accusing = authority.revocation_list(authority.intermediate, issuer=root)
    assert asked(authority, leaf, accusing, carried=[root, below]).reasons == UNKNOWN


def test_a_list_of_another_issuer_says_nothing(authority: Authority, leaf: Issued, above: Any) -> None:
    assert asked(authority, leaf, above, authority.revocation_list(leaf, issuer=authority.root)).reasons == UNKNOWN


def test_sig_11_siblings_and_the_certificate_itself_do_not_vouch(authority: Authority, leaf: Issued) -> None:
    """The intermediate's list says nothing of the intermediate, whose issuer is the root."""
    point = x509.IssuingDistributionPoint(None, None, False, False, None, True, False)
    indirect = authority.revocation_list(extensions=((point, True),))
    sibling = authority.ca("Sibling", issuer=authority.root)
    of_sibling = authority.revocation_list(issuer=sibling, extensions=((point, True),))
    for made in (indirect, of_sibling):
        found = asked(authority, leaf, made, authority.revocation_list(), carried=[sibling])
        assert found.reasons == UNKNOWN


def test_an_indirect_list_to_which_the_certificate_delegates(authority: Authority, above: Any) -> None:
    """RFC 5280 §5.3.3: the entry names the issuer; the certificate's distribution point the CRL's."""
    other = authority.ca("Lister", issuer=authority.intermediate)
    names = [[x509.DirectoryName(issued.x509.subject)] for issued in (other, authority.intermediate)]
    points = x509.CRLDistributionPoints([x509.DistributionPoint(None, None, None, names[0])])
    leaf = authority.leaf("a@example.com", extensions=((points, False),))
    point = ((x509.IssuingDistributionPoint(None, None, False, False, None, True, False), True),)
    entry = ((x509.CertificateIssuer(names[1]), True),)
    own = authority.revocation_list()
    good = authority.revocation_list(issuer=other, extensions=point)
    bad = authority.revocation_list(leaf, issuer=other, extensions=point, entry_extensions=entry)
    assert asked(authority, leaf, above, own, good, carried=[other]).reasons == GOOD
    assert asked(authority, leaf, above, own, bad, carried=[other]).reasons == REVOKED
    plain = authority.leaf("a@example.com")
    assert asked(authority, plain, above, good, carried=[other]).reasons == UNKNOWN


def test_an_intermediate_that_is_an_anchor_speaks_too(authority: Authority, leaf: Issued) -> None:
    trust = TrustSnapshot([authority.intermediate.certificate])
    assert asked(authority, leaf, authority.revocation_list(), trust=trust).reasons == GOOD
    assert asked(authority, leaf, authority.revocation_list(leaf), trust=trust).reasons == REVOKED


def test_a_revocation_later_than_the_mail(authority: Authority, leaf: Issued, above: Any) -> None:
    for revoked_at, expected in ((AT - DAY, REVOKED), (AT + DAY, GOOD)):
        made = authority.revocation_list(leaf, revoked_at=revoked_at)
        assert asked(authority, leaf, above, made).reasons == expected
        newer = authority.revocation_list(leaf, revoked_at=revoked_at, at=AT + 2 * DAY)
        assert asked(authority, leaf, above, newer).reasons == expected, "a list from later tells the date too"


def test_sig_11_an_expired_leaf_can_be_revoked_as_well(authority: Authority, above: Any) -> None:
    leaf = authority.leaf("a@example.com", not_after=AT - DAY)
    assert set(asked(authority, leaf, above, authority.revocation_list(leaf)).reasons) == {
        Reason.EXPIRED,
        Reason.REVOKED,
    }


def test_delegated_signers_of_lists(authority: Authority, leaf: Issued, above: Any) -> None:
    """A CA's second key, that signs CRLs only (RFC 5280 §6.3.3 f): its own status must be known."""
    name, by = "Test Intermediate", authority.root
    signer = authority.ca(name, issuer=by, key_usage=("cRLSign",), ca=False, key_ids=False)
    plain = authority.leaf("a@example.com", key_ids=False)
    good, revoking = (authority.revocation_list(*names, signer=signer) for names in ((), (plain,)))
    assert asked(authority, plain, above, good, carried=[signer]).reasons == GOOD
    assert asked(authority, plain, above, revoking, carried=[signer]).reasons == REVOKED
    assert asked(authority, plain, above, revoking).reasons == UNKNOWN, "its certificate is nowhere"
    stored = TrustSnapshot([authority.root.certificate], [signer.certificate])
    assert asked(authority, plain, above, revoking, trust=stored).reasons == REVOKED
    forbidden = authority.ca(name, issuer=by, key_usage=("digitalSignature",), ca=False, key=signer.private_key)
    assert asked(authority, plain, above, good, carried=[forbidden]).reasons == UNKNOWN
    fallen = authority.revocation_list(signer, issuer=by)
    assert asked(authority, plain, fallen, good, carried=[signer]).reasons == UNKNOWN


def test_a_list_whose_signer_is_revoked_is_a_finding(authority: Authority, above: Any) -> None:
    """The library meets the signer's own revocation inside the question about another certificate."""
    leaf = authority.leaf("a@example.com", key_ids=False)
    signer = authority.ca(
        "Test Intermediate", issuer=authority.root, key_usage=("cRLSign",), ca=False, key_ids=False, kind="p256"
    )
    fallen = authority.revocation_list(signer, issuer=authority.root)
    for revoked in ((), (leaf,)):
        made = authority.revocation_list(*revoked, signer=signer)
        found = {setting: asked_of(leaf, authority, signer, fallen, made, setting) for setting in SETTINGS}
        assert found[Revocation.OFF] == (GOOD, ())
        assert found[Revocation.SOFT] == (GOOD, (REVOCATION_UNKNOWN,))
        assert found[Revocation.HARD] == (UNKNOWN, ())


def asked_of(
    leaf: Issued, authority: Authority, signer: Issued, fallen: Any, made: Any, setting: Revocation
) -> tuple[tuple[Reason, ...], tuple[str, ...]]:
    found = asked(authority, leaf, fallen, made, carried=[signer], strictness=Strictness(setting))
    return found.reasons, found.notes


def test_every_error_of_the_library_is_a_refusal() -> None:
    """Its own classes derive from several roots; what is none of these would leave the judgement as a bug."""
    classes = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, Exception)]
    assert len(classes) > 20
    assert [item for item in classes if not issubclass(item, (*REFUSALS, *STUMBLES))] == []


@pytest.mark.parametrize(("usage", "expected"), [((EMAIL_PROTECTION,), GOOD), ((SERVER_AUTH,), (Reason.WRONG_USAGE,))])
def test_the_usage_of_the_authorities_above_signers_of_evidence(
    authority: Authority, above: Any, usage: Any, expected: Any
) -> None:
    """OCSPSigning is the responder's own; whom the authorities above vouch for is asked of them as for the leaf."""
    ca = authority.ca("Narrow", issuer=authority.root, extended_key_usage=usage)
    leaf = authority.leaf("a@example.com", issuer=ca, key_ids=False)
    signer = authority.ca("Narrow", issuer=ca, key_usage=("cRLSign",), ca=False, key_ids=False)
    for item in (
        authority.status_response(leaf, responder=authority.responder(issuer=ca)),
        authority.revocation_list(issuer=ca),
        authority.revocation_list(issuer=ca, signer=signer),
    ):
        own = authority.revocation_list(issuer=ca)
        assert asked(authority, leaf, above, own, item, carried=[ca, signer]).reasons == expected
        revoking = authority.status_response(leaf, responder=authority.responder(issuer=ca), revoked_at=AT - DAY)
        found = asked(authority, leaf, above, revoking, carried=[ca, signer])
        assert found.reasons == (expected or REVOKED)


def test_signatures_with_md5_prove_nothing_about_revocation(above: Any) -> None:
    """A certificate's is a reason of its own; a list's could be one of somebody else's making."""
    authority = Authority("rsa-2048")
    leaf = authority.leaf("a@example.com", kind="p256")
    made = authority.revocation_list(leaf).public_bytes(Encoding.DER)
    body, _, _ = (bytes(field.raw) for field in read(made).children)
    pkcs1 = bytes.fromhex("2a864886f70d0101")
    weak = body.replace(pkcs1 + b"\x0b", pkcs1 + b"\x04")
    signature = authority.intermediate.private_key.sign(weak, padding.PKCS1v15(), hashes.MD5())
    algorithm = der.sequence(der.tlv(der.OID, pkcs1 + b"\x04"), der.tlv(der.NULL))
    item = read_revocation_list(der.sequence(weak, algorithm, der.tlv(der.BIT_STRING, b"\0" + signature)))
    assert not item.is_signed_by(authority.intermediate.certificate)
    trust = TrustSnapshot([authority.root.certificate])
    found = judge(leaf.certificate, [authority.intermediate.certificate], trust, AT, RevocationEvidence((item,)), HARD)
    assert found.reasons == UNKNOWN


def test_a_leaf_trusted_for_itself_can_be_revoked_by_its_issuer(authority: Authority, leaf: Issued) -> None:
    trust = TrustSnapshot([leaf.certificate])
    assert asked(authority, leaf, trust=trust).reasons == GOOD
    assert asked(authority, leaf, authority.revocation_list(), trust=trust).reasons == GOOD
    assert asked(authority, leaf, authority.revocation_list(leaf), trust=trust).reasons == REVOKED
    forged = Authority().revocation_list(leaf)
    assert asked(authority, leaf, forged, trust=trust).reasons == GOOD


def test_partitioned_lists(authority: Authority, leaf: Issued, above: Any) -> None:
    def point(**facts: Any) -> Any:
        defaults = dict.fromkeys(("full_name", "relative_name", "only_some_reasons"))
        flags = dict.fromkeys(
            ("only_contains_user_certs", "only_contains_ca_certs", "indirect_crl", "only_contains_attribute_certs"),
            False,
        )
        return ((x509.IssuingDistributionPoint(**(defaults | flags | facts)), True),)

    users, cas = (
        authority.revocation_list(leaf, extensions=point(**{flag: True}))
        for flag in ("only_contains_user_certs", "only_contains_ca_certs")
    )
    assert asked(authority, leaf, above, users).reasons == REVOKED
    assert asked(authority, leaf, above, cas).reasons == UNKNOWN


# ── OCSP ──


def test_net_04_good_revoked_and_unknown(authority: Authority, leaf: Issued, above: Any) -> None:
    assert asked(authority, leaf, above, authority.status_response(leaf)).reasons == GOOD
    assert asked(authority, leaf, above, authority.status_response(leaf, revoked_at=AT - DAY)).reasons == REVOKED
    assert asked(authority, leaf, above, authority.status_response(leaf, revoked_at=AT + DAY)).reasons == UNKNOWN
    assert asked(authority, leaf, above, authority.status_response(leaf, unknown=True)).reasons == UNKNOWN


@pytest.mark.parametrize(
    ("at", "until", "expected"),
    [
        (AT - DAY, AT + DAY, GOOD),
        (AT - 2 * DAY, AT - DAY, UNKNOWN),
        (AT + DAY, AT + 2 * DAY, UNKNOWN),
        (AT + timedelta(minutes=4), AT + DAY, GOOD),
        (AT - DAY, AT - timedelta(minutes=4), GOOD),
        (AT - timedelta(minutes=20), None, GOOD),
        (AT - DAY, None, UNKNOWN),
    ],
)
def test_net_04_stale_and_future_responses(
    authority: Authority, leaf: Issued, above: Any, at: datetime, until: datetime | None, expected: Any
) -> None:
    assert asked(authority, leaf, above, authority.status_response(leaf, at=at, until=until)).reasons == expected


def test_net_04_delegated_responders(authority: Authority, leaf: Issued, above: Any) -> None:
    right = authority.responder()
    assert asked(authority, leaf, above, authority.status_response(leaf, responder=right)).reasons == GOOD
    wrong = {
        "without the usage": authority.responder(extended_key_usage=None),
        "of the root": authority.responder(issuer=authority.root),
        "of a stranger": Authority().responder(),
        "expired": authority.responder(not_after=AT - DAY),
        "of unknown status": authority.responder(no_check=False),
        "the leaf itself": leaf,
    }
    for name, responder in wrong.items():
        response = authority.status_response(leaf, responder=responder)
        assert asked(authority, leaf, above, response).reasons == UNKNOWN, name
        accusing = authority.status_response(leaf, responder=responder, revoked_at=AT - DAY)
        assert asked(authority, leaf, above, accusing).reasons == UNKNOWN, name


def test_net_04_a_response_about_another_certificate(authority: Authority, leaf: Issued, above: Any) -> None:
    another = authority.leaf("b@example.com")
    assert asked(authority, leaf, above, authority.status_response(another)).reasons == UNKNOWN
    namesake = authority.leaf("b@example.com", issuer=authority.root, serial=leaf.x509.serial_number)
    assert asked(authority, leaf, above, authority.status_response(namesake)).reasons == UNKNOWN
    assert asked(authority, leaf, above, authority.status_response(leaf, issuer=authority.root)).reasons == UNKNOWN


def test_net_04_a_changed_response(authority: Authority, leaf: Issued, above: Any) -> None:
    response = bytearray(authority.status_response(leaf))
    response[-1] ^= 1
    assert asked(authority, leaf, above, bytes(response)).reasons == UNKNOWN


def test_who_says_revoked_outweighs_who_says_good(authority: Authority, leaf: Issued, above: Any) -> None:
    good, bad = authority.status_response(leaf), authority.status_response(leaf, revoked_at=AT - DAY)
    assert asked(authority, leaf, above, good, authority.revocation_list(leaf)).reasons == REVOKED
    assert asked(authority, leaf, above, bad, authority.revocation_list()).reasons == REVOKED


# ── kept verdicts ──


def test_a_kept_verdict_ends_with_its_evidence(authority: Authority, leaf: Issued, above: Any) -> None:
    verdicts, trust = Verdicts(), TrustSnapshot([authority.root.certificate])
    made = evidence(above, authority.revocation_list(until=AT + DAY))

    def ask(at: datetime, items: RevocationEvidence = made) -> tuple[Reason, ...]:
        return verdicts.judge(leaf.certificate, [authority.intermediate.certificate], trust, at, items, HARD).reasons

    assert ask(AT) == GOOD
    assert ask(AT + 2 * DAY) == UNKNOWN
    assert ask(AT) == GOOD
    assert ask(AT, RevocationEvidence()) == UNKNOWN
    assert ask(AT, evidence(above, authority.revocation_list(leaf))) == REVOKED


def test_a_kept_verdict_ends_with_the_revocation(authority: Authority, leaf: Issued, above: Any) -> None:
    found = asked(authority, leaf, above, authority.revocation_list(leaf, revoked_at=AT + DAY))
    assert found.reasons == GOOD and found.until <= AT + DAY
    found = asked(authority, leaf, above, authority.status_response(leaf, until=AT + DAY))
    assert found.reasons == GOOD and found.until <= AT + DAY


# ── large lists ──


def test_a_list_is_handed_on_without_the_entries_that_do_not_matter(
    authority: Authority, leaf: Issued, above: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [authority.leaf("x@example.com", kind="p256") for _ in range(20)]
    handed: list[int] = []
    whole = status.abridged

    def noted(item: RevocationList, serials: set[int], originals: Originals) -> bytes:
        short = whole(item, serials, originals)
        handed.append(len(x509.load_der_x509_crl(short)))
        return short

    monkeypatch.setattr(status, "abridged", noted)
    assert asked(authority, leaf, above, authority.revocation_list(*many)).reasons == GOOD
    assert sorted(handed) == [0, 0]
    handed.clear()
    reason = ((x509.CRLReason(x509.ReasonFlags.key_compromise), False),)
    made = authority.revocation_list(*many, leaf, entry_extensions=reason)
    assert asked(authority, leaf, above, made).reasons == REVOKED
    assert sorted(handed) == [0, 1], "one list for each certificate below the anchor"
    removed = ((x509.CRLReason(x509.ReasonFlags.remove_from_crl), False),)
    assert asked(authority, leaf, above, authority.revocation_list(leaf, entry_extensions=removed)).reasons == GOOD


def test_an_abridged_list_proves_nothing_about_a_changed_one(authority: Authority, leaf: Issued, above: Any) -> None:
    """The signature is over the whole list, so a change of an entry that was left out is seen."""
    other = authority.leaf("x@example.com", kind="p256")
    data = authority.revocation_list(other).public_bytes(Encoding.DER)
    serial = other.x509.serial_number.to_bytes(20, "big").lstrip(b"\0")
    changed = data.replace(serial, bytes([serial[0]]) + bytes(len(serial) - 1))
    assert changed != data
    items = RevocationEvidence((crl(above), read_revocation_list(changed)))
    certificates = [authority.intermediate.certificate]
    found = judge(leaf.certificate, certificates, TrustSnapshot([authority.root.certificate]), AT, items, HARD)
    assert found.reasons == UNKNOWN


# ── reading ──


def test_what_a_list_says(authority: Authority, leaf: Issued) -> None:
    made = authority.revocation_list(leaf, number=7, until=AT)
    found = crl(made)
    assert (found.number, found.size, found.next_update, found.is_delta, found.is_indirect) == (7, 1, AT, False, False)
    assert found.issuer_der == authority.intermediate.certificate.subject_der
    delta = authority.revocation_list(extensions=((x509.DeltaCRLIndicator(1), True),))
    assert crl(delta).is_delta


def test_what_a_response_says(authority: Authority, leaf: Issued) -> None:
    (answer,) = read_status_response(authority.status_response(leaf, at=AT - DAY, revoked_at=AT, until=None)).answers
    serial = leaf.x509.serial_number
    assert (answer.serial, answer.this_update, answer.next_update, answer.revoked_at) == (serial, AT - DAY, None, AT)


def test_sizes_are_limited(monkeypatch: pytest.MonkeyPatch, authority: Authority, leaf: Issued) -> None:
    monkeypatch.setattr(revocation, "MAX_LIST_SIZE", 100)
    with pytest.raises(LimitExceeded):
        crl(authority.revocation_list())
    with pytest.raises(LimitExceeded):
        read_status_response(bytes(revocation.MAX_RESPONSE_SIZE + 1))


def test_a_responder_that_gives_no_answer() -> None:
    with pytest.raises(Malformed, match="UNAUTHORIZED"):
        read_status_response(bytes.fromhex("30030a0106"))


@pytest.fixture(scope="module")
def samples() -> tuple[Authority, Issued, list[bytes]]:
    authority = Authority()
    leaf = authority.leaf("a@example.com")
    lists = [authority.revocation_list(leaf), authority.revocation_list(issuer=authority.root)]
    responses = [authority.status_response(leaf), authority.status_response(leaf, responder=authority.responder())]
    return authority, leaf, [*(item.public_bytes(Encoding.DER) for item in lists), *responses]


@settings(max_examples=settings().max_examples * 2)
@given(data=st.data())
def test_changed_evidence_is_malformed_or_says_nothing_new(
    samples: tuple[Authority, Issued, list[bytes]], data: st.DataObject
) -> None:
    authority, leaf, items = samples
    changed = bytearray(data.draw(st.sampled_from(items)))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    read: list[RevocationList | StatusResponse] = []
    for reader in (read_revocation_list, read_status_response):
        try:
            read.append(reader(bytes(changed)))
        except Malformed:
            continue
    lists = tuple(item for item in read if isinstance(item, RevocationList))
    responses = tuple(item for item in read if isinstance(item, StatusResponse))
    trust, certificates = TrustSnapshot([authority.root.certificate]), [authority.intermediate.certificate]
    found = judge(leaf.certificate, certificates, trust, AT, RevocationEvidence(lists, responses), HARD)
    assert found.reasons in (UNKNOWN, (Reason.REVOKED, *UNKNOWN))


def test_a_coroutine_that_waits_is_an_error() -> None:
    class Never:
        def __await__(self) -> Any:
            yield

    async def waits() -> None:
        await Never()

    with pytest.raises(RuntimeError, match="waits"):
        finished(waits())
