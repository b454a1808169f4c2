"""Mail that the gateway has nothing to do with leaves byte for byte, below the result fields if inbound (row REL-12).

Odd messages are made at random: obsolete syntax, fields without blanks, octets that are no UTF-8, MIME that does not
hold together, lines of every kind. ``SMIME_GATEWAY_SOAK=1`` sends 10,000 (``make soak``); the seed is printed.
"""

import os
import random
import re
import smtplib
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.client import send
from tests.e2e.daemon import SUPPORT, Daemon
from tests.e2e.sink import Sink

COUNT = 10_000 if os.environ.get("SMIME_GATEWAY_SOAK") else 300
OUTSIDE = "somebody@elsewhere.example"
RESULTS = re.compile(
    rb"X-SMIME-Gateway-Seal: [^\n]*\n(?:[ \t][^\n]*\n)*"
    rb"Authentication-Results: smime\.gw\.example\.org;[^\n]*\n(?:[ \t][^\n]*\n)*"
    rb"X-SMIME-Gateway-Signature: [^\n]*\nX-SMIME-Gateway-Encryption: [^\n]*\nX-SMIME-Gateway-Id: [^\n]*\n"
)
FIELDS: list[Callable[[random.Random], bytes]] = [
    lambda _: b"From: Somebody <somebody@elsewhere.example>",
    lambda _: b"from:somebody@elsewhere.example (a (nested) comment)",
    lambda _: b'From : "Some\\"body" <somebody@elsewhere.example>',
    lambda _: b"To: undisclosed-recipients:;",
    lambda c: b"Subject: " + c.randbytes(20).translate(None, b"\r\n\0"),
    lambda c: b"Subject:\r\n " + b"long " * c.randrange(200),
    lambda c: b"X-" + bytes(c.choices(range(33, 58), k=5)) + b":" + b"\t" * c.randrange(4),
    lambda c: b"Received: from a by b;\r\n\tMon, 1 Jun 2026 10:00:0%d +0000" % c.randrange(10),
    lambda _: b"Authentication-Results: mx.elsewhere.example; spf=pass",
    lambda c: b"References: " + b"\r\n ".join(b"<%d@x>" % c.randrange(9) for _ in range(c.randrange(1, 30))),
    lambda _: b"X-Empty:",
    lambda _: b"x-CASE: trailing \t",
    lambda _: "X-Umlaut: Grüße, Müller".encode(),
    lambda _: b"Date: yesterday",
    lambda _: b"Message-ID: <same@elsewhere.example>",
    lambda _: b"DKIM-Signature: v=1; a=rsa-sha256; bh=\r\n\tabc=;\r\n  b=d ef",
]
TYPES = [
    [],
    [b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: 8bit"],
    [b"MIME-Version: 1.0", b'Content-Type: multipart/mixed; boundary="b"'],
    [b"MIME-Version: 1.0", b"Content-Type: multipart/mixed"],
    [b"MIME-Version: 1.0", b"Content-Type: message/rfc822"],
    [b"Mime-version: 1.0 (really)", b"content-type: TEXT/HTML; charset=", b"Content-Transfer-Encoding: base64"],
    [b"Content-Type: ;;;", b"Content-Disposition: attachment; filename*0*=utf-8''%e4"],
]
LINES: list[Callable[[random.Random], bytes]] = [
    lambda _: b"",
    lambda _: b".",
    lambda c: b"." * c.randrange(1, 4) + b"dots",
    lambda _: b"From here on",
    lambda c: b"x" * c.randrange(990),
    lambda _: b" \t trailing \t ",
    lambda c: c.randbytes(60).translate(None, b"\r\n"),
    lambda _: b"--b",
    lambda _: b"--b--",
    lambda _: b"Content-Type: text/plain",
    lambda _: "Grüße".encode(),
    lambda _: b"-----BEGIN PKCS7-----",
]


def odd(chance: random.Random) -> bytes:
    fields = [field(chance) for field in chance.choices(FIELDS, k=chance.randrange(8))] + chance.choice(TYPES)
    # The author is named once at least, somewhere.
    fields.insert(chance.randrange(len(fields) + 1), FIELDS[0](chance))
    lines = [line(chance) for line in chance.choices(LINES, k=chance.randrange(20))]
    return b"\r\n".join([*fields, b"", *lines, b""])


@pytest.fixture
def session(request: pytest.FixtureRequest, direct: Daemon) -> Iterator[smtplib.SMTP]:
    port = direct.doors["inbound" if "inbound" in request.node.name else "outbound"]
    with smtplib.SMTP("127.0.0.1", port, local_hostname="odd.example.org", timeout=60) as client:
        yield client


def through(session: smtplib.SMTP, sink: Sink, content: bytes) -> bytes:
    before = len(sink.mails)
    answer = send(session, content, SUPPORT, sender=OUTSIDE, mail=("BODY=8BITMIME", "SMTPUTF8"))
    assert answer.code == 250, f"{answer}: {content!r}"
    (mail,) = sink.mails[before:]
    return mail.content


def chance_of_this_run() -> random.Random:
    seed = int(os.environ.get("SMIME_GATEWAY_SEED", "0")) or random.randrange(1, 1 << 32)
    print(f"SMIME_GATEWAY_SEED={seed}")
    return random.Random(seed)


@pytest.mark.timeout(3600)
def test_rel_12_inbound(session: smtplib.SMTP, sink: Sink) -> None:
    chance = chance_of_this_run()
    for _ in range(COUNT):
        content = odd(chance)
        left = through(session, sink, content)
        results = RESULTS.match(left)
        assert results is not None, left
        assert left[results.end() :] == content


@pytest.mark.timeout(3600)
def test_rel_12_outbound(session: smtplib.SMTP, sink: Sink) -> None:
    chance = chance_of_this_run()
    for _ in range(COUNT):
        content = odd(chance)
        assert through(session, sink, content) == content
