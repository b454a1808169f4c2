"""The milter under a real Postfix: signing, encrypting, opening and verifying in place, and what happens without it."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.client import Answer, letter, submit
from tests.e2e.conftest import ALICE, BOB, People
from tests.e2e.daemon import PLAIN, STRICT, SUPPORT, Daemon, poll
from tests.e2e.milters import TEAM, MilterPostfix
from tests.e2e.sink import Mail, Sink
from tests.e2e.test_story import SHAPES, leaves
from tests.inbound.content_key import cbc, wrapped
from tests.inbound.made import p7m
from tests.letters import ENTITY, SECRET, encrypted, head, signed
from tests.openssl import Witness

pytestmark = pytest.mark.postfix

OUTSIDE = "alice@customer.example"
DATE = "Date: Mon, 01 Jun 2026 10:00:00 +0000"


@pytest.fixture(scope="module")
def mta(sink: Sink) -> Iterator[MilterPostfix]:
    with MilterPostfix(sink.port) as postfix:
        yield postfix.start()


@pytest.fixture(scope="module")
def gateway(mta: MilterPostfix, sink: Sink, people: People) -> Iterator[Daemon]:
    with Daemon({"outbound": sink.port, "inbound": sink.port}, milters=mta.milters) as daemon:
        people.introduce(daemon)
        yield daemon.start()


def without_received(mail: Mail) -> bytes:
    """The content without the field in which Postfix says that it took the message, wherever it stands."""
    return re.sub(rb"Received: from helpdesk[^\n]*\n(?:[ \t][^\n]*\n)*", b"", mail.content, count=1)


@pytest.mark.parametrize("shape", SHAPES)
def test_signed_and_encrypted(
    shape: str, gateway: Daemon, mta: MilterPostfix, sink: Sink, people: People, witness: Witness
) -> None:
    kind, encoding, body = SHAPES[shape]
    sent = letter(kind=kind, encoding=encoding, body=body)
    answer = submit(mta.submission, sent.content, ALICE, mail=("BODY=8BITMIME",))
    assert answer.code == 250
    (mail,) = sink.by_id(sent.id)
    verified = witness.verify(witness.decrypt(mail.content, people.secret(ALICE)), people.authority.root.pem())
    assert leaves(verified) == leaves(sent.content)
    record = gateway.record(sent.id)
    assert (record["front_end"], record["door"], record["verdict"]) == ("milter", "submission", "relay")
    assert (record["signature"]["status"], record["encryption"]["status"]) == ("signed", "encrypted")
    assert record["queue_id"] in answer.text
    assert record["client"] == "127.0.0.1"
    assert [delivery["next_hop"] for delivery in record["deliveries"]] == [None]


def test_sendmail_goes_through_non_smtpd_milters(
    gateway: Daemon, mta: MilterPostfix, sink: Sink, people: People, witness: Witness
) -> None:
    sent = letter(to="carol@example.com")
    mta.sendmail(sent.content.replace(b"\r\n", b"\n"), "carol@example.com", sender=SUPPORT)
    (mail,) = sink.by_id(sent.id)
    assert leaves(witness.verify(mail.content, people.authority.root.pem())) == leaves(sent.content)
    assert gateway.record(sent.id)["sender"] == SUPPORT


def test_other_fields_stay_as_they_are(gateway: Daemon, mta: MilterPostfix, sink: Sink) -> None:
    """OUT-07: names, order, folding and 8-bit bytes of all fields that are not Content-*."""
    odd = (
        "X-Umlaut: Grüße, Müller",
        "x-CASE:no blank",
        "X-Folded: one\r\n\ttwo\r\n  three",
        "X-Tab:\tx \t",
        "X-Empty:",
    )
    sent = letter(*odd)
    assert submit(mta.submission, sent.content, ALICE, mail=("BODY=8BITMIME", "SMTPUTF8")).code == 250
    (mail,) = sink.by_id(sent.id)
    assert without_received(mail).partition(b"\r\nMIME-Version:")[0] == sent.content.partition(b"\r\nMIME-Version:")[0]


def test_mail_we_have_nothing_to_do_with_is_untouched(gateway: Daemon, mta: MilterPostfix, sink: Sink) -> None:
    body = "Grüße\r\n..two dots\r\n.\tone\r\n trailing \r\n" + "x" * 900 + "\r\n\r\n\r\n"
    sent = letter("X-Odd:\tü  ", "X-Odd: again", sender=PLAIN, body=body)
    assert submit(mta.submission, sent.content, ALICE, sender=PLAIN, mail=("BODY=8BITMIME", "SMTPUTF8")).code == 250
    (mail,) = sink.by_id(sent.id)
    assert without_received(mail) == sent.content


def test_required_and_impossible_is_refused_with_address_and_reason(
    gateway: Daemon, mta: MilterPostfix, sink: Sink
) -> None:
    """The % of the address comes back as one, and in the record too."""
    sent = letter(sender=STRICT, to="car%ol@example.com")
    answer = submit(mta.submission, sent.content, "car%ol@example.com", sender=STRICT)
    assert (answer.code, answer.text[:5]) == (550, "5.7.3")
    assert "car%ol@example.com (no-certificate)" in answer.text
    record = gateway.record(sent.id)
    assert record["verdict"] == "reject"
    assert record["reply"] == f"550 {answer.text}"
    assert not sink.found(lambda mail: mail.field("message-id") == sent.id.encode())


@pytest.mark.parametrize("sender", [SUPPORT, STRICT])
@pytest.mark.parametrize("case", ["hidden", "internal"])
def test_what_would_need_copies(sender: str, case: str, gateway: Daemon, mta: MilterPostfix, sink: Sink) -> None:
    """A milter cannot split: unencrypted where that is allowed, else refused."""
    other = {"hidden": BOB, "internal": "journal@example.org"}[case]
    reason = {"hidden": "hidden-recipient", "internal": "mixed-recipients"}[case]
    sent = letter(sender=sender, to=ALICE if case == "hidden" else f"{ALICE}, {other}")
    answer = submit(mta.submission, sent.content, ALICE, other, sender=sender)
    record = gateway.record(sent.id)
    if sender == STRICT:
        assert answer.code == 550
        assert answer.text.startswith("5.7.3")
        assert reason in answer.text
        assert record["verdict"] == "reject"
    else:
        assert answer.code == 250
        (mail,) = sink.by_id(sent.id)
        assert set(mail.recipients) == {ALICE, other}
        assert (mail.field("content-type") or b"").startswith(b"multipart/signed")
    assert record["encryption"]["status"] == "not-encrypted"
    assert record["encryption"]["reason"] == reason


def arrive(mta: MilterPostfix, content: bytes, *recipients: str, **more: tuple[str, ...]) -> Answer:
    return submit(mta.mx, content, *(recipients or (SUPPORT,)), sender=OUTSIDE, **more)


def test_opened_and_verified(gateway: Daemon, mta: MilterPostfix, sink: Sink, people: People) -> None:
    author = people.authority.leaf(OUTSIDE)
    content = encrypted(head(message_id="<opened@customer.example>"), people.issued[SUPPORT], entity=signed(author))
    assert arrive(mta, content).code == 250
    (mail,) = sink.by_id("<opened@customer.example>")
    assert SECRET in mail.content
    assert (mail.field("x-smime-gateway-encryption") or b"").startswith(b"decrypted")
    assert mail.field("x-smime-gateway-signature").startswith(b"pass; signer=" + OUTSIDE.encode())  # type: ignore[union-attr]
    assert gateway.record("<opened@customer.example>")["signature"]["status"] == "pass"


def test_hdr_03_results_stand_above_all_trace_fields(gateway: Daemon, mta: MilterPostfix, sink: Sink) -> None:
    content = head(
        "X-SMIME-Gateway-Signature: pass; signer=ceo@example.org",
        "Authentication-Results: smime.gw.example.org; smime=pass",
        message_id="<forged@customer.example>",
    )
    assert arrive(mta, content + b"Content-Type: text/plain\r\n\r\nHi\r\n").code == 250
    (mail,) = sink.by_id("<forged@customer.example>")
    lines = [line.split(b":")[0] for line in mail.content.split(b"\r\n\r\n")[0].split(b"\r\n") if line[:1].strip()]
    ours = [b"X-SMIME-Gateway-Seal", b"Authentication-Results"]
    ours += [b"X-SMIME-Gateway-" + name for name in (b"Signature", b"Encryption", b"Id")]
    assert lines[:5] == ours
    assert lines[5:7] == [b"Received", b"Received"]
    assert sum(line.lower().startswith(b"x-smime-gateway") for line in lines) == 4
    assert b"ceo@" not in mail.content


def test_a_detached_signature_survives_and_verifies(
    gateway: Daemon, mta: MilterPostfix, sink: Sink, people: People, witness: Witness
) -> None:
    """SMT-13: folds, tabs and trailing blanks inside what is signed come through untouched."""
    entity = (
        b"Content-Type: text/plain;\r\n\tcharset=utf-8\r\nX-Fold: a\r\n\tb \t\r\n\r\n" + "Grüße \t\r\n\r\n".encode()
    )
    content = head(DATE, message_id="<clear@customer.example>") + signed(people.authority.leaf(OUTSIDE), entity)
    assert arrive(mta, content, mail=("BODY=8BITMIME",)).code == 250
    (mail,) = sink.by_id("<clear@customer.example>")
    assert (mail.field("x-smime-gateway-signature") or b"").startswith(b"pass")
    assert without_received(mail).endswith(content)
    witness.verify(mail.content, people.authority.root.pem() + people.authority.intermediate.pem())


def test_a_message_that_passes_twice_is_known(gateway: Daemon, mta: MilterPostfix, sink: Sink, people: People) -> None:
    content = encrypted(head(message_id="<twice@customer.example>"), people.issued[SUPPORT])
    assert arrive(mta, content).code == 250
    (mail,) = sink.by_id("<twice@customer.example>")
    assert arrive(mta, mail.content).code == 250
    first, second = sink.by_id("<twice@customer.example>", 2)
    assert sorted([len(first.content), len(second.content)])[1] > len(mail.content)
    records = poll(lambda: found if len(found := gateway.records("<twice@customer.example>")) == 2 else None)
    assert records[1]["pass_of"] == records[0]["id"]
    assert all(SECRET in mail.content for mail in (first, second))


def test_recipients_of_different_groups_keep_it_closed(
    gateway: Daemon, mta: MilterPostfix, sink: Sink, people: People
) -> None:
    """Nobody is refused; the entitled get it opened later, as held mail."""
    content = encrypted(head(message_id="<mixed@customer.example>"), people.issued[SUPPORT])
    assert arrive(mta, content, SUPPORT, PLAIN).code == 250
    mail = sink.by_id("<mixed@customer.example>")[0]
    assert set(mail.recipients) == {SUPPORT, PLAIN}
    assert mail.field("x-smime-gateway-encryption") == b"failed; reason=not-addressed"
    assert SECRET not in mail.content
    assert gateway.record("<mixed@customer.example>")["held"]


@pytest.mark.parametrize("opens", [True, False])
def test_nobody_is_told_what_becomes_of_mail_that_a_key_was_used_for(
    opens: bool, gateway: Daemon, mta: MilterPostfix, sink: Sink, people: People
) -> None:
    """Nor of an alias that is expanded, nor that the next server refuses the mail."""
    envelope = cbc(wrapped(people.issued[SUPPORT]))
    sent, sender = f"<never-{opens}@customer.example>", f"never-{opens}@example.net"
    content = head(message_id=sent) + p7m(envelope if opens else envelope[:-1] + bytes([envelope[-1] ^ 1]))
    sink.rcpts["two@example.com"] = "550 5.1.1 nobody here"
    asked = ("NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;her+2Bown@example.org")
    for to in (SUPPORT, TEAM):
        answer = submit(mta.mx, content, to, sender=sender, mail=("RET=FULL",), rcpt=asked)
        assert answer.code == 250
    mails = sink.by_id(sent, 2)
    status = b"decrypted; cipher" if opens else b"failed; reason=decrypt-failed"
    assert all((mail.field("x-smime-gateway-encryption") or b"").startswith(status) for mail in mails)
    words = "ORCPT=rfc822;her+2Bown@example.org NOTIFY=NEVER"
    assert {mail.rcpt for mail in mails} == {(f"TO:<{SUPPORT}> {words}",), (f"TO:<one@example.com> {words}",)}
    poll(lambda: sender not in mta.queued())
    assert sink.found(lambda mail: sender in mail.recipients) == []


def test_where_success_is_to_be_reported_it_stays_closed_at_first(
    gateway: Daemon, mta: MilterPostfix, sink: Sink, people: People
) -> None:
    sent, sender = "<success@customer.example>", "success@example.net"
    content = head(message_id=sent) + p7m(cbc(wrapped(people.issued[SUPPORT]), entity=ENTITY))
    answer = submit(mta.mx, content, TEAM, sender=sender, rcpt=("NOTIFY=SUCCESS,FAILURE",))
    assert answer.code == 250
    (report,) = sink.wait(lambda mail: mail.recipients == (sender,))
    assert b"expanded" in report.content and SECRET not in report.content
    assert b"X-SMIME-Gateway-Encryption: failed; reason=not-addressed" in report.content
    gateway.run("held", "retry", gateway.record(sent)["held"])
    (opened,) = sink.wait(lambda mail: SECRET in mail.content and mail.recipients == (TEAM,))
    assert opened.rcpt == (f"TO:<{TEAM}> NOTIFY=NEVER",)
    assert not any(SECRET in mail.content for mail in sink.found(lambda mail: sender in mail.recipients))


def test_large_mail(gateway: Daemon, mta: MilterPostfix, sink: Sink, people: People, witness: Witness) -> None:
    sent = letter(body=b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 100_000, encoding="7bit")
    assert submit(mta.submission, sent.content, ALICE).code == 250
    (mail,) = sink.by_id(sent.id)
    verified = witness.verify(witness.decrypt(mail.content, people.secret(ALICE)), people.authority.root.pem())
    assert leaves(verified) == leaves(sent.content)


class TestWithout:
    """SMT-12: no mail passes unprotected, and none is lost, where the gateway is away (milter_default_action)."""

    @pytest.fixture
    def alone(self, mta: MilterPostfix, sink: Sink, people: People, gateway: Daemon) -> Iterator[Daemon]:
        """The gateway, stopped by the test, running again afterwards."""
        yield gateway
        gateway.kill()
        gateway.start()

    def test_away(self, alone: Daemon, mta: MilterPostfix, sink: Sink) -> None:
        assert alone.stop() == 0
        assert not list(mta.sockets.iterdir())
        sent = letter()
        answer = submit(mta.submission, sent.content, ALICE)
        assert (answer.code, answer.text[:5]) == (451, "4.7.1")
        local = letter(to="carol@example.com")
        mta.sendmail(local.content.replace(b"\r\n", b"\n"), "carol@example.com", sender=SUPPORT)
        mta.logged("cleanup", "milter-reject", "4.7.1", f"from=<{SUPPORT}>")
        assert mta.waiting == 1
        # From here on Postfix may send the local mail again, and it leaves signed.
        assert not sink.found(lambda mail: mail.field("message-id") in (sent.id.encode(), local.id.encode()))
        alone.start()
        assert submit(mta.submission, sent.content, ALICE).code == 250

    def test_killed_in_the_middle(self, alone: Daemon, mta: MilterPostfix, sink: Sink) -> None:
        alone.kill()
        sent = letter()
        assert submit(mta.submission, sent.content, ALICE).code == 451
        alone.start()
        assert submit(mta.submission, sent.content, ALICE).code == 250
        assert len(sink.by_id(sent.id)) == 1

    def test_a_dead_process_is_replaced(self, alone: Daemon, mta: MilterPostfix, sink: Sink) -> None:
        (door, *_) = alone.children("milter")
        children = Path(f"/proc/{door}/task/{door}/children")
        before = children.read_text().split()
        os.kill(int(before[0]), signal.SIGKILL)
        for _ in range(6):
            sent = letter()
            assert submit(mta.submission, sent.content, ALICE).code == 250
        poll(lambda: len(now := children.read_text().split()) == len(before) and now != before)

    def test_a_store_that_is_gone(self, alone: Daemon, mta: MilterPostfix, sink: Sink) -> None:
        (database,) = (alone.folder / "state").glob("*.db")
        whole = database.read_bytes()
        try:
            database.write_bytes(b"rubbish" * 20_000)
            sent = letter()
            answer = submit(mta.submission, sent.content, ALICE)
            assert answer.text.startswith("4.3.0 Temporary trouble in the gateway")
            assert answer.code == 451
        finally:
            alone.kill()
            database.write_bytes(whole)
