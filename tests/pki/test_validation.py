"""The judgement of a signer's certificate: each fault its own reason, and nothing trusted that nobody trusts."""

import socket
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from math import gcd
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Malformed
from gateway.pki import path as path_module
from gateway.pki import validation
from gateway.pki.certificate import Certificate, read_certificate
from gateway.pki.issuance import Issuances, identity
from gateway.pki.path import MAX_SIGNATURE_CHECKS, build_paths
from gateway.pki.trust import TrustSnapshot
from gateway.pki.validation import NOT_FOR_MAIL, PathFinding, Revocation, Strictness, judge, leads_to_anchor
from gateway.pki.verdicts import MAX_SIZE, Verdicts
from gateway.reason import Reason
from tests.authority import (
    ANY_USAGE,
    CLIENT_AUTH,
    EMAIL_PROTECTION,
    OCSP_SIGNING,
    SERVER_AUTH,
    Authority,
    Issued,
    issue,
    make_key,
)

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 6, 1, tzinfo=UTC)
EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


def certificates(issued: Iterable[Issued]) -> list[Certificate]:
    return [item.certificate for item in issued]


def trusting(*trusted: Issued, known: Iterable[Issued] = (), distrusted: Iterable[Issued] = ()) -> TrustSnapshot:
    return TrustSnapshot(certificates(trusted), certificates(known), certificates(distrusted))


def finding(leaf: Issued, carried: Iterable[Issued], trust: TrustSnapshot, **facts: Any) -> PathFinding:
    return judge(leaf.certificate, certificates(carried), trust, facts.pop("at", AT), **facts)


def reasons(leaf: Issued, authority: Authority, **facts: Any) -> tuple[Reason, ...]:
    """Judge with the intermediate carried and the root trusted."""
    return finding(leaf, [authority.intermediate], trusting(authority.root), **facts).reasons


# ── which authority ──


def test_the_authority_that_is_missing_or_not_trusted_is_named() -> None:
    authority = Authority()
    leaf, middle, root = authority.leaf("a@example.com"), authority.intermediate, authority.root
    top, below = root.certificate, middle.certificate
    assert finding(leaf, [middle], trusting(root)).authority is None
    assert (
        finding(leaf, [], trusting()).authority
        == f"the issuer {below.subject} of {leaf.certificate.subject} is not stored"
    )
    assert finding(leaf, [middle], trusting()).authority == f"the issuer {top.subject} of {below.subject} is not stored"
    assert finding(leaf, [middle, root], trusting()).authority == f"{top.subject} is not trusted, and not stored"
    known = finding(leaf, [middle], trusting(known=[root]))
    assert known.authority == f"{top.subject} is not trusted, ID {top.fingerprint[:16]}"
    refused = finding(leaf, [middle], trusting(root, distrusted=[middle]))
    assert refused.authority == f"{below.subject} is distrusted, ID {below.fingerprint[:16]}"


def test_an_authority_of_the_same_name_is_no_issuer() -> None:
    authority, other = Authority(), Authority()
    namesake = other.intermediate.certificate
    found = finding(authority.leaf("a@example.com"), [], trusting(known=[other.intermediate])).authority or ""
    assert found.endswith(f"is not stored; of that name, not its issuer: ID {namesake.fingerprint[:16]}")


def test_a_name_in_a_phrase_is_short_and_printable_ascii() -> None:
    leaf = Authority("p256").leaf("a@example.com")
    told = validation.told("CN=Zertifizierungsstelle Köln\r\n" + "x" * 1000)
    assert told.isascii() and told.isprintable() and len(told) < 200
    assert validation.told(leaf.certificate.subject) == leaf.certificate.subject


# ── paths that hold ──


@pytest.mark.parametrize("kind", ["rsa-2048", "p384", "brainpool256", "ed25519", "ed448", "ml-dsa-65"])
def test_authorities_of_every_kind(kind: str) -> None:
    authority = Authority(kind)
    leaf = authority.leaf("a@example.com", kind="p256")
    found = finding(leaf, [authority.intermediate], trusting(authority.root))
    assert found.reasons == () and found.notes == ()
    assert list(found.path) == certificates([leaf, authority.intermediate, authority.root])
    assert found.anchor == authority.root.certificate


def test_sig_16_leaf_only_when_the_intermediate_is_stored(authority: Authority) -> None:
    leaf = authority.leaf("a@example.com")
    assert finding(leaf, [], trusting(authority.root, known=[authority.intermediate])).reasons == ()
    assert finding(leaf, [], trusting(authority.root)).reasons == (Reason.NO_PATH,)


def test_sig_16_any_order_and_strangers_among_them(authority: Authority) -> None:
    second = authority.ca("Second", issuer=authority.intermediate)
    leaf, stranger = authority.leaf("a@example.com", issuer=second), Authority(name="Stranger").intermediate
    for carried in ([authority.intermediate, second, leaf, stranger], [stranger, leaf, second, authority.intermediate]):
        found = finding(leaf, carried, trusting(authority.root))
        assert list(found.path) == certificates([leaf, second, authority.intermediate, authority.root])


def test_sig_16_cross_signed_roots(authority: Authority) -> None:
    new = authority.ca("New Root", issuer=None)
    crossed = authority.ca("New Root", issuer=authority.root, key=new.private_key)
    leaf = authority.leaf("a@example.com", issuer=new)
    assert finding(leaf, [crossed], trusting(authority.root)).anchor == authority.root.certificate
    assert finding(leaf, [crossed], trusting(new)).anchor == new.certificate
    assert list(finding(leaf, [crossed], trusting(new, authority.root)).path) == certificates([leaf, new])


def test_a_second_path_helps_where_the_first_does_not_hold(authority: Authority) -> None:
    key = make_key("p256")
    expired = authority.ca("Twice", issuer=authority.root, key=key, not_after=EARLY)
    valid = authority.ca("Twice", issuer=authority.intermediate, key=key)
    leaf = authority.leaf("a@example.com", issuer=valid)
    both = [expired, valid, authority.intermediate]
    assert finding(leaf, both, trusting(authority.root)).reasons == ()
    assert finding(leaf, both[:1], trusting(authority.root)).reasons == (Reason.EXPIRED,)


def test_an_intermediate_can_be_the_anchor(authority: Authority) -> None:
    found = finding(authority.leaf("a@example.com"), [authority.root], trusting(authority.intermediate))
    assert found.reasons == () and found.anchor == authority.intermediate.certificate


# ── no path, no trust ──


def test_sig_10_unknown_root_and_missing_issuer(authority: Authority) -> None:
    leaf = authority.leaf("a@example.com")
    carried, stranger = [authority.intermediate, authority.root], trusting(Authority(name="Other").root)
    assert finding(leaf, carried, stranger).reasons == (Reason.UNTRUSTED,)
    assert finding(leaf, carried[:1], stranger).reasons == (Reason.NO_PATH,)
    assert finding(leaf, carried, stranger).anchor is None
    assert list(finding(leaf, carried, stranger).path) == certificates([leaf, *carried])


def test_sig_10_self_signed(authority: Authority) -> None:
    alone = authority.self_signed("a@example.com")
    assert finding(alone, [alone], trusting(authority.root)).reasons == (Reason.UNTRUSTED,)
    assert finding(alone, [alone], trusting(alone)).reasons == ()


def test_crt_08_a_mail_that_carries_its_own_root(authority: Authority) -> None:
    evil = Authority(name="Evil")
    found = finding(evil.leaf("a@example.com"), [evil.intermediate, evil.root], trusting(authority.root))
    assert found.reasons == (Reason.UNTRUSTED,)


def test_crt_08_a_root_that_only_bears_an_anchors_name(authority: Authority) -> None:
    impostor = Authority()
    leaf = impostor.leaf("a@example.com", key_ids=False)
    assert impostor.root.certificate.subject_der == authority.root.certificate.subject_der
    carried = [impostor.intermediate, impostor.root]
    assert finding(leaf, carried, trusting(authority.root)).reasons == (Reason.UNTRUSTED,)
    assert finding(leaf, carried[:1], trusting(authority.root)).reasons == (Reason.NO_PATH,)


def test_crt_08_the_systems_authorities_are_never_asked() -> None:
    """In an interpreter of its own: nothing is imported that reads the system's list or speaks to a network."""
    script = (
        "import sys, socket\n"
        "from datetime import UTC, datetime\n"
        "from tests.authority import Authority\n"
        "from gateway.pki.trust import TrustSnapshot\n"
        "from gateway.pki.validation import judge\n"
        "socket.socket = None\n"
        "a = Authority()\n"
        "found = judge(a.leaf('a@example.com').certificate, [a.intermediate.certificate],"
        " TrustSnapshot([a.root.certificate]), datetime(2026, 6, 1, tzinfo=UTC))\n"
        "print(found.reasons, sorted({'oscrypto', 'aiohttp', 'requests', 'certifi'} & set(sys.modules)))\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.stdout.strip() == "() []", ran.stderr


def test_a_leaf_trusted_for_itself_needs_no_issuer_and_vouches_for_nobody(authority: Authority) -> None:
    leaf = authority.leaf("a@example.com", kind="p256", key_usage=("digitalSignature", "keyCertSign"))
    found = finding(leaf, [], trusting(leaf))
    assert found.reasons == () and found.path == (leaf.certificate,) and found.anchor == leaf.certificate
    below = authority.leaf("b@example.com", issuer=leaf)
    assert finding(below, [leaf], trusting(leaf)).reasons == (Reason.NO_PATH,)


def test_a_leaf_trusted_for_itself_still_has_dates_usage_and_a_key(authority: Authority) -> None:
    leaf = authority.self_signed("a@example.com", kind="rsa-1024", not_after=EARLY, extended_key_usage=(SERVER_AUTH,))
    expected = (Reason.EXPIRED, Reason.WRONG_USAGE, Reason.WEAK_KEY)
    assert finding(leaf, [], trusting(leaf)).reasons == expected


def test_distrust_of_a_leaf_a_ca_or_an_anchor(authority: Authority) -> None:
    leaf = authority.leaf("a@example.com")
    for refused in (leaf, authority.intermediate, authority.root):
        trust = trusting(authority.root, known=[authority.intermediate], distrusted=[refused])
        assert finding(leaf, [authority.intermediate], trust).reasons == (Reason.UNTRUSTED,), refused


def test_distrust_means_the_ca_not_one_certificate_of_it(authority: Authority) -> None:
    again = authority.ca("Test Intermediate", issuer=authority.root, key=authority.intermediate.private_key)
    leaf = authority.leaf("a@example.com")
    refusing = trusting(authority.root, distrusted=[authority.intermediate])
    assert finding(leaf, [again], refusing).reasons == (Reason.UNTRUSTED,)
    replaced = trusting(again, distrusted=[authority.intermediate])
    assert finding(leaf, [again], replaced).reasons == ()


def test_a_path_around_a_distrusted_ca(authority: Authority) -> None:
    other = Authority(name="Other")
    crossed = authority.ca("Other Intermediate", issuer=authority.root, key=other.intermediate.private_key)
    trust = trusting(authority.root, other.root, distrusted=[other.root])
    assert finding(other.leaf("a@example.com"), [other.intermediate, crossed], trust).reasons == ()


# ── what is wrong with a certificate ──


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ({"not_after": EARLY}, Reason.EXPIRED),
        ({"not_before": LATE}, Reason.NOT_YET_VALID),
    ],
)
def test_sig_10_expired_and_not_yet_valid(authority: Authority, dates: dict[str, datetime], expected: Reason) -> None:
    assert reasons(authority.leaf("a@example.com", **dates), authority) == (expected,)
    ca = authority.ca("Dated", issuer=authority.root, **dates)
    leaf = authority.leaf("a@example.com", issuer=ca)
    assert finding(leaf, [ca], trusting(authority.root)).reasons == (expected,)
    assert finding(leaf, [ca], trusting(ca)).reasons == (expected,)
    assert finding(leaf, [], trusting(authority.root)).reasons == (Reason.NO_PATH,)


def test_the_leafs_dates_are_told_without_a_path(authority: Authority) -> None:
    leaf = authority.leaf("a@example.com", not_after=EARLY)
    assert finding(leaf, [], trusting()).reasons == (Reason.NO_PATH, Reason.EXPIRED)


@pytest.mark.parametrize(
    "facts",
    [
        {"extended_key_usage": (SERVER_AUTH, CLIENT_AUTH)},
        {"key_usage": ("keyEncipherment",)},
        {"key_usage": ()},
    ],
)
def test_sig_10_wrong_usage(authority: Authority, facts: dict[str, Any]) -> None:
    assert reasons(authority.leaf("a@example.com", **facts), authority) == (Reason.WRONG_USAGE,)


@pytest.mark.parametrize(
    "facts",
    [
        {"extended_key_usage": None},
        {"extended_key_usage": (ANY_USAGE,)},
        {"key_usage": None},
        {"key_usage": ("nonRepudiation",)},
        {"ca": None},
    ],
)
def test_usages_that_are_right(authority: Authority, facts: dict[str, Any]) -> None:
    assert reasons(authority.leaf("a@example.com", **facts), authority) == ()


def test_sig_10_ca_used_as_leaf(authority: Authority) -> None:
    assert reasons(authority.ca("Signer", issuer=authority.intermediate), authority) == (Reason.WRONG_USAGE,)
    assert finding(authority.root, [], trusting(authority.root)).reasons == (Reason.WRONG_USAGE,)


def test_sig_10_leaf_used_as_ca(authority: Authority) -> None:
    no_ca = authority.leaf("x@example.com", kind="p256", common_name="No CA")
    below = authority.leaf("a@example.com", issuer=no_ca)
    assert finding(below, [no_ca, authority.intermediate], trusting(authority.root)).reasons == (Reason.NO_PATH,)


# ── extended key usage along the path ──

NOT_MAIL = [(SERVER_AUTH,), (CLIENT_AUTH,), (OCSP_SIGNING,), ("1.3.6.1.5.5.7.3.3",), (SERVER_AUTH, CLIENT_AUTH)]
MAIL = [None, (EMAIL_PROTECTION,), (ANY_USAGE,), (CLIENT_AUTH, EMAIL_PROTECTION)]


@pytest.mark.parametrize("usage", NOT_MAIL)
def test_an_intermediate_for_something_else_vouches_for_no_mail(authority: Authority, usage: tuple[str, ...]) -> None:
    narrow = authority.ca("Narrow", issuer=authority.root, extended_key_usage=usage)
    below = authority.ca("Below", issuer=narrow, extended_key_usage=(EMAIL_PROTECTION,))
    for issuer in (narrow, below):
        found = finding(authority.leaf("a@example.com", issuer=issuer), [narrow, below], trusting(authority.root))
        assert found.reasons == (Reason.WRONG_USAGE,) and found.anchor is None and found.notes == (NOT_FOR_MAIL,)
        assert not found.holds_for_encryption


@pytest.mark.parametrize("usage", MAIL)
def test_an_intermediate_for_mail_vouches_for_it(authority: Authority, usage: tuple[str, ...] | None) -> None:
    ca = authority.ca("Mail", issuer=authority.root, extended_key_usage=usage)
    found = finding(authority.leaf("a@example.com", issuer=ca), [ca], trusting(authority.root))
    assert found.reasons == () and found.anchor == authority.root.certificate


def test_an_anchor_vouches_whatever_its_extended_key_usage(authority: Authority) -> None:
    root = authority.ca("Narrow Root", issuer=None, extended_key_usage=(SERVER_AUTH,))
    narrow = authority.ca("Narrow", issuer=authority.root, extended_key_usage=(SERVER_AUTH,))
    assert finding(authority.leaf("a@example.com", issuer=root), [root], trusting(root)).reasons == ()
    assert finding(authority.leaf("a@example.com", issuer=narrow), [narrow], trusting(narrow)).reasons == ()


def test_a_leaf_trusted_for_itself_does_not_ask_its_issuer(authority: Authority) -> None:
    narrow = authority.ca("Narrow", issuer=authority.root, extended_key_usage=(SERVER_AUTH,))
    leaf = authority.leaf("a@example.com", issuer=narrow)
    assert finding(leaf, [narrow], trusting(leaf, authority.root)).reasons == ()


def test_a_path_through_an_authority_for_mail_is_preferred(authority: Authority) -> None:
    key = make_key("p256")
    narrow = authority.ca("Twice", issuer=authority.root, key=key, extended_key_usage=(SERVER_AUTH,))
    wide = authority.ca("Twice", issuer=authority.intermediate, key=key)
    sealed = authority.leaf("a@example.com", issuer=wide, key_usage=("keyEncipherment",))
    for carried in ([narrow, wide, authority.intermediate], [wide, narrow, authority.intermediate]):
        leaf = authority.leaf("a@example.com", issuer=wide)
        assert finding(leaf, carried, trusting(authority.root)).reasons == ()
        only_for_encryption = finding(sealed, carried, trusting(authority.root))
        assert only_for_encryption.reasons == (Reason.WRONG_USAGE,) and only_for_encryption.holds_for_encryption
    assert not finding(sealed, [narrow], trusting(authority.root)).holds_for_encryption


def test_an_authority_for_something_else_that_leads_to_nobody(authority: Authority) -> None:
    narrow = authority.ca("Narrow", issuer=authority.root, extended_key_usage=(SERVER_AUTH,))
    found = finding(authority.leaf("a@example.com", issuer=narrow), [narrow], trusting())
    assert found.reasons == (Reason.NO_PATH, Reason.WRONG_USAGE)


# ── names and extensions of authorities ──


def only(name: str) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    return ((x509.NameConstraints([x509.RFC822Name(name)], None), True),)


WITHIN, OUTSIDE = (), (Reason.UNTRUSTED,)
DNS = (x509.DNSName("mail.example.com"),)


@pytest.mark.parametrize(
    ("allowed", "facts", "expected"),
    [
        ("example.com", {}, WITHIN),
        ("example.org", {}, OUTSIDE),
        (".example.com", {}, OUTSIDE),
        ("a@example.com", {}, WITHIN),
        ("b@example.com", {}, OUTSIDE),
        ("example.com", {"addresses": (), "subject_addresses": ("a@example.org",)}, OUTSIDE),
        ("example.com", {"addresses": (), "subject_addresses": ("a@example.com",)}, WITHIN),
        ("example.com", {"addresses": (), "subject_addresses": ("a@example.org",), "other_names": DNS}, OUTSIDE),
        ("example.com", {"addresses": (), "subject_addresses": ("a@example.com",), "other_names": DNS}, WITHIN),
        ("example.com", {"addresses": (), "utf8_addresses": ("ü@example.org",)}, OUTSIDE),
        ("example.com", {"addresses": (), "utf8_addresses": ("ü@example.com",)}, WITHIN),
    ],
)
def test_sig_10_name_constraints(authority: Authority, allowed: str, facts: dict[str, Any], expected: Any) -> None:
    ca = authority.ca("Constrained", issuer=authority.root, extensions=only(allowed))
    leaf = issue(issuer=ca, **({"addresses": ("a@example.com",)} | facts))
    found = finding(leaf, [ca], trusting(authority.root))
    assert found.reasons == expected
    assert bool(found.notes) == bool(expected) and all(note.isascii() for note in found.notes)
    assert finding(leaf, [], trusting(ca)).reasons == expected, "an anchor's own constraints bind too"


def test_sig_10_excluded_names(authority: Authority) -> None:
    constraint = x509.NameConstraints(None, [x509.RFC822Name("example.org"), x509.DNSName("example.org")])
    ca = authority.ca("Excluding", issuer=authority.root, extensions=((constraint, True),))
    for trust in (trusting(authority.root), trusting(ca)):
        assert finding(authority.leaf("a@example.com", issuer=ca), [ca], trust).reasons == ()
        assert finding(authority.leaf("a@example.org", issuer=ca), [ca], trust).reasons == (Reason.UNTRUSTED,)


def test_path_length_and_unknown_critical_extensions(authority: Authority) -> None:
    root = authority.ca("Short", issuer=None, ca=None, extensions=((x509.BasicConstraints(True, 0), True),))
    middle = authority.ca("Too Deep", issuer=root)
    leaf = authority.leaf("a@example.com", issuer=middle)
    assert finding(leaf, [middle], trusting(root)).reasons == (Reason.UNTRUSTED,)
    assert finding(authority.leaf("a@example.com", issuer=root), [], trusting(root)).reasons == ()
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    assert reasons(authority.leaf("a@example.com", extensions=((unknown, True),)), authority) == (Reason.UNTRUSTED,)
    assert reasons(authority.leaf("a@example.com", extensions=((unknown, False),)), authority) == ()


def test_extensions_that_only_the_library_stumbles_over(authority: Authority) -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.32"), b"\x04\x01x")
    leaf = authority.leaf("a@example.com", extensions=((odd, False),))
    assert reasons(leaf, authority) == (Reason.MALFORMED,)


@pytest.mark.parametrize(
    ("kind", "legacy", "expected"),
    [
        ("rsa-2048", False, ()),
        ("rsa-1024", False, (Reason.WEAK_KEY,)),
        ("rsa-1024", True, ()),
        ("dsa", False, (Reason.WEAK_ALGORITHM,)),
        ("dsa", True, ()),
    ],
)
def test_crt_07_keys(authority: Authority, kind: str, legacy: bool, expected: Any) -> None:
    leaf = authority.leaf("a@example.com", kind=kind, key_usage=("digitalSignature",))
    assert reasons(leaf, authority, strictness=Strictness(accept_legacy=legacy)) == expected


def test_crt_07_a_weak_key_anywhere_in_the_path() -> None:
    weak = Authority("rsa-1024")
    leaf = weak.leaf("a@example.com", kind="p256")
    assert reasons(leaf, weak) == (Reason.WEAK_KEY,)
    assert reasons(leaf, weak, strictness=Strictness(accept_legacy=True)) == ()


@pytest.mark.parametrize(
    ("digest", "legacy", "expected"),
    [
        ("sha1", False, (Reason.WEAK_ALGORITHM,)),
        ("sha1", True, ()),
        ("md5", False, (Reason.WEAK_ALGORITHM,)),
        ("md5", True, (Reason.WEAK_ALGORITHM,)),
    ],
)
def test_crt_07_digests_below_the_anchor(digest: str, legacy: bool, expected: Any) -> None:
    authority = Authority("rsa-2048")
    strictness = Strictness(accept_legacy=legacy)
    leaf = authority.leaf("a@example.com", kind="p256", digest=digest)
    assert reasons(leaf, authority, strictness=strictness) == expected
    old_root = authority.ca("Old Root", issuer=None, digest=digest)
    fine = authority.leaf("a@example.com", kind="p256", issuer=old_root)
    assert finding(fine, [], trusting(old_root), strictness=strictness).reasons == (), "an anchor signed itself"


def test_all_reasons_are_given(authority: Authority) -> None:
    weak = Authority("rsa-1024", name="Weak")
    facts = {"kind": "rsa-1024", "digest": "sha1", "not_after": EARLY, "extended_key_usage": (SERVER_AUTH,)}
    leaf = weak.leaf("a@example.com", **facts)
    common = {Reason.EXPIRED, Reason.WRONG_USAGE, Reason.WEAK_KEY, Reason.WEAK_ALGORITHM}
    assert set(reasons(leaf, weak)) == common
    carried = [weak.intermediate, weak.root]
    assert set(finding(leaf, carried, trusting(authority.root)).reasons) == common | {Reason.UNTRUSTED}


def test_keys_that_are_costly_on_purpose_are_not_used(authority: Authority) -> None:
    factors = make_key("rsa-2048").private_numbers()
    exponent = (1 << 2000) + 1
    while gcd(exponent, (factors.p - 1) * (factors.q - 1)) != 1:
        exponent += 2
    inverse = pow(exponent, -1, (factors.p - 1) * (factors.q - 1))
    slow = rsa.RSAPrivateNumbers(
        p=factors.p, q=factors.q, d=inverse, dmp1=inverse % (factors.p - 1), dmq1=inverse % (factors.q - 1),
        iqmp=factors.iqmp, public_numbers=rsa.RSAPublicNumbers(exponent, factors.public_numbers.n),
    ).private_key()  # fmt: skip
    ca = authority.ca("Slow", issuer=authority.root, key=slow)
    leaf = authority.leaf("a@example.com", issuer=ca)
    assert finding(leaf, [ca], trusting(authority.root)).reasons == (Reason.UNSUPPORTED_ALGORITHM,)


# ── nothing is fetched ──


def test_net_01_and_02_nothing_is_fetched(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses in a certificate are not followed under any setting: no socket is made."""
    monkeypatch.setattr(socket, "socket", None)
    url = x509.UniformResourceIdentifier("http://127.0.0.1:1/unique")
    access = x509.AuthorityInformationAccess(
        [x509.AccessDescription(oid, url) for oid in (x509.oid.AuthorityInformationAccessOID.OCSP,
                                                      x509.oid.AuthorityInformationAccessOID.CA_ISSUERS)]
    )  # fmt: skip
    points = x509.CRLDistributionPoints([x509.DistributionPoint([url], None, None, None)])
    leaf = authority.leaf("a@example.com", extensions=((access, False), (points, False)))
    hard = Strictness(Revocation.HARD)
    assert reasons(leaf, authority, strictness=hard) == (Reason.REVOCATION_UNKNOWN,)
    assert finding(leaf, [], trusting(authority.root), strictness=hard).reasons == (Reason.NO_PATH,)


# ── hostile heaps ──


def _crossed(count: int, rounds: int) -> list[Issued]:
    """CAs of which everyone signed everyone, ``rounds`` times."""
    authority = Authority()
    alone = [authority.ca(f"Cross {n}", issuer=None) for n in range(count)]
    return [
        authority.ca(f"Cross {n}", issuer=by, key=ca.private_key, key_ids=False)
        for _ in range(rounds)
        for n, ca in enumerate(alone)
        for by in alone
        if by is not ca
    ]


@pytest.mark.parametrize(("count", "rounds"), [(5, 1), (3, 8), (7, 1)])
def test_cross_signed_heaps_have_a_fixed_price(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, count: int, rounds: int
) -> None:
    """Twenty certificates and more that sign one another: signature checks and steps are counted, not seconds."""
    made: list[Issuances] = []
    steps: list[int] = []
    monkeypatch.setattr(path_module, "Issuances", lambda limit: made.append(Issuances(limit)) or made[-1])
    lengthen = path_module._Search._lengthen
    monkeypatch.setattr(path_module._Search, "_lengthen", lambda *given: steps.append(1) or lengthen(*given))
    heap = _crossed(count, rounds)
    leaf = authority.leaf("a@example.com", issuer=heap[0], key_ids=False)
    found = finding(leaf, heap, trusting(authority.root))
    assert len(heap) >= 20
    assert set(found.reasons) <= {Reason.LIMIT, Reason.NO_PATH} and found.reasons
    assert sum(MAX_SIGNATURE_CHECKS - one.left for one in made) <= MAX_SIGNATURE_CHECKS
    assert len(steps) <= path_module.MAX_STEPS


def test_a_heap_does_not_hide_the_way_to_an_anchor(authority: Authority) -> None:
    heap = _crossed(5, 1)
    true = authority.ca("Cross 0", issuer=authority.root, key=heap[0].private_key, key_ids=False)
    leaf = authority.leaf("a@example.com", issuer=true, key_ids=False)
    assert finding(leaf, [*heap, true], trusting(authority.root)).reasons == ()


def test_a_path_leads_to_an_anchor_while_its_end_is_trusted(authority: Authority) -> None:
    leaf = authority.leaf("a@example.com", kind="p256")
    path = tuple(certificates([leaf, *leaf.issuers]))
    assert leads_to_anchor(path, trusting(authority.root), AT)
    assert not leads_to_anchor(path, trusting(known=[authority.root]), AT)
    assert not leads_to_anchor(path, trusting(authority.root, distrusted=[authority.intermediate]), AT)
    assert leads_to_anchor(path[1:], trusting(authority.root, distrusted=[leaf]), AT)


def test_no_path_is_longer_than_ten(authority: Authority) -> None:
    known = [authority.intermediate]
    for number in range(7):
        known.append(authority.ca(f"Level {number}", issuer=known[-1]))
    trust = trusting(authority.root)
    ten = finding(authority.leaf("a@example.com", issuer=known[-1]), known, trust)
    assert ten.reasons == () and len(ten.path) == 10
    known.append(authority.ca("Level 7", issuer=known[-1]))
    assert finding(authority.leaf("a@example.com", issuer=known[-1]), known, trust).reasons == (Reason.LIMIT,)


def test_no_certificate_comes_twice_in_a_path(authority: Authority) -> None:
    heap = [*_crossed(4, 1), authority.intermediate]
    leaf = authority.leaf("a@example.com", issuer=heap[0], key_ids=False)
    built = build_paths(leaf.certificate, certificates(heap), trusting(authority.root), AT)
    for path in (*built.complete, built.stranded):
        keys = [identity(item) for item in path]
        assert len(keys) == len(set(keys))


@pytest.fixture(scope="module")
def soup() -> list[bytes]:
    """Certificates of all sorts, DER."""
    authority, other = Authority(), Authority("rsa-2048", name="Other")
    issued = [
        authority.root, authority.intermediate, other.root, other.intermediate,
        authority.leaf("a@example.com"), other.leaf("b@example.com", digest="sha1"),
        authority.self_signed("c@example.com"), authority.ca("Loop", issuer=other.root),
        authority.leaf("d@example.com", kind="ed25519", key_ids=False), authority.leaf("e@example.com", kind="x25519"),
        authority.leaf("f@example.com", not_after=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ]  # fmt: skip
    return [item.der for item in issued]


@settings(max_examples=settings().max_examples * 3 // 2)
@given(data=st.data())
def test_random_heaps_give_a_finding(soup: list[bytes], data: st.DataObject) -> None:
    """Whatever is carried, trusted and changed, ``judge`` returns; only reading a certificate may raise Malformed."""
    chosen = [bytearray(der) for der in data.draw(st.lists(st.sampled_from(soup), min_size=2, max_size=8))]
    for der in chosen:
        for _ in range(data.draw(st.integers(0, 2))):
            der[data.draw(st.integers(0, len(der) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    heap = []
    for der in chosen:
        try:
            heap.append(read_certificate(bytes(der)))
        except Malformed:
            continue
    if heap:
        trust = TrustSnapshot(data.draw(st.lists(st.sampled_from(heap), max_size=3)), heap[:2])
        at = data.draw(st.datetimes(timezones=st.just(UTC)))
        found = judge(heap[-1], heap, trust, at, strictness=Strictness(Revocation.HARD))
        assert found.path[0] == heap[-1]
        assert found.since <= at <= found.until
        assert found.anchor is not None or found.reasons


# ── verdicts that are kept ──


def test_a_kept_verdict_changes_with_time_trust_and_settings(authority: Authority) -> None:
    leaf = authority.leaf("a@example.com", not_after=LATE)
    carried, trust, verdicts = [authority.intermediate.certificate], trusting(authority.root), Verdicts()

    def ask(at: datetime = AT, trust: TrustSnapshot = trust, **facts: Any) -> tuple[Reason, ...]:
        return verdicts.judge(leaf.certificate, carried, trust, at, **facts).reasons

    assert ask() == ()
    assert ask(at=LATE + timedelta(seconds=1)) == (Reason.EXPIRED,)
    assert ask() == ()
    assert ask(trust=trusting()) == (Reason.NO_PATH,)
    assert ask(trust=trusting(authority.root, distrusted=[leaf])) == (Reason.UNTRUSTED,)
    assert ask(strictness=Strictness(Revocation.HARD)) == (Reason.REVOCATION_UNKNOWN,)
    assert verdicts.judge(leaf.certificate, [], trust, AT).reasons == (Reason.NO_PATH,)


def test_a_kept_verdict_is_not_judged_again(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    leaf, verdicts, asked = authority.leaf("a@example.com"), Verdicts(size=2), []
    monkeypatch.setattr("gateway.pki.verdicts.judge", lambda *given: asked.append(1) or judge(*given))

    def ask(*carried: Issued, at: datetime = AT) -> PathFinding:
        return verdicts.judge(leaf.certificate, certificates(carried), trusting(authority.root), at)

    first = ask(authority.intermediate)
    assert ask(authority.intermediate, at=AT + timedelta(days=300)) is first
    assert len(asked) == 1
    ask()
    ask(leaf)
    ask(authority.intermediate)
    assert len(asked) == 4, "two are kept, the oldest is forgotten"


def test_a_question_with_large_certificates_is_not_kept(authority: Authority) -> None:
    padding = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.1"), bytes(MAX_SIZE))
    large = authority.leaf("b@example.com", extensions=[(padding, False)])
    leaf, verdicts, trust = authority.leaf("a@example.com"), Verdicts(), trusting(authority.root)

    def ask(*carried: Issued) -> PathFinding:
        return verdicts.judge(leaf.certificate, certificates(carried), trust, AT)

    assert ask(authority.intermediate) is ask(authority.intermediate)
    assert ask(authority.intermediate, large) is not ask(authority.intermediate, large)
    assert ask(authority.intermediate, large).reasons == ()


def test_a_finding_holds_between_the_times_it_names(authority: Authority) -> None:
    ca = authority.ca("Short-lived", issuer=authority.root, not_before=EARLY, not_after=LATE)
    leaf, trust = authority.leaf("a@example.com", issuer=ca), trusting(authority.root)
    found = finding(leaf, [ca], trust)
    assert found.since + timedelta(minutes=10) > EARLY and found.until < LATE + timedelta(minutes=10)
    for at in (found.since, AT, found.until):
        assert finding(leaf, [ca], trust, at=at).reasons == ()
    assert finding(leaf, [ca], trust, at=LATE).since == finding(leaf, [ca], trust, at=LATE).until == LATE
