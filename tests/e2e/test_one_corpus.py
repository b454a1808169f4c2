"""One corpus through the proxy, the milter and ``message process``: the same verdicts, records and results.

Records differ in what belongs to the way a message came (ids, times, front end, door, client, size, deliveries,
replies) and in nothing else. Bytes are the same for mail left untouched and for inbound mail, but for the record's id,
the seal over it, and the Received field that Postfix adds; sealed mail is the same after opening. Left out is what
Postfix itself changes before any milter sees it: mail without Date or Message-ID, without an empty line, with NUL, with
a blank before a colon; and what a milter must refuse, which is in ``test_milter``.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.command import run
from tests.e2e.client import letter, submit
from tests.e2e.conftest import ALICE, BOB, People
from tests.e2e.daemon import PLAIN, STRICT, SUPPORT, Daemon
from tests.e2e.milters import MilterPostfix
from tests.e2e.sink import Mail, Sink
from tests.e2e.test_fixtures import FIXTURES
from tests.e2e.test_story import SHAPES, leaves
from tests.letters import encrypted, head, signed
from tests.openssl import Witness

pytestmark = pytest.mark.postfix

OUTSIDE = "alice@customer.example"
JOURNAL = "journal@example.org"
OF_THE_WAY = {
    *("id", "queue_id", "received_at", "duration_ms"),
    *("front_end", "door", "client", "size", "digest", "deliveries", "reply"),
}
ALTERED_BY_POSTFIX = {
    "12-no-empty-line",
    "13-nul-byte",
    "23-unknown-sender",
    "24-no-from",
    "25-no-from-stranger",
    "26-two-from-fields",
}
_RECEIVED = re.compile(rb"Received: from [^\n]*\n\tby mta\.example\.org \(Postfix\)[^\n]*\n(?:[ \t][^\n]*\n)*")
_OF_THE_RECORD = re.compile(rb"(X-SMIME-Gateway-(?:Id|Seal)):[^\n]*\n(?:[ \t][^\n]*\n)*+")


@dataclass(frozen=True)
class Case:
    """A message of the corpus, and how it is sent."""

    content: bytes
    recipients: tuple[str, ...] = (ALICE,)
    sender: str = SUPPORT
    inbound: bool = False
    key: str = ALICE
    """Whose key opens what was encrypted."""
    options: tuple[str, ...] = field(default=("BODY=8BITMIME", "SMTPUTF8"))


@pytest.fixture(scope="module")
def mta(sink: Sink) -> Iterator[MilterPostfix]:
    with MilterPostfix(sink.port) as postfix:
        yield postfix.start()


@pytest.fixture(scope="module")
def gateway(mta: MilterPostfix, people: People) -> Iterator[Daemon]:
    hops = {"outbound": mta.port, "inbound": mta.port}
    with Daemon(hops, milters=mta.milters, inbound={"hold": {"enabled": False}}) as daemon:
        people.introduce(daemon)
        yield daemon.start()


def golden() -> dict[str, Case]:
    found = {}
    for path in sorted(FIXTURES.glob("*.eml")):
        content = path.read_bytes()
        fields = {line.split(b":")[0].lower() for line in content.partition(b"\r\n\r\n")[0].split(b"\r\n")}
        if path.stem not in ALTERED_BY_POSTFIX:
            added = (b"" if b"date" in fields else b"Date: Mon, 01 Jun 2026 10:00:00 +0000\r\n") + (
                b"" if b"message-id" in fields else b"Message-ID: <%s@example.org>\r\n" % path.stem.encode()
            )
            found[path.stem] = Case(added + content)
    return found


def outbound() -> dict[str, Case]:
    cases = {
        name: Case(letter(kind=kind, encoding=encoding, body=body).content)
        for name, (kind, encoding, body) in SHAPES.items()
    }
    body = "Grüße\r\n..two\r\n trailing \t\r\n" + "x" * 900 + "\r\n\r\n\r\n"
    odd = ("X-Tab:\tü  ", "X-Fold: a\r\n\tb\r\n  c \t", "x-CASE:x", "X-Empty:")
    return {
        **cases,
        "untouched": Case(letter(*odd, sender=PLAIN, body=body).content, sender=PLAIN),
        "stranger": Case(letter(sender="x@else.example", body=body).content, sender="x@else.example"),
        "odd": Case(letter(*odd, body=body).content),
        "signed-only": Case(letter(to="carol@example.com").content, ("carol@example.com",)),
        "strict": Case(letter(sender=STRICT).content, sender=STRICT),
        "strict-impossible": Case(letter(sender=STRICT, to="carol@b.example").content, ("carol@b.example",), STRICT),
        "requests": Case(letter("X-SMIME-Gateway-Encrypt: never", "X-SMIME-Gateway-Id: x").content),
        "required-by-request": Case(letter("X-SMIME-Gateway-Encrypt: required", to=BOB).content, (BOB,), key=BOB),
        "bad-request": Case(letter("X-SMIME-Gateway-Sign: perhaps").content),
        "null-sender": Case(letter().content, sender=""),
        "two-shown": Case(letter(to=f"{ALICE}, {BOB}").content, (ALICE, BOB)),
    }


def inbound(people: People) -> dict[str, Case]:
    author, ours = people.authority.leaf(OUTSIDE), people.issued[SUPPORT]
    odd = "Content-Type: text/plain;\r\n\tcharset=utf-8\r\nX-Fold: a\r\n\tb \t\r\n\r\nGrüße \t\r\n..x\r\n\r\n".encode()

    def mail(name: str, *fields: str) -> bytes:
        return head("Date: Mon, 01 Jun 2026 10:00:00 +0000", *fields, message_id=f"<in-{name}@customer.example>")

    clear = signed(author, odd)
    contents = {
        "plain": mail("plain", "X-Fold: a\r\n\tb  ") + b"Content-Type: text/plain\r\n\r\nHello \t\r\n.\r\n\r\n",
        "clear-signed": mail("clear-signed") + clear,
        "altered": mail("altered") + clear.replace(b"..x", b"..y"),
        "stranger": mail("stranger") + signed(people.authority.leaf("mallory@else.example"), odd),
        "encrypted": encrypted(mail("encrypted"), ours, entity=odd),
        "both": encrypted(mail("both"), ours, entity=signed(author, odd)),
        "no-key": encrypted(mail("no-key"), author),
        "forged": mail("forged", "X-SMIME-Gateway-Signature: pass", "x-smime-gateway-id: 7") + clear,
        "malformed": mail("malformed") + b"Content-Type: application/pkcs7-mime\r\n\r\nrubbish\r\n",
    }
    return {f"in-{name}": Case(content, (SUPPORT,), OUTSIDE, True) for name, content in contents.items()}


ARRIVING = ("plain", "clear-signed", "altered", "stranger", "encrypted", "both", "no-key", "forged", "malformed")
NAMES = [*golden(), *outbound(), *(f"in-{name}" for name in ARRIVING)]


@pytest.fixture(scope="module")
def corpus(people: People) -> dict[str, Case]:
    return {**golden(), **outbound(), **inbound(people)}


def test_the_corpus_is_whole(corpus: dict[str, Case]) -> None:
    assert list(corpus) == NAMES
    assert len(golden()) >= 35


def alike(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in OF_THE_WAY}


def shown(content: bytes) -> bytes:
    return _OF_THE_RECORD.sub(rb"\1:\n", _RECEIVED.sub(b"", content, count=1))


def records_of(gateway: Daemon) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gateway.log.splitlines() if '"front_end"' in line]


def by_hand(gateway: Daemon, case: Case, folder: Path) -> tuple[dict[str, Any], list[bytes]]:
    """What ``message process`` makes of it."""
    (folder / "mail.eml").write_bytes(case.content)
    to = [word for address in case.recipients for word in ("--recipient", address)]
    words = ["--direction", "inbound" if case.inbound else "outbound", "--sender", case.sender, *to]
    output = folder / "out"
    options = gateway.command()[3:]
    assert run([*options, "message", "process", *words, "--output", str(output), str(folder / "mail.eml")]) in (0, 65)
    record: dict[str, Any] = json.loads((output / "record.json").read_text())
    return record, [path.read_bytes() for path in sorted(output.glob("delivery-*.eml"))]


def through(door: int, case: Case, gateway: Daemon, sink: Sink) -> tuple[int, dict[str, Any], Mail | None]:
    """Send it to a door; return the reply's code, the record, and what arrived."""
    before, logged = len(sink.mails), len(records_of(gateway))
    answer = submit(door, case.content, *case.recipients, sender=case.sender, mail=case.options)
    (record,) = records_of(gateway)[logged:]
    arrived = sink.wait(lambda mail: True, before + 1)[before] if answer.code == 250 else None
    return answer.code, record, arrived


@pytest.mark.parametrize("name", NAMES)
def test_three_ways(
    name: str,
    corpus: dict[str, Case],
    gateway: Daemon,
    mta: MilterPostfix,
    sink: Sink,
    people: People,
    witness: Witness,
    tmp_path: Path,
) -> None:
    case = corpus[name]
    doors = (gateway.doors["inbound"], mta.mx) if case.inbound else (gateway.doors["outbound"], mta.submission)
    proxy, milter = (through(door, case, gateway, sink) for door in doors)
    record, processed = by_hand(gateway, case, tmp_path)
    assert proxy[0] == milter[0]
    assert alike(proxy[1]) == alike(milter[1]) == alike(record)
    if proxy[2] is None or milter[2] is None:
        assert processed == []
        return
    assert proxy[2].recipients == milter[2].recipients == case.recipients
    (third,) = processed
    first, second = proxy[2].content, milter[2].content
    if case.inbound or not sealed(record):
        assert shown(first) == shown(second) == shown(third)
        return
    assert frame(shown(first)) == frame(shown(second)) == frame(third)
    inside = [unsealed(content, record, case, people, witness) for content in (first, second, third)]
    assert inside[0] == inside[1] == inside[2]


def sealed(record: dict[str, Any]) -> bool:
    """Whether something was made that is never made twice alike."""
    return bool(record["signature"]["signers"] or record["encryption"]["recipients"])


def unsealed(
    content: bytes, record: dict[str, Any], case: Case, people: People, witness: Witness
) -> list[tuple[str, bytes]]:
    """The parts of what was sealed."""
    if record["encryption"]["recipients"]:
        content = witness.decrypt(content, people.secret(case.key))
    if record["signature"]["signers"]:
        content = witness.verify(content, people.authority.root.pem())
    return leaves(content)


def frame(content: bytes) -> list[bytes]:
    """The header fields that are no Content-*; in order, byte for byte."""
    fields = re.split(rb"(?<=\n)(?![ \t])", content.partition(b"\r\n\r\n")[0] + b"\r\n")
    return [field for field in fields if not field.lower().startswith(b"content-")]
