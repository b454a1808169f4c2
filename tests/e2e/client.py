"""The helpdesk's side: letters with a Message-ID of their own, one way to submit them, a socket for rough clients."""

import itertools
import os
import smtplib
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from tests.e2e.daemon import SUPPORT

PATIENCE = 60.0
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Letter:
    """A message and the Message-ID by which it is found again."""

    id: str
    content: bytes


def letter(
    *fields: str,
    to: str = "alice@example.com",
    sender: str = SUPPORT,
    body: str | bytes = "Your ticket is solved.\r\n",
    kind: str = "text/plain; charset=utf-8",
    encoding: str = "8bit",
) -> Letter:
    """Make a helpdesk's mail; ``fields`` are further header fields."""
    message_id = f"<{os.getpid()}.{next(_numbers)}@helpdesk.example.org>"
    head = [
        f"From: Support <{sender}>",
        f"To: {to}",
        "Subject: [Ticket#42] Printer",
        "Date: Mon, 01 Jun 2026 10:00:00 +0000",
        f"Message-ID: {message_id}",
        *fields,
        "MIME-Version: 1.0",
        f"Content-Type: {kind}",
        f"Content-Transfer-Encoding: {encoding}",
        "",
        "",
    ]
    return Letter(message_id, "\r\n".join(head).encode() + (body.encode() if isinstance(body, str) else body))


@dataclass
class Answer:
    """The reply that ended a transaction, and the recipients refused on the way."""

    code: int
    text: str
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)


def submit(
    port: int,
    content: bytes,
    *recipients: str,
    sender: str = SUPPORT,
    mail: tuple[str, ...] = (),
    rcpt: tuple[str, ...] = (),
    xforward: str = "",
    patience: float = PATIENCE,
) -> Answer:
    """Send one message to a door; ``mail`` and ``rcpt`` are further parameters of these commands."""
    client = smtplib.SMTP("127.0.0.1", port, local_hostname="helpdesk.example.org", timeout=patience)
    try:
        return send(client, content, *recipients, sender=sender, mail=mail, rcpt=rcpt, xforward=xforward)
    finally:
        with suppress(smtplib.SMTPException):
            client.quit()
        client.close()


def send(
    client: smtplib.SMTP,
    content: bytes,
    *recipients: str,
    sender: str = SUPPORT,
    mail: tuple[str, ...] = (),
    rcpt: tuple[str, ...] = (),
    xforward: str = "",
) -> Answer:
    """Send one message in a session."""
    answer = _answer(client.ehlo())
    if answer.code == 250 and xforward:
        answer = _answer(client.docmd("XFORWARD", xforward))
    if answer.code == 250:
        answer = _answer(client.mail(sender, mail))
    if answer.code != 250:
        return answer
    refused = {}
    for recipient in recipients or ("alice@example.com",):
        each = _answer(client.rcpt(recipient, rcpt))
        if each.code >= 400:
            refused[recipient] = (each.code, each.text)
    if len(refused) == len(recipients or "1"):
        client.rset()
        code, text = next(iter(refused.values()))
        return Answer(code, text, refused)
    try:
        answer = _answer(client.data(content))
    except smtplib.SMTPDataError as error:
        said = error.smtp_error
        answer = Answer(error.smtp_code, said if isinstance(said, str) else said.decode(errors="replace"))
    answer.refused = refused
    return answer


def _answer(pair: tuple[int, bytes]) -> Answer:
    return Answer(pair[0], pair[1].decode(errors="replace"))


class Rough:
    """A client that sends exactly what it is told to."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send these bytes."""
        self.socket.sendall(data)

    def reply(self) -> str:
        """One reply, its lines joined; empty at the end of the connection."""
        lines = []
        while line := self.file.readline().decode(errors="replace").rstrip("\r\n"):
            lines.append(line)
            if line[3:4] != "-":
                break
        return "\n".join(lines)

    def say(self, line: str) -> str:
        """Send a command and return its reply."""
        self.send(line.encode() + b"\r\n")
        return self.reply()

    def open(self, *recipients: str, sender: str = SUPPORT) -> None:
        """Bring a transaction to where the content may be sent."""
        assert self.reply().startswith("220")
        for line in ("EHLO rough.example.org", f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{to}>" for to in recipients)):
            assert self.say(line).startswith("250"), line
        assert self.say("DATA").startswith("354")
