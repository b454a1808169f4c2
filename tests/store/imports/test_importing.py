"""Imports: any file, keys and certificates in any order, trust, and nothing by halves."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.asn1 import der
from gateway.errors import Fault, Refused
from gateway.pki.certificate import read_certificate
from gateway.pki.self_issued import Whose
from gateway.reason import Reason
from gateway.store import Store
from gateway.store.imports.importing import Imported, ImportOptions, import_file
from gateway.store.keys import place, private_keys
from gateway.store.keys.key_encryption_key import KeyEncryptionKey
from tests.authority import SERVER_AUTH, Authority, Issued
from tests.inbound import made
from tests.pki import odd
from tests.pki.odd import put, signed_again
from tests.store.certificates.entries import entries

AT = datetime(2026, 6, 1, tzinfo=UTC)
Take = Callable[..., list[Imported]]


@pytest.fixture
def take(store: Store) -> Take:
    """Import parts as one PEM file; keywords are ``ImportOptions``, ``passphrases`` besides."""

    def run(*parts: bytes, passphrases: tuple[bytes, ...] = (), **options: Any) -> list[Imported]:
        return import_file(store, b"".join(parts), passphrases, ImportOptions(**options))

    return run


def words(results: list[Imported]) -> list[tuple[str, str, str | None]]:
    return [(imported.object, imported.result, imported.reason) for imported in results]


def stored(store: Store) -> tuple[int, int]:
    return len(entries(store)), len(store.keys.list())


@pytest.fixture
def alice(authority: Authority) -> Issued:
    return authority.leaf("Alice@Example.com", kind="p256")


ADDED = ("certificate", "added", None)
KNOWN = ("certificate", "known", "duplicate")


def test_a_certificate_and_its_key_in_one_file(store: Store, take: Take, alice: Issued) -> None:
    for parts in ((alice.key_pem(), alice.pem()), (alice.pem(), alice.key_pem())):
        results = take(*parts)
        assert sorted(imported.object for imported in results) == ["certificate", "key"]
        assert "waiting" not in {imported.reason for imported in results}
    (holding,) = store.certificates.find(["alice@example.com"], AT)["alice@example.com"]
    assert (holding.certificate, holding.has_key, holding.trusted) == (alice.certificate, True, True)


def test_a_key_alone_waits_until_its_certificate_comes(store: Store, take: Take, alice: Issued) -> None:
    assert words(take(alice.key_pem())) == [("key", "added", "waiting")]
    assert [stored.certificates for stored in store.keys.list()] == [()]
    assert words(take(alice.pem())) == [ADDED]
    assert store.certificates.get(alice.certificate.fingerprint).has_key
    assert [stored.certificates for stored in store.keys.list()] == [(alice.certificate.fingerprint,)]


def test_a_key_serves_every_certificate_with_its_public_key(store: Store, take: Take, authority: Authority) -> None:
    old = authority.leaf("alice@example.com", kind="p256")
    new = authority.leaf("alice@example.com", key=old.private_key, kind="p256")
    take(old.pem(), new.pem(), old.key_pem())
    assert [holding.has_key for holding in store.certificates.find(["alice@example.com"], AT)["alice@example.com"]] == [
        True
    ] * 2


def test_what_is_there_already_is_known_and_no_error(take: Take, alice: Issued) -> None:
    take(alice.pem(), alice.key_pem())
    again = take(alice.pem(), alice.key_pem(), alice.pem())
    assert words(again) == [KNOWN, ("key", "known", "duplicate"), KNOWN]
    assert {imported.fingerprint for imported in again} == {
        alice.certificate.fingerprint,
        alice.certificate.public_key_id,
    }


def test_a_pkcs12_brings_its_chain_as_intermediates(store: Store, take: Take, alice: Issued) -> None:
    results = take(alice.p12(b"secret"), passphrases=(b"wrong", b"secret"))
    assert {imported.result for imported in results} == {"added"}
    trust = {holding.certificate.subject: holding.trusted for holding in entries(store)}
    assert trust == {
        alice.certificate.subject: True,
        **{issuer.certificate.subject: False for issuer in alice.issuers},
    }
    assert all("cert trust" in imported.text for imported in results if "no anchor" in imported.text)


@pytest.mark.parametrize(
    ("flags", "anchors", "leaf"),
    [({}, False, True), ({"trust_cas": True}, True, True), ({"trust": False}, False, False)],
)
def test_trust_of_a_mixed_file(
    store: Store, take: Take, alice: Issued, flags: dict[str, bool], anchors: bool, leaf: bool
) -> None:
    take(alice.pem(), *(issuer.pem() for issuer in alice.issuers), **flags)
    assert {h.trusted for h in entries(store) if h.certificate.is_ca} == {anchors}
    assert {h.trusted for h in entries(store) if not h.certificate.is_ca} == {leaf}


@pytest.mark.parametrize(("trust", "trusted"), [(True, True), (False, False)])
def test_cas_by_themselves_are_anchors(
    store: Store, take: Take, authority: Authority, trust: bool, trusted: bool
) -> None:
    take(authority.root.pem(), authority.intermediate.pem(), trust=trust)
    assert {holding.trusted for holding in entries(store)} == {trusted}


@pytest.mark.parametrize(
    ("years", "usage", "text"),
    [
        ((2020, 2027), ("digitalSignature", "keyAgreement"), "trusted"),
        ((2020, 2027), ("digitalSignature",), "trusted; signs only"),
        ((2020, 2027), ("keyAgreement",), "trusted; encrypts only"),
        ((2020, 2021), ("digitalSignature",), "trusted; expired 2021-01-01: seals nothing"),
        ((2030, 2031), ("digitalSignature",), "trusted; not valid before 2030-01-01: seals nothing"),
    ],
)
def test_the_line_says_what_a_certificate_is_not_good_for(
    take: Take, authority: Authority, years: tuple[int, int], usage: tuple[str, ...], text: str
) -> None:
    begin, end = (datetime(year, 1, 1, tzinfo=UTC) for year in years)
    leaf = authority.leaf("a@example.com", kind="p256", key_usage=usage, not_before=begin, not_after=end)
    assert [imported.text for imported in take(leaf.pem(), at=AT)] == [text]


def test_the_line_says_what_an_anchor_is_believed_for(take: Take, authority: Authority) -> None:
    (imported,) = take(authority.root.pem(), at=AT)
    assert imported.text == "trust anchor: believed for every address"
    (imported,) = take(authority.root.pem(), at=datetime(2050, 1, 1, tzinfo=UTC))
    assert imported.text.startswith("trust anchor: believed for every address; expired ")


def test_a_refused_leaf_is_a_leaf_all_the_same(store: Store, take: Take, authority: Authority) -> None:
    web = authority.leaf("alice@example.com", extended_key_usage=(SERVER_AUTH,))
    assert words(take(web.pem(), authority.root.pem())) == [("certificate", "refused", "wrong-usage"), ADDED]
    assert [holding.trusted for holding in entries(store)] == [False]


def test_an_import_lifts_trust_but_never_a_distrust(
    store: Store, take: Take, alice: Issued, authority: Authority
) -> None:
    root = authority.root.certificate.fingerprint
    take(alice.pem(), authority.root.pem())
    assert not store.certificates.get(root).trusted
    assert "now trust anchor" in take(authority.root.pem())[0].text
    assert store.certificates.get(root).trusted
    store.certificates.set_trust(root, "distrusted")
    assert "distrusted" in take(authority.root.pem())[0].text
    assert store.certificates.get(root).distrusted


def test_a_refused_object_does_not_stop_the_others(
    store: Store, take: Take, alice: Issued, authority: Authority
) -> None:
    bare = authority.leaf(kind="p256")
    weak = authority.leaf("weak@example.com", kind="rsa-1024")
    dsa = authority.leaf("dsa@example.com", kind="dsa")
    results = take(bare.pem(), alice.pem(), weak.pem(), dsa.pem(), alice.key_pem(b"unknown"))
    assert [(imported.result, imported.reason) for imported in results] == [
        ("refused", "no-address"),
        ("added", None),
        ("refused", "weak-key"),
        ("refused", "unsupported-algorithm"),
        ("refused", "bad-passphrase"),
    ]
    assert all(imported.text for imported in results if imported.result == "refused")
    assert stored(store) == (1, 0)


def test_a_subject_address_counts_only_where_that_is_configured(store: Store, take: Take, authority: Authority) -> None:
    old = authority.leaf(subject_addresses=("old@example.com",), kind="p256")
    assert words(take(old.pem())) == [("certificate", "refused", "no-address")]
    assert words(take(old.pem(), subject_email="always")) == [ADDED]
    assert len(store.certificates.find(["old@example.com"], AT)["old@example.com"]) == 1


@pytest.mark.parametrize(
    "bad",
    [
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n\xff\xfe\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n",
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_fault_of_the_file_stores_nothing_of_it(
    store: Store, take: Take, alice: Issued, bad: bytes, place: int
) -> None:
    parts = [alice.pem(), alice.key_pem()]
    results = take(*parts[:place], bad, *parts[place:])
    assert {(imported.result, imported.reason) for imported in results} == {("refused", "malformed")}
    assert stored(store) == (0, 0)


@pytest.mark.parametrize("junk", [b"", b"hello", b"\0" * 100, b"\x30\x82\xff\xff" + b"x" * 50, b"\x89PNG\r\n\x1a\n"])
def test_junk_is_one_clear_line(store: Store, take: Take, junk: bytes) -> None:
    (imported,) = take(junk)
    assert (imported.result, imported.reason) == ("refused", "malformed")
    assert imported.text
    assert stored(store) == (0, 0)


def test_a_fault_of_the_store_in_the_middle_stores_nothing(
    store: Store, take: Take, alice: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_keys, "insert_new", _out_of_order)
    before = store.generation.current()
    with pytest.raises(Fault):
        take(alice.pem(), alice.key_pem())
    assert stored(store) == (0, 0)
    store.generation.expire()
    assert store.generation.current() == before
    monkeypatch.undo()
    assert {imported.result for imported in take(alice.pem(), alice.key_pem())} == {"added"}


def _out_of_order(*_: object) -> int:
    raise Fault("the disk is full")


def test_a_dry_run_says_all_and_does_nothing(store: Store, take: Take, alice: Issued) -> None:
    tried = take(alice.p12(b"secret"), passphrases=(b"secret",), dry_run=True)
    assert stored(store) == (0, 0)
    assert not list(store.certificates.find(["alice@example.com"], AT)["alice@example.com"])
    assert take(alice.p12(b"secret"), passphrases=(b"secret",)) == tried


def test_a_dry_run_makes_no_key_encryption_key(
    store: Store, take: Take, alice: Issued, options: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(place, "UNIT_CREDENTIALS", tmp_path)
    take(alice.key_pem(), dry_run=True)
    assert not (options.state / "kek").exists()
    take(alice.key_pem())
    assert KeyEncryptionKey.decode((options.state / "kek").read_bytes(), "file")


@pytest.mark.parametrize(
    "kind", ["rsa-2048", "p256", "p384", "p521", "ed25519", "ed448", "x25519", "x448", "ml-dsa-65"]
)
def test_every_kind_of_key_comes_back(store: Store, take: Take, authority: Authority, kind: str) -> None:
    owner = authority.leaf("owner@example.com", kind=kind)
    assert {imported.result for imported in take(owner.pem(), owner.key_pem())} == {"added"}
    key = store.keys.key(owner.certificate.public_key_id)
    assert key is not None
    assert key.public_key_id == owner.certificate.public_key_id


def test_a_key_that_came_with_a_passphrase_leaves_only_under_it(store: Store, take: Take, alice: Issued) -> None:
    take(alice.pem(), alice.key_pem(b"secret"), passphrases=(b"other", b"secret"))
    name = alice.certificate.fingerprint[:12]
    for given in (None, b"secret"):
        left = store.keys.export(name, given)
        assert b"ENCRYPTED" in left
        assert load_pem_private_key(left, b"secret").private_numbers() == alice.private_key.private_numbers()  # type: ignore[union-attr]
    with pytest.raises(Refused, match="passphrase it came with") as caught:
        store.keys.export(name, b"mine")
    assert caught.value.reason is Reason.BAD_PASSPHRASE


def test_a_key_that_came_without_leaves_only_under_one_given(store: Store, take: Take, alice: Issued) -> None:
    take(alice.pem(), alice.key_pem())
    with pytest.raises(Refused, match="--passphrase-file"):
        store.keys.export(alice.certificate.fingerprint, None)
    left = store.keys.export(alice.certificate.fingerprint, b"mine")
    assert load_pem_private_key(left, b"mine").public_key() == alice.private_key.public_key()
    with pytest.raises(ValueError, match=r"(?i)password|decrypt"):
        load_pem_private_key(left, b"secret")


PASSPHRASE = b"correct horse battery"


def test_key_01_no_private_key_can_be_read_from_disk(
    store: Store, take: Take, authority: Authority, options: Any
) -> None:
    """KEY-01: no PKCS#8 or PEM marker and no part of a key in database, write-ahead log or any other file."""
    if options.database != "sqlite":
        pytest.skip("the server's files are not ours; the same bytes go there")
    clear = authority.leaf("clear@example.com")
    guarded = authority.leaf("guarded@example.com")
    take(clear.pem(), clear.key_pem())
    take(guarded.p12(PASSPHRASE), passphrases=(PASSPHRASE,))
    files = {path.name: path.read_bytes() for path in options.state.rglob("*") if path.is_file()}
    store.close()
    files |= {f"{path.name} later": path.read_bytes() for path in options.state.rglob("*") if path.is_file()}
    assert {"store.db", "store.db-wal", "kek", "store.db later"} <= set(files)
    marks = [b"PRIVATE KEY", b"BEGIN", b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d", PASSPHRASE]
    for owner in (clear, guarded):
        numbers = owner.private_key.private_numbers()
        for number in (numbers.p, numbers.q, numbers.d, numbers.dmp1):
            size = (number.bit_length() + 7) // 8
            marks += [number.to_bytes(size, order)[8:40] for order in ("big", "little")]
        marks.append(owner.key_der()[:22])  # up to where the public modulus begins
    found = {(name, mark[:8]) for name, content in files.items() for mark in marks if mark in content}
    assert found == set()


# ── self-issued CA certificates that hold a mail address ──

PLAIN: dict[str, Any] = {"kind": "p256", "ca": True, "key_usage": None, "extended_key_usage": None}
"""As ``openssl req -x509`` writes it."""


def holders(store: Store, address: str) -> list[bool]:
    """Whether each certificate found for an address is trusted."""
    return [holding.trusted for holding in store.certificates.find([address], AT)[address]]


def test_a_persons_own_certificate_is_no_anchor(store: Store, take: Take, authority: Authority) -> None:
    anna = authority.self_signed("Anna@example.com", **PLAIN)
    (added,) = take(anna.pem())
    assert (added.result, added.addresses) == ("added", ("Anna@example.com",)) and "a person's" in added.text
    assert holders(store, "anna@example.com") == [True]
    holding = store.certificates.get(anna.certificate.fingerprint)
    assert not holding.certificate.is_ca and holding.certificate.may_sign
    leaf = authority.leaf("chief@bank.example", issuer=anna, kind="p256")
    assert not store.evidence.trust(leaf.certificate).is_anchor(anna.certificate)
    assert store.evidence.trust(anna.certificate).is_trusted_itself(anna.certificate)
    assert store.certificates.chain(leaf.certificate) == ()
    (again,) = take(anna.pem())
    assert words([again]) == [KNOWN] and "a person's" in again.text


def test_the_address_in_the_subject_counts_for_a_person(store: Store, take: Take, authority: Authority) -> None:
    anna = authority.self_signed(subject_addresses=("anna@example.com",), **PLAIN)
    (refused,) = take(anna.pem())
    assert words([refused]) == [("certificate", "refused", "ambiguous")]
    assert "--as person" in refused.text and "--as authority" in refused.text
    assert refused.addresses == ("anna@example.com",) and stored(store) == (0, 0)
    assert words(take(anna.pem(), whose=Whose.PERSON)) == [ADDED]
    assert holders(store, "anna@example.com") == [True]


def test_its_key_in_the_file_makes_it_a_persons(store: Store, take: Take, authority: Authority) -> None:
    anna = authority.self_signed("anna@example.com", **(PLAIN | {"key_usage": ("keyCertSign", "digitalSignature")}))
    assert [result.result for result in take(anna.key_pem(), anna.pem())] == ["added", "added"]
    assert holders(store, "anna@example.com") == [True]


def test_what_it_issued_in_the_file_makes_it_an_authority(store: Store, take: Take, authority: Authority) -> None:
    root = authority.self_signed("ca@example.com", **PLAIN)
    sub = authority.ca("Sub", issuer=root)
    assert [result.result for result in take(sub.pem(), root.pem())] == ["added", "added"]
    trust = store.evidence.trust(root.certificate)
    assert trust.is_anchor(root.certificate) and holders(store, "ca@example.com") == []
    impostor = authority.self_signed("other@example.com", **PLAIN)
    assert [result.result for result in take(impostor.pem(), sub.pem())] == ["added", "known"]
    assert holders(store, "other@example.com") == [True]


def test_somebody_says_whose_it_is(store: Store, take: Take, authority: Authority) -> None:
    anna = authority.self_signed("anna@example.com", **(PLAIN | {"key_usage": ("keyCertSign", "keyAgreement")}))
    assert words(take(anna.pem())) == [("certificate", "refused", "ambiguous")]
    assert words(take(anna.pem(), whose=Whose.AUTHORITY)) == [ADDED]
    assert (
        store.evidence.trust(anna.certificate).is_anchor(anna.certificate) and holders(store, "anna@example.com") == []
    )
    (person,) = take(anna.pem(), whose=Whose.PERSON)
    assert "now a person's" in person.text
    assert not store.evidence.trust(anna.certificate).is_anchor(anna.certificate)
    assert holders(store, "anna@example.com") == [True]
    (kept,) = take(anna.pem(), anna.key_pem())[:1]
    assert words([kept]) == [KNOWN]
    (authority_again,) = take(anna.pem(), whose=Whose.AUTHORITY)
    assert "now trust anchor" in authority_again.text and holders(store, "anna@example.com") == []


def test_as_person_makes_no_anchor(store: Store, take: Take, authority: Authority) -> None:
    (added,) = take(authority.root.pem(), whose=Whose.PERSON)
    assert added.result == "added" and "no anchor" in added.text
    assert not store.evidence.trust(authority.root.certificate).is_anchor(authority.root.certificate)


def test_an_intermediate_is_found_whatever_the_string_type_of_its_name(store: Store, take: Take) -> None:
    authority = Authority()
    printable = odd.name((odd.COMMON_NAME, der.tlv(0x13, b"Test  Intermediate")))
    utf8 = odd.name((odd.COMMON_NAME, der.tlv(0x0C, b"test intermediate")))
    ca = signed_again(authority.intermediate.der, authority.root, put(odd.SUBJECT, printable))
    leaf = signed_again(authority.leaf("a@example.com").der, authority.intermediate, put(odd.ISSUER, utf8))
    assert [words(import_file(store, item, (), ImportOptions())) for item in (ca, leaf)] == [[ADDED], [ADDED]]
    assert store.certificates.chain(read_certificate(leaf)) == (read_certificate(ca),)


# ── incomplete chains ──


def test_what_is_missing_above_a_certificate_with_a_key_is_said(take: Take, authority: Authority) -> None:
    alice, bob = (authority.leaf(f"{name}@example.com", kind="p256") for name in ("alice", "bob"))
    issuer = authority.intermediate.certificate.subject
    (certificate,) = take(alice.pem())
    assert "not stored" not in certificate.text, "nobody signs with it"
    (key,) = take(alice.key_pem())
    assert f"its issuer {issuer} is not stored" in key.text
    both = take(bob.key_pem(), bob.pem(), dry_run=True)
    assert [issuer in result.text for result in both] == [False, True]
    (again,) = take(alice.pem())
    assert f"its issuer {issuer} is not stored" in again.text
    take(authority.intermediate.pem(), authority.root.pem())
    assert "not stored" not in "".join(result.text for result in take(bob.key_pem(), bob.pem(), alice.pem()))


# ── saved mail ──


def test_a_signed_mail_brings_its_signers_certificate(store: Store, authority: Authority, alice: Issued) -> None:
    content = made.mail(made.signed(made.TEXT, alice))
    (added,) = import_file(store, content, (), ImportOptions())
    assert words([added]) == [ADDED] and added.fingerprint == alice.certificate.fingerprint
    assert stored(store) == (1, 0)
    (refused,) = import_file(store, content.replace(b"From: a", b"From: b"), (), ImportOptions())
    assert words([refused]) == [("mail", "refused", "address-mismatch")]


@pytest.mark.parametrize("asked", [{}, {"trust_cas": True}, {"whose": Whose.AUTHORITY}], ids=str)
def test_no_mail_brings_an_anchor(store: Store, authority: Authority, asked: dict[str, Any]) -> None:
    """Its writer chose what is in it: a self-made authority that holds his address, too."""
    usage = ("keyCertSign", "digitalSignature")
    own_root = authority.self_signed(made.ALICE, kind="p256", ca=True, key_usage=usage, extended_key_usage=None)
    below = authority.leaf(made.ALICE, issuer=own_root, kind="p256", ca=True, key_usage=usage, common_name="Below")
    for signer in (own_root, below):
        import_file(store, made.mail(made.signed(made.TEXT, signer)), (), ImportOptions(**asked))
        trust = store.evidence.trust(authority.leaf("chief@bank.example", issuer=signer).certificate)
        assert not trust.is_anchor(signer.certificate) and not trust.is_anchor(own_root.certificate)


def test_a_mail_does_not_make_an_anchor_a_persons(store: Store, authority: Authority) -> None:
    ca = authority.self_signed(
        made.ALICE, kind="p256", ca=True, key_usage=("keyCertSign", "digitalSignature"), extended_key_usage=None
    )
    assert words(import_file(store, ca.pem(), (), ImportOptions())) == [ADDED]
    assert words(import_file(store, made.mail(made.signed(made.TEXT, ca)), (), ImportOptions())) == [KNOWN]
    assert store.evidence.trust(ca.certificate).is_anchor(ca.certificate)


def test_a_mail_that_is_not_signed(store: Store, alice: Issued) -> None:
    (refused,) = import_file(store, made.mail(made.TEXT), (), ImportOptions())
    assert refused.reason is Reason.MALFORMED and "not signed" in refused.text
    pasted = made.mail(b"Content-Type: text/plain\r\n\r\nmy certificate:\r\n" + alice.pem())
    assert words(import_file(store, pasted, (), ImportOptions())) == [ADDED]


def test_two_certificates_of_one_issuer_and_serial_number_are_said(take: Take, authority: Authority) -> None:
    first = authority.leaf("one@example.com", kind="p256", serial=77)
    second = authority.leaf("two@example.com", kind="p256", serial=77)
    (line,) = take(first.pem())
    assert "same issuer and serial" not in line.text
    (line,) = take(second.pem())
    assert f"{first.certificate.fingerprint[:16]} has the same issuer and serial number" in line.text
