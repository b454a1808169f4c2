"""Clients as the world sends them: hasty, slow, vanishing; large mail, many recipients, a slow next hop."""

import smtplib
import socket
import sqlite3
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.client import Rough, letter, submit
from tests.e2e.conftest import ALICE, BOB, People
from tests.e2e.daemon import PLAIN, SUPPORT, Daemon, poll
from tests.e2e.sink import Sink
from tests.openssl import Witness

KEPT = 20
"""Connections that a worker keeps to its next hop."""


def dialogue(content: bytes, *recipients: str, sender: str = PLAIN) -> bytes:
    """A whole transaction as a pipelining client sends it; the content needs no dot-stuffing."""
    commands = [f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{to}>" for to in recipients), "DATA", ""]
    return "\r\n".join(commands).encode() + content + b".\r\n"


def reset(client: Rough) -> None:
    """Break off with RST, so that the other side learns that nobody reads."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.file.close()
    client.socket.close()


def waiting(daemon: Daemon) -> int:
    """How many copies the ledger keeps for a client's next attempt."""
    with sqlite3.connect(f"file:{daemon.folder}/state/store.db?mode=ro", uri=True) as store:
        return int(store.execute("SELECT count(*) FROM ledger WHERE released").fetchone()[0])


def established(port: int) -> int:
    """How many connections to a port of this machine there are."""
    wanted = f":{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2].endswith(wanted) and row[3] == "01" for row in rows)


@pytest.fixture(scope="module")
def alone(people: People) -> Iterator[tuple[Daemon, Sink]]:
    """A gateway of one worker and the sink behind it, for these tests only."""
    hop = Sink().start()
    with Daemon({"outbound": hop.port}, workers=1) as daemon:
        people.introduce(daemon)
        yield daemon.start(), hop
    hop.stop()


def test_everything_in_one_segment(direct: Daemon, sink: Sink) -> None:
    """SMT-11: three messages, commands and content together, before a single reply was read."""
    letters = [letter(sender=PLAIN) for _ in range(3)]
    with Rough(direct.doors["outbound"]) as client:
        stream = b"".join(dialogue(sent.content, ALICE, BOB) for sent in letters)
        client.send(b"EHLO hasty.example.org\r\n" + stream + b"QUIT\r\n")
        replies = [client.reply()[:3] for _ in range(2 + 3 * 5 + 1)]
    assert replies == ["220", "250", *["250", "250", "250", "354", "250"] * 3, "221"]
    for sent in letters:
        assert [mail.content for mail in sink.by_id(sent.id)] == [sent.content]


def test_byte_by_byte(direct: Daemon, sink: Sink) -> None:
    sent = letter(sender=PLAIN, body="short\r\n")
    with Rough(direct.doors["outbound"]) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in b"EHLO slow.example.org\r\n" + dialogue(sent.content, ALICE) + b"QUIT\r\n":
            client.send(bytes([octet]))
        assert [client.reply()[:3] for _ in range(7)] == ["220", "250", "250", "250", "354", "250", "221"]
    assert [mail.content for mail in sink.by_id(sent.id)] == [sent.content]


def test_rel_05_half_close_after_the_dot(direct: Daemon, sink: Sink) -> None:
    """A client that has nothing more to say still gets its reply, and the mail is not lost."""
    sent = letter(to=ALICE)
    with Rough(direct.doors["outbound"]) as client:
        client.send(b"EHLO brief.example.org\r\n" + dialogue(sent.content, ALICE, BOB, sender=SUPPORT))
        client.socket.shutdown(socket.SHUT_WR)
        assert [client.reply()[:3] for _ in range(7)] == ["220", "250", "250", "250", "250", "354", "250"]
        assert client.reply() == ""
    assert len(sink.by_id(sent.id, 2)) == 2


@pytest.mark.parametrize("recipients", [(ALICE,), (ALICE, BOB)])
def test_rel_05_retry_of_a_client_that_vanished_after_the_dot(
    recipients: tuple[str, ...], alone: tuple[Daemon, Sink]
) -> None:
    """It never heard the 250 and sends again: every recipient has exactly one copy."""
    daemon, hop = alone
    sent = letter(to=ALICE)
    hop.hold()
    client = Rough(daemon.doors["outbound"])
    client.open(*recipients)
    client.send(sent.content + b".\r\n")
    hop.by_id(sent.id)
    reset(client)
    hop.release()
    poll(lambda: waiting(daemon) == len(recipients), message="the ledger does not wait for the retry")
    assert submit(daemon.doors["outbound"], sent.content, *recipients).code == 250
    assert waiting(daemon) == 0
    assert len(daemon.records(sent.id)) == 2
    copies = hop.by_id(sent.id, len(recipients))
    assert sorted(to for mail in copies for to in mail.recipients) == sorted(recipients)


def test_the_same_mail_twice_on_purpose(direct: Daemon, sink: Sink) -> None:
    sent = letter(to=ALICE)
    for _ in range(2):
        assert submit(direct.doors["outbound"], sent.content, ALICE, BOB).code == 250
    assert len(sink.by_id(sent.id, 4)) == 4


def test_client_that_vanishes_inside_the_content(direct: Daemon, sink: Sink) -> None:
    """Nothing is delivered of half a message, also where its last line looks like an end."""
    sent = letter(sender=PLAIN)
    for rest in (b"", b"\r\n.", b"\r\n.\r", b".\n"):
        client = Rough(direct.doors["outbound"])
        client.open(ALICE, sender=PLAIN)
        client.send(sent.content + rest)
        reset(client)
    follower = letter(sender=PLAIN)
    assert submit(direct.doors["outbound"], follower.content, sender=PLAIN).code == 250
    sink.by_id(follower.id)
    assert not sink.found(lambda mail: mail.field("message-id") == sent.id.encode())


@pytest.mark.parametrize("last", ["EHLO", "MAIL", "RCPT", "RSET", "DATA"])
def test_lim_04_vanishing_clients_leave_no_connections(last: str, alone: tuple[Daemon, Sink]) -> None:
    """Whatever they wait for when they go: no connection to the next hop stays behind but those the pool keeps."""
    daemon, hop = alone
    said = ["EHLO ghost.example.org", "MAIL FROM:<plain@example.org>", "RCPT TO:<a@example.com>"]
    said.append("RSET" if last == "RSET" else "DATA")
    end = 1 + [command[:4] for command in said].index(last)
    hop.delays[last] = 0.5
    for _ in range(30):
        vanish_after(Rough(daemon.doors["outbound"]), hop, *said[:end])
    hop.delays.clear()
    assert submit(daemon.doors["outbound"], letter(sender=PLAIN).content, sender=PLAIN).code == 250
    poll(lambda: established(hop.port) <= KEPT, 10, f"{established(hop.port)} connections stay behind")


def vanish_after(client: Rough, hop: Sink, *commands: str) -> None:
    """Say these commands, the last of them without waiting for its reply, and vanish when the next hop has heard it."""
    client.reply()
    *before, last = commands
    for command in before:
        client.say(command)
    heard = hop.heard[last[:4]]
    client.send(last.encode() + b"\r\n")
    if last[:4] in ("MAIL", "RCPT", "RSET"):
        poll(lambda: hop.heard[last[:4]] > heard, message=f"{last} did not arrive")
    reset(client)


def test_ten_megabytes(direct: Daemon, sink: Sink, people: People, witness: Witness) -> None:
    sent = letter(body=b"0123456789abcdef" * 4 + b"\r\n", kind="application/octet-stream", encoding="7bit")
    content = sent.content + (b"0123456789abcdef" * 4 + b"\r\n") * 160_000
    assert submit(direct.doors["outbound"], content, ALICE).code == 250
    (mail,) = sink.by_id(sent.id)
    signed = witness.decrypt(mail.content, people.secret(ALICE))
    assert content.partition(b"\r\n\r\n")[2].rstrip() in witness.verify(signed, people.authority.root.pem())


def test_two_hundred_recipients_in_one_copy(direct: Daemon, sink: Sink) -> None:
    """All shown, none encrypted to: one message, its envelope whole and in order."""
    everybody = [f"r{n}@many.example.com" for n in range(200)]
    sent = letter(to=", ".join(everybody))
    answer = submit(direct.doors["outbound"], sent.content, *everybody)
    assert (answer.code, answer.refused) == (250, {})
    (mail,) = sink.by_id(sent.id)
    assert list(mail.recipients) == everybody


def test_two_hundred_internal_recipients_and_a_hidden_one(direct: Daemon, sink: Sink) -> None:
    """Three copies, one of them for two hundred who need no encryption."""
    colleagues = tuple(f"journal+{n}@example.org" for n in range(200))
    sent = letter(to=", ".join([ALICE, *colleagues]))
    answer = submit(direct.doors["outbound"], sent.content, ALICE, BOB, *colleagues)
    assert (answer.code, answer.refused) == (250, {})
    assert [mail.recipients for mail in sink.by_id(sent.id, 3)] == [(ALICE,), (BOB,), colleagues]


def test_many_hidden_recipients(direct: Daemon, sink: Sink, people: People) -> None:
    """More copies than ``limits.copies``: in batches, each recipient one copy of its own."""
    hidden = [f"hidden{n}@example.com" for n in range(20)]
    direct.import_(*(people.authority.leaf(address, kind="p256").pem() for address in hidden))
    sent = letter("X-SMIME-Gateway-Encrypt: required", to=ALICE)

    def taken() -> bool:
        return submit(direct.doors["outbound"], sent.content, ALICE, *hidden).code == 250

    poll(taken, message="the imports did not reach the workers")
    copies = sink.by_id(sent.id, 21)
    assert sorted(mail.recipients for mail in copies) == sorted((address,) for address in (ALICE, *hidden))


def test_slow_next_hop_holds_up_nobody_else(direct: Daemon, sink: Sink) -> None:
    """Forty transactions wait at the next hop at once; all end well when it answers."""
    letters = [letter() for _ in range(40)]
    sink.hold()
    with ThreadPoolExecutor(40) as pool:
        pending = [pool.submit(submit, direct.doors["outbound"], sent.content) for sent in letters]
        for sent in letters:
            sink.by_id(sent.id)
        with smtplib.SMTP("127.0.0.1", direct.doors["outbound"], timeout=30) as other:
            assert other.ehlo()[0] == 250
            assert other.mail(SUPPORT)[0] == 250
        sink.release()
        assert {task.result().code for task in pending} == {250}


def test_unread_replies_do_not_keep_a_worker(direct: Daemon) -> None:
    """A client that only talks is cut off, and others are served meanwhile."""
    with Rough(direct.doors["outbound"]) as deaf:
        deaf.send(b"EHLO deaf.example.org\r\n" + b"NOOP\r\n" * 200)
        assert submit(direct.doors["outbound"], letter().content).code == 250
        assert [deaf.reply()[:3] for _ in range(2)] == ["220", "250"]
        last = ""
        while reply := deaf.reply():
            last = reply
        assert last.startswith("421")
