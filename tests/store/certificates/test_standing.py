"""What stored evidence says against a leaf that is to be used: asked of the store as it is now, for the time of use."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import CertificateRevocationList

from gateway.pki import verdicts
from gateway.pki.revocation import read_status_response
from gateway.pki.sources import Kind, Source
from gateway.pki.validation import judge
from gateway.reason import Reason
from gateway.store import Store, StoreOptions, open_store
from gateway.store.certificates.said import Trust
from gateway.store.imports.importing import ImportOptions, import_file
from tests.authority import Authority, Issued
from tests.store.certificates.entries import entries

AT = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ALICE = "alice@example.com"


def put(store: Store, *parts: Issued | CertificateRevocationList, **options: Any) -> None:
    """Import each from a file of its own."""
    for part in parts:
        data = part.pem() if isinstance(part, Issued) else part.public_bytes(Encoding.PEM)
        (imported,) = import_file(store, data, (), ImportOptions(**options))
        assert imported.result != "refused"


def say(store: Store, trust: Trust, issued: Issued) -> None:
    store.certificates.set_trust(issued.certificate.fingerprint, trust)


def drop(store: Store, issued: Issued) -> None:
    store.certificates.delete(issued.certificate.fingerprint)


def learn(store: Store, issued: Issued, above: Iterable[Issued] | None = None) -> None:
    """Learn a leaf as mail does that carries all certificates above it but the anchor."""
    way = issued.issuers[:-1] if above is None else above
    intermediates = tuple(issuer.certificate for issuer in way)
    store.learned.learn(ALICE, issued.certificate, (), AT, trusted=True, intermediates=intermediates)


def fault(store: Store, at: datetime = AT) -> Reason | None:
    """What is known against Alice's only certificate."""
    (holding,) = store.certificates.find([ALICE], at)[ALICE]
    return holding.fault


@pytest.fixture
def alice(authority: Authority) -> Issued:
    return authority.leaf(ALICE, kind="p256")


@pytest.fixture
def learned(store: Store, authority: Authority, alice: Issued) -> Store:
    """A store with the root as anchor, and Alice's certificate learned with the intermediate above it."""
    put(store, authority.root)
    learn(store, alice)
    return store


# learned: only while its path holds


def test_crt_06_it_lasts_as_long_as_its_anchor(learned: Store, authority: Authority) -> None:
    """CRT-06: distrusted, deleted, and back again; its intermediate is nowhere but in the mail that taught it."""
    assert fault(learned) is None
    say(learned, Trust.DISTRUSTED, authority.root)
    assert fault(learned) is Reason.UNTRUSTED
    say(learned, Trust.TRUSTED, authority.root)
    assert fault(learned) is None
    drop(learned, authority.root)
    assert fault(learned) is Reason.UNTRUSTED
    put(learned, authority.root)
    assert fault(learned) is None


def test_crt_06_a_distrusted_intermediate_ends_it(learned: Store, authority: Authority) -> None:
    """CRT-06."""
    put(learned, authority.intermediate, trust=False)
    assert fault(learned) is None
    say(learned, Trust.DISTRUSTED, authority.intermediate)
    assert fault(learned) is Reason.UNTRUSTED


def test_crt_04_it_or_an_intermediate_is_revoked(learned: Store, authority: Authority, alice: Issued) -> None:
    """CRT-04: by a stored CRL, whatever `revocation` fetches, and as long as it is stored."""
    own = authority.revocation_list(alice)
    above = authority.revocation_list(authority.intermediate, issuer=authority.root)
    for found in (own, above):
        put(learned, found)
        assert fault(learned) is Reason.REVOKED
        learned.revocation_lists.delete(learned.revocation_lists.list()[0].fingerprint)
        assert fault(learned) is None


def test_that_nothing_is_known_of_a_revocation_is_no_reason(learned: Store, authority: Authority) -> None:
    other = authority.leaf(ALICE, kind="p256")
    put(learned, authority.revocation_list(other), authority.revocation_list(until=AT - DAY, issuer=authority.root))
    assert fault(learned) is None


def test_crt_04_an_ocsp_response_counts(learned: Store, authority: Authority, alice: Issued) -> None:
    """CRT-04: one that was fetched when Alice's mail was judged."""
    path = (alice.certificate, *(issuer.certificate for issuer in alice.issuers))
    response = read_status_response(authority.status_response(alice, revoked_at=AT - DAY, at=AT - DAY))
    learned.revocation_sources.fetched(Source(Kind.RESPONSE, "http://ocsp.example/", path), response, AT)
    assert fault(learned) is Reason.REVOKED
    assert fault(learned, AT - 2 * DAY) is None


def test_time_alone_changes_the_answer(store: Store, authority: Authority) -> None:
    """Nothing is imported between two looks, and each is right whatever was asked before."""
    short = authority.ca("Short", issuer=authority.root, not_after=AT + 9 * DAY)
    revoked, other = (authority.leaf(ALICE, issuer=short, kind="p256") for _ in range(2))
    crl = authority.revocation_list(revoked, issuer=short, revoked_at=AT + DAY, until=AT + 5 * DAY)
    put(store, authority.root, crl)
    learn(store, revoked)
    learn(store, other)

    def faults(days: int) -> tuple[Reason | None, ...]:
        found = store.certificates.find([ALICE], AT + days * DAY)[ALICE]
        by_name = {holding.certificate: holding.fault for holding in found}
        return by_name[revoked.certificate], by_name[other.certificate]

    late = (Reason.REVOKED, None)
    expected = {0: (None, None), 2: late, 6: late, 10: (Reason.REVOKED, Reason.UNTRUSTED)}
    for days in (0, 2, 0, 10, 6, 2, 10, 0):
        assert faults(days) == expected[days]


def test_crt_06_a_path_that_mail_shows_later_is_kept(store: Store, authority: Authority) -> None:
    """CRT-06: an intermediate that another root signed, too; one that mail leaves out changes nothing."""
    other = Authority(name="Other")
    alice = authority.leaf(ALICE, kind="p256")
    middle = authority.intermediate
    crossed = authority.ca("Test Intermediate", issuer=other.root, key=middle.private_key)
    put(store, authority.root, other.root)
    learn(store, alice)
    drop(store, authority.root)
    assert fault(store) is Reason.UNTRUSTED
    learn(store, alice, [crossed])
    assert fault(store) is None
    learn(store, alice, [])
    assert fault(store) is None


def test_one_for_encryption_only_holds(store: Store, authority: Authority) -> None:
    put(store, authority.root)
    learn(store, authority.leaf(ALICE, kind="p256", key_usage=("keyAgreement",)))
    assert fault(store) is None


def test_crt_06_what_it_was_learned_with_is_trusted_by_nobody(store: Store, authority: Authority) -> None:
    """CRT-06: intermediates from mail, roots among them, make no path for others and no anchor."""
    stranger = Authority(name="Stranger").leaf(ALICE, kind="p256")
    learn(store, stranger, stranger.issuers)
    assert fault(store) is Reason.UNTRUSTED
    assert store.certificates.chain(stranger.certificate) == ()
    assert [item.certificate.fingerprint for item in entries(store)] == [stranger.certificate.fingerprint]


def test_crt_06_approved_it_needs_no_path_any_more(learned: Store, authority: Authority, alice: Issued) -> None:
    """CRT-06: `cert trust` trusts it for itself; that it is revoked still counts, its issuer being known from mail."""
    say(learned, Trust.TRUSTED, alice)
    drop(learned, authority.root)
    assert fault(learned) is None
    put(learned, authority.revocation_list(alice))
    assert fault(learned) is Reason.REVOKED


# imported: trusted for itself


def test_crt_04_an_imported_one_is_revoked(store: Store, authority: Authority, alice: Issued) -> None:
    """CRT-04: by its issuer's stored CRL, also where that is no anchor."""
    put(store, alice, authority.revocation_list(alice))
    assert fault(store) is None  # whether that list is its issuer's, nobody can tell
    put(store, authority.intermediate, trust=False)
    assert fault(store) is Reason.REVOKED
    say(store, Trust.TRUSTED, alice)
    assert fault(store) is Reason.REVOKED
    store.revocation_lists.delete(store.revocation_lists.list()[0].fingerprint)
    assert fault(store) is None


def test_crt_04_a_list_that_its_issuer_did_not_sign_counts_for_nothing(
    store: Store, authority: Authority, alice: Issued
) -> None:
    """CRT-04: nor does one that names others."""
    mallory, other = Authority(name="Mallory"), authority.leaf("bob@example.com", kind="p256")
    put(store, alice, authority.intermediate, authority.root, mallory.root)
    put(store, authority.revocation_list(alice, signer=mallory.root))
    assert fault(store) is None
    put(store, authority.revocation_list(other, number=2))
    assert fault(store) is None


def test_trusted_for_itself_it_needs_no_authority(store: Store, authority: Authority, alice: Issued) -> None:
    """As for its signatures: only its own revocation counts, not what becomes of those above."""
    put(store, alice, authority.intermediate, authority.root)
    put(store, authority.revocation_list(authority.intermediate, issuer=authority.root))
    say(store, Trust.DISTRUSTED, authority.root)
    assert fault(store) is None


def test_own_and_other_certificates_alike(store: Store, authority: Authority) -> None:
    """CRT-04: one with a private key, and of several each by itself."""
    old, new = (authority.leaf(ALICE, kind="p256") for _ in range(2))
    put(store, old, new, authority.intermediate, authority.revocation_list(new))
    import_file(store, old.key_pem() + new.key_pem(), (), ImportOptions())
    found = {holding.certificate: holding for holding in store.certificates.find([ALICE], AT)[ALICE]}
    assert all(holding.has_key for holding in found.values())
    assert (found[old.certificate].fault, found[new.certificate].fault) == (None, Reason.REVOKED)


# what it costs


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A line for each judgement that is made."""
    made: list[object] = []

    def noted(*question: Any) -> Any:
        made.append(question[0])
        return judge(*question)

    monkeypatch.setattr(verdicts, "judge", noted)
    return made


def test_without_evidence_imported_ones_are_not_judged(
    store: Store, authority: Authority, alice: Issued, judged: list[object]
) -> None:
    put(store, alice, authority.intermediate, authority.root)
    assert fault(store) is None
    assert judged == []


def test_a_judgement_is_made_once(
    options: StoreOptions, authority: Authority, alice: Issued, judged: list[object]
) -> None:
    """Until time, trust or evidence may change it; another certificate that comes does not."""
    store = open_store(options, durable=True)
    put(store, authority.root, authority.revocation_list())
    learn(store, alice)
    assert [fault(store, AT + n * timedelta(seconds=1)) for n in range(5)] == [None] * 5
    assert judged == [alice.certificate]
    put(store, authority.leaf("bob@example.com", kind="p256"))
    assert fault(store) is None
    assert judged == [alice.certificate]
    say(store, Trust.DISTRUSTED, authority.root)
    assert fault(store) is Reason.UNTRUSTED
    assert judged == [alice.certificate] * 2
