"""What else is known of a certificate: who says whether it is revoked, which mail used it; and what waits beside it."""

from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.serialization import Encoding

from gateway.admin.background import Source
from gateway.admin.certificates import shown
from gateway.admin.pending import pending
from gateway.clock import now
from gateway.pki.revocation import read_status_response
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.store.revocation import responses
from gateway.wiring import Wiring
from tests.authority import Authority, Issued
from tests.store.journal.records import AT, record

REVOKED_AT = datetime(2026, 2, 1, tzinfo=UTC)


def test_nobody_says_anything(filled: Wiring, support: Issued, authority: Authority) -> None:
    for item in (support, authority.root):
        found = shown(filled, item.certificate.fingerprint).revocation
        assert (found.status, found.words) == ("unknown", ())


def test_a_list_says_who_is_revoked_and_since_when(filled: Wiring, support: Issued, authority: Authority) -> None:
    other = authority.leaf("other@example.org", kind="p256")
    crl = authority.revocation_list(support, revoked_at=REVOKED_AT)
    for data in (other.pem(), crl.public_bytes(Encoding.PEM)):
        import_file(filled.store, data, [], ImportOptions())
    found = shown(filled, support.certificate.fingerprint).revocation
    (word,) = found.words
    assert (found.status, word.source, word.url, word.revoked_at) == ("revoked", Source.CRL, None, REVOKED_AT)
    assert word.fingerprint
    of_other = shown(filled, other.certificate.fingerprint).revocation
    assert (of_other.status, of_other.words[0].revoked_at) == ("good", None)
    assert shown(filled, authority.intermediate.certificate.fingerprint).revocation.words == ()


def test_a_responder_says_so_too(filled: Wiring, support: Issued, authority: Authority) -> None:
    response = read_status_response(authority.status_response(support, at=now() - timedelta(hours=1)))
    with filled.store.database.change() as connection:
        responses.put(connection, support.certificate, response, now())
    filled.store.generation.expire()
    found = shown(filled, support.certificate.fingerprint).revocation
    assert found.status == "good"
    assert [(word.source, word.revoked_at) for word in found.words] == [(Source.OCSP, None)]


def test_the_mail_that_used_it_last_is_found(filled: Wiring, support: Issued) -> None:
    assert shown(filled, support.certificate.fingerprint).last_use is None
    name = support.certificate.fingerprint
    used = {"status": "signed", "signers": [{"fingerprint": name}]}
    filled.store.journal.write(
        [
            record("a" * 22, signature=used),
            record("b" * 22, signature=used, received_at=AT + timedelta(hours=1)),
            record("c" * 22, received_at=AT + timedelta(hours=2)),
        ]
    )
    detail = shown(filled, name)
    assert detail.last_use is not None
    assert (detail.last_use.record_id, detail.seen) == ("b" * 22, AT + timedelta(hours=1))


def test_what_waits_stands_beside_what_is_used(filled: Wiring, authority: Authority) -> None:
    old, new, gone, stranger = (
        authority.leaf("a@example.com", kind="p256"),
        authority.leaf("a@example.com", kind="p256"),
        authority.leaf("a@example.com", kind="p256", not_after=now() - timedelta(days=1)),
        authority.leaf("b@example.com", kind="p256"),
    )
    for item in (old, gone):
        import_file(filled.store, item.pem(), [], ImportOptions())
    assert pending(filled).items == ()
    for item in (new, stranger):
        (address,) = item.certificate.addresses
        filled.store.learned.learn(address, item.certificate, (), now(), trusted=False)
    found = {pair.new.fingerprint: tuple(item.fingerprint for item in pair.old) for pair in pending(filled).items}
    assert found == {
        new.certificate.fingerprint: (old.certificate.fingerprint,),
        stranger.certificate.fingerprint: (),
    }
    first = pending(filled, limit=1)
    assert len(first.items) == 1
    assert first.next is not None
    assert len(pending(filled, first.next, 1).items) == 1
