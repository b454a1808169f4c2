"""Doors before a sink: what leaves byte for byte, a next hop that is late or ourselves, and a store that changes."""

import smtplib

import pytest

from tests.authority import Authority
from tests.e2e.client import Answer, letter, send, submit
from tests.e2e.conftest import ALICE, BOB, People
from tests.e2e.daemon import PLAIN, STRICT, SUPPORT, Daemon, poll
from tests.e2e.sink import Sink
from tests.openssl import Witness

ODD = (
    b"..two\r\n.\tone\r\n trailing \t\r\n\r\n"
    + b"x" * 100_000
    + b"\r\nGr\xfc\xdfe \x00 \xff\r\nFrom here\r\n.\x80\r\n\r\n\r\n"
)


@pytest.mark.parametrize(("door", "sender"), [("outbound", PLAIN), ("outbound", "a@example.net"), ("inbound", SUPPORT)])
def test_untouched_mail_is_byte_identical(door: str, sender: str, direct: Daemon, sink: Sink) -> None:
    sent = letter("X-Odd :\t ", "x-odd:", "Bcc: secret@example.net", sender=sender, body=ODD)
    assert submit(direct.doors[door], sent.content, ALICE, sender=sender).code == 250
    (mail,) = sink.by_id(sent.id)
    results, found, rest = mail.content.partition(sent.content)
    assert (found, rest) == (sent.content, b"")
    names = {line.partition(b":")[0].lower() for line in results.split(b"\r\n") if line and not line.startswith(b" ")}
    assert all(name == b"authentication-results" or name.startswith(b"x-smime-gateway-") for name in names)
    assert bool(names) == (door == "inbound")
    assert mail.recipients == (ALICE,)


def test_smt_06_a_next_hop_that_is_ourselves(direct: Daemon) -> None:
    answer = submit(direct.doors["loop"], letter().content)
    assert (answer.code, answer.text[:5]) == (554, "5.4.6")


def test_next_hop_down_and_up_again(direct: Daemon) -> None:
    """REL-04: the client hears 4xx and no detail; when the next hop comes, mail flows, also over kept connections."""
    down = submit(direct.doors["late"], letter().content)
    assert 400 <= down.code < 500
    assert str(direct.hops["late"]) not in down.text
    for _ in range(2):
        late = Sink(direct.hops["late"]).start()
        try:
            for _ in range(8):
                sent = letter()
                assert submit(direct.doors["late"], sent.content).code == 250
                assert len(late.by_id(sent.id)) == 1
        finally:
            late.stop()
    assert 400 <= submit(direct.doors["late"], letter().content).code < 500


def everywhere(door: int, sender: str, recipient: str, code: int) -> Answer | None:
    """Submit over several connections, so that both workers are met; the answer once all give ``code``."""
    answers = [submit(door, letter(to=recipient, sender=sender).content, recipient, sender=sender) for _ in range(6)]
    return answers[0] if all(answer.code == code for answer in answers) else None


def test_import_and_deletion_reach_running_workers(
    direct: Daemon, sink: Sink, people: People, authority: Authority, witness: Witness
) -> None:
    """By themselves, without a reload: every worker looks twice a second for changes."""
    door, address = direct.doors["outbound"], "newcomer@example.com"
    refused = everywhere(door, STRICT, address, 550)
    assert refused is not None
    assert f"{address} (no-certificate)" in refused.text
    newcomer = authority.leaf(address)
    direct.import_(newcomer.pem())
    poll(lambda: everywhere(door, STRICT, address, 250), message="the import did not reach the workers")
    sent = letter(to=address, sender=STRICT)
    submit(door, sent.content, address, sender=STRICT)
    (mail,) = sink.by_id(sent.id)
    signed = witness.decrypt(mail.content, newcomer.pem() + newcomer.key_pem())
    witness.verify(signed, authority.root.pem())
    direct.run("cert", "delete", "--yes", newcomer.certificate.fingerprint)
    poll(lambda: everywhere(door, STRICT, address, 550), message="the deletion did not reach the workers")


def test_key_deletion_reaches_running_workers(direct: Daemon, people: People) -> None:
    """KEY-05: cached keys included."""
    door, own = direct.doors["outbound"], people.issued[STRICT]
    assert everywhere(door, STRICT, ALICE, 250)
    direct.run("key", "delete", "--yes", own.certificate.public_key_id)
    try:
        answer = poll(lambda: everywhere(door, STRICT, ALICE, 550), message="the deletion did not reach the workers")
        assert answer is not None
        assert f"{STRICT} (no-key)" in answer.text
    finally:
        direct.import_(own.key_pem())
    poll(lambda: everywhere(door, STRICT, ALICE, 250), message="the key did not come back")


def test_distrust_reaches_running_workers(direct: Daemon, people: People) -> None:
    door, fingerprint = direct.doors["outbound"], people.issued[BOB].certificate.fingerprint
    direct.run("cert", "distrust", fingerprint)
    try:
        answer = poll(lambda: everywhere(door, STRICT, BOB, 550), message="the distrust did not reach the workers")
        assert answer is not None
        assert f"{BOB} (untrusted)" in answer.text
    finally:
        direct.run("cert", "trust", fingerprint)
    poll(lambda: everywhere(door, STRICT, BOB, 250), message="the trust did not come back")


def test_one_session_many_messages_of_all_kinds(direct: Daemon, sink: Sink) -> None:
    """A refusal, a deferral, a reset and a relayed message in turn leave nothing behind for the next one."""
    later, never = "later@example.com", "never@example.com"
    sink.dots |= {later: "451 4.7.1 Not now", never: "554 5.7.1 Not this"}
    with smtplib.SMTP("127.0.0.1", direct.doors["outbound"], timeout=30) as client:
        for _ in range(3):
            assert send(client, letter(sender=STRICT).content, "carol@example.com", sender=STRICT).code == 550
            assert send(client, letter().content, later).code == 451
            assert send(client, letter().content, never).code == 554
            client.mail(SUPPORT)
            client.rcpt(BOB)
            client.rset()
            sent = letter(to=ALICE)
            assert send(client, sent.content, ALICE, "carol@example.com").code == 250
            (mail,) = sink.by_id(sent.id)
            assert mail.recipients == (ALICE, "carol@example.com")
