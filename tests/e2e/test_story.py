"""Helpdesk, gateway, Postfix, the far end: what arrives there is opened and verified by the ``openssl`` command."""

import email
import email.policy

import pytest

from gateway.cms.enveloped import read_enveloped
from gateway.mail.entity import decoded_body, read_entity
from tests.e2e.client import letter, submit
from tests.e2e.conftest import ALICE, BOB, People
from tests.e2e.daemon import PLAIN, STRICT, Daemon
from tests.e2e.postfix import Postfix
from tests.e2e.sink import Mail, Sink
from tests.openssl import Witness

pytestmark = pytest.mark.postfix

MIXED = (
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    + "Grüße\r\n".encode()
    + b"--b\r\nContent-Type: application/pdf; name=x.pdf\r\nContent-Disposition: attachment; filename=x.pdf\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQKJeLjz9MK\r\n--b--\r\n"
)
SHAPES = {
    "plain": ("text/plain", "7bit", b"Dear Alice,\r\n\r\n.dot\r\nFrom here on.  \r\n"),
    "eight-bit": ("text/plain; charset=utf-8", "8bit", "Grüße aus Köln\r\n".encode()),
    "attachment": ("multipart/mixed; boundary=b", "8bit", MIXED),
}


def leaves(content: bytes) -> list[tuple[str, bytes]]:
    """Type and decoded content of every leaf, read by Python's own parser; final line ends do not count."""
    tree = email.message_from_bytes(content, policy=email.policy.compat32)
    parts = [part for part in tree.walk() if not part.is_multipart()]
    return [(part.get_content_type(), part.get_payload(decode=True).rstrip(b"\r\n")) for part in parts]  # type: ignore[union-attr]


def below_received(mail: Mail) -> bytes:
    """The content under the Received field that Postfix put on top."""
    entity = read_entity(mail.content)
    assert entity.header.fields[0].name == "received"
    assert b"Postfix" in entity.header.raw(entity.header.fields[0])
    return mail.content[len(entity.header.raw(entity.header.fields[0])) :]


@pytest.mark.parametrize("shape", SHAPES)
def test_signed_and_encrypted(shape: str, relayed: Daemon, sink: Sink, people: People, witness: Witness) -> None:
    kind, encoding, body = SHAPES[shape]
    sent = letter(kind=kind, encoding=encoding, body=body)
    answer = submit(relayed.doors["outbound"], sent.content, ALICE)
    assert answer.code == 250
    assert "queued as" in answer.text
    (mail,) = sink.by_id(sent.id)
    assert (mail.field("content-type") or b"").startswith(b"application/pkcs7-mime; smime-type=enveloped-data")
    signed = witness.decrypt(mail.content, people.secret(ALICE))
    assert leaves(witness.verify(signed, people.authority.root.pem())) == leaves(sent.content)
    record = relayed.record(sent.id)
    assert (record["signature"]["status"], record["encryption"]["status"]) == ("signed", "encrypted")
    assert record["reply"].endswith(answer.text)


def test_sender_can_read_it_back(relayed: Daemon, sink: Sink, people: People, witness: Witness) -> None:
    sent = letter()
    submit(relayed.doors["outbound"], sent.content, ALICE)
    (mail,) = sink.by_id(sent.id)
    assert b"multipart/signed" in witness.decrypt(mail.content, people.secret("support@example.org"))


def test_other_fields_stay_as_they_are(relayed: Daemon, sink: Sink) -> None:
    """OUT-07: names, order, folding and 8-bit bytes of all fields that are not Content-*."""
    odd = (
        "X-Umlaut: Grüße, Müller",
        "x-CASE:no blank",
        "X-Folded: one\r\n\ttwo\r\n  three",
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
        "X-Empty:",
    )
    sent = letter(*odd)
    submit(relayed.doors["outbound"], sent.content, ALICE)
    (mail,) = sink.by_id(sent.id)
    head = below_received(mail).partition(b"\r\nMIME-Version:")[0]
    assert head == sent.content.partition(b"\r\nMIME-Version:")[0]


def test_out_03_hidden_recipients_get_copies_of_their_own(
    relayed: Daemon, sink: Sink, people: People, witness: Witness
) -> None:
    sent = letter(to=ALICE)
    answer = submit(relayed.doors["outbound"], sent.content, ALICE, BOB)
    assert answer.code == 250
    shown, hidden = sink.by_id(sent.id, 2)
    assert (shown.recipients, hidden.recipients) == ((ALICE,), (BOB,))
    assert b"bob" not in shown.content
    for mail, reader, stranger in ((shown, ALICE, BOB), (hidden, BOB, ALICE)):
        signed = witness.decrypt(mail.content, people.secret(reader))
        witness.verify(signed, people.authority.root.pem())
        envelope = read_enveloped(decoded_body(read_entity(mail.content)))
        readers = [info.identity for info in envelope.recipients if info.identity is not None]
        assert len(readers) == len(envelope.recipients)
        assert not any(identity.names(people.issued[stranger].certificate) for identity in readers)


def test_internal_recipient_gets_a_readable_copy(relayed: Daemon, sink: Sink, people: People, witness: Witness) -> None:
    sent = letter(to=f"{ALICE}, journal@example.org")
    assert submit(relayed.doors["outbound"], sent.content, ALICE, "journal@example.org").code == 250
    sealed, readable = sink.by_id(sent.id, 2)
    assert (sealed.recipients, readable.recipients) == ((ALICE,), ("journal@example.org",))
    assert b"enveloped-data" in (sealed.field("content-type") or b"")
    witness.verify(readable.content, people.authority.root.pem())
    assert [delivery["encrypted"] for delivery in relayed.record(sent.id)["deliveries"]] == [True, False]


def test_required_and_impossible_is_refused_with_address_and_reason(relayed: Daemon, sink: Sink) -> None:
    sent = letter(sender=STRICT, to=f"{ALICE}, carol@example.com")
    answer = submit(relayed.doors["outbound"], sent.content, ALICE, "carol@example.com", sender=STRICT)
    assert (answer.code, answer.text[:5]) == (550, "5.7.3")
    assert "carol@example.com (no-certificate)" in answer.text
    assert ALICE not in answer.text
    record = relayed.record(sent.id)
    assert (record["verdict"], record["encryption"]["missing"]) == (
        "reject",
        [{"address": "carol@example.com", "reason": "no-certificate"}],
    )
    assert not sink.found(lambda mail: mail.field("message-id") == sent.id.encode())


def test_required_and_possible(relayed: Daemon, sink: Sink, people: People, witness: Witness) -> None:
    sent = letter(sender=STRICT)
    assert submit(relayed.doors["outbound"], sent.content, ALICE, sender=STRICT).code == 250
    (mail,) = sink.by_id(sent.id)
    witness.verify(witness.decrypt(mail.content, people.secret(ALICE)), people.authority.root.pem())


@pytest.mark.parametrize("sender", [PLAIN, "stranger@example.net"])
def test_mail_we_have_nothing_to_do_with_is_untouched(sender: str, relayed: Daemon, sink: Sink) -> None:
    body = "Grüße\r\n..two dots\r\n.\tone\r\n trailing \r\n" + "x" * 900 + "\r\n\r\n\r\n"
    sent = letter("X-Odd:\tü  ", sender=sender, body=body)
    answer = submit(relayed.doors["outbound"], sent.content, ALICE, sender=sender, mail=("BODY=8BITMIME",))
    assert answer.code == 250
    (mail,) = sink.by_id(sent.id)
    assert below_received(mail) == sent.content


def test_requests_are_honoured_and_removed(relayed: Daemon, sink: Sink, people: People, witness: Witness) -> None:
    sent = letter("X-SMIME-Gateway-Encrypt: never", "X-SMIME-Gateway-Signature: pass; signer=me@example.org")
    assert submit(relayed.doors["outbound"], sent.content, ALICE).code == 250
    (mail,) = sink.by_id(sent.id)
    assert b"x-smime-gateway" not in mail.content.lower()
    witness.verify(mail.content, people.authority.root.pem())


def test_null_sender_report_is_relayed_as_it_is(relayed: Daemon, sink: Sink, postfix: Postfix) -> None:
    body = (
        b"--b\r\n\r\nread\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\nDisposition: x\r\n--b--\r\n"
    )
    sent = letter(sender=PLAIN, kind="multipart/report; report-type=disposition-notification; boundary=b", body=body)
    assert submit(relayed.doors["outbound"], sent.content, ALICE, sender="").code == 250
    (mail,) = sink.by_id(sent.id)
    assert mail.mail.startswith("FROM:<>")
    assert below_received(mail) == sent.content
