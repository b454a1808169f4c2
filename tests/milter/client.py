"""The mail server's side of the milter protocol (version 6), scripted: what Postfix would send, and what it would do.

Packets are a length, a command and its data. The events that the milter wants no answer to get none, as negotiated.
"""

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.milter.model import Held

PATIENCE = 30.0
LEADING_SPACE = 0x100000
NO_REPLY = {"C": 0x1000, "H": 0x2000, "M": 0x4000, "R": 0x8000, "T": 0x10000, "N": 0x40000, "B": 0x80000, "L": 0x80}
NOT_WANTED = {"C": 0x1, "H": 0x2, "M": 0x4, "R": 0x8, "B": 0x10, "L": 0x20, "N": 0x40, "T": 0x200}
OFFERED = LEADING_SPACE | sum(NO_REPLY.values()) | sum(NOT_WANTED.values()) | 0x100
ACTIONS = 0x1FF
DELETE_RECIPIENT, ADD_RECIPIENT_WITH = 0x08, 0x80
CHUNK = 65535


class Gone(Exception):
    """The milter closed the connection: a mail server with ``milter_default_action=tempfail`` defers."""


@dataclass(frozen=True)
class Verdict:
    """The milter's answer at the end of a message: ``c``, ``r``, ``t`` or ``y``, and the reply of the last."""

    code: str
    reply: str
    content: bytes
    edited: bool


class MailServer:
    """One connection to a milter."""

    def __init__(self, where: Path | tuple[str, int], offered: int = OFFERED, actions: int = ACTIONS) -> None:
        self.socket = socket.socket(socket.AF_UNIX if isinstance(where, Path) else socket.AF_INET)
        self.socket.settimeout(PATIENCE)
        try:
            self.socket.connect(str(where) if isinstance(where, Path) else where)
        except OSError:
            self.socket.close()
            raise
        self.sender: list[str] = []
        """What was asked of the envelope's sender: address and parameters."""
        self.recipients: list[list[str]] = []
        """What was asked of its recipients, in order: ``-`` and the address, or ``2``, the address and parameters."""
        self.file = self.socket.makefile("rb")
        try:
            self.actions, self.steps = self._negotiated(actions, offered)
        except BaseException:
            self.__exit__()
            raise

    def _negotiated(self, actions: int, offered: int) -> tuple[int, int]:
        self.send("O", struct.pack("!III", 6, actions, offered))
        code, data = self.receive()
        assert code == "O"
        _, granted, steps = struct.unpack("!III", data)
        return granted, steps

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def send(self, command: str, data: bytes = b"") -> None:
        self.socket.sendall(struct.pack("!I", len(data) + 1) + command.encode() + data)

    def receive(self) -> tuple[str, bytes]:
        try:
            head = self.file.read(5)
            data = self.file.read(struct.unpack("!I", head[:4])[0] - 1) if len(head) == 5 else b""
        except ConnectionResetError as error:
            raise Gone from error
        if len(head) < 5:
            raise Gone
        return head[4:].decode(), data

    def macros(self, command: str, **values: str) -> None:
        words = [word for name, value in values.items() for word in (name if len(name) == 1 else f"{{{name}}}", value)]
        self.send("D", command.encode() + _strings(*words))

    def tell(self, command: str, data: bytes = b"") -> str | None:
        """Send an event; return the answer's code where there is one to wait for."""
        if self.steps & NOT_WANTED.get(command, 0):
            return None
        self.send(command, data)
        return None if self.steps & NO_REPLY.get(command, 0) else self.receive()[0]

    # -- what happens in a session ------------------------------------------------------------------------------

    def client(self, address: str = "192.0.2.7", helo: str = "client.example.org") -> None:
        family = "6" if ":" in address else "4"
        self.tell("C", _strings("client.example.org") + family.encode() + struct.pack("!H", 4711) + _strings(address))
        self.tell("H", _strings(helo))

    def unknown_client(self) -> None:
        self.tell("C", _strings("localhost") + b"U")

    def envelope(
        self,
        sender: str,
        *recipients: str,
        mail: Sequence[str] = (),
        rcpt: Sequence[str] = (),
        login: str = "",
        queue_id: str = "",
    ) -> None:
        if login:
            self.macros("M", auth_authen=login)
        self.tell("M", _strings(f"<{sender}>", *mail))
        for recipient in recipients:
            self.macros("R", **({"i": queue_id} if queue_id else {}))
            self.tell("R", _strings(f"<{recipient}>", *rcpt))
        self.tell("T")

    def content(self, held: Held) -> None:
        for name, value in held.shown:
            self.tell("L", name.encode() + b"\0" + value + b"\0")
        self.tell("N")
        for start in range(0, len(held.body), CHUNK):
            self.tell("B", held.body[start : start + CHUNK])

    def end(self, held: Held) -> Verdict:
        """Send the end of the message, and do to ``held`` what is answered."""
        self.send("E")
        edited, body = False, bytearray()
        while True:
            code, data = self.receive()
            match code:
                case "m" | "i":
                    number, rest = struct.unpack("!I", data[:4])[0], data[4:]
                    name, value, _ = rest.split(b"\0")
                    (held.change if code == "m" else held.insert)(*_order(code, number, name.decode(), value))
                case "b":
                    body += data
                    held.body = bytes(body)
                case "e":
                    self.sender = data.rstrip(b"\0").decode().split("\0")
                    continue
                case "-" | "2":
                    self.recipients.append([code, *data.rstrip(b"\0").decode().split("\0")])
                    continue
                case _:
                    return Verdict(code, data.rstrip(b"\0").decode(), held.content, edited)
            edited = True

    def mail(self, content: bytes, *recipients: str, sender: str = "a@example.org") -> Verdict:
        """A whole message."""
        held = Held(content)
        self.envelope(sender, *(recipients or ("b@example.net",)))
        self.content(held)
        return self.end(held)


def _order(code: str, number: int, name: str, value: bytes) -> tuple[object, ...]:
    return (name, number, value) if code == "m" else (number, name, value)


def _strings(*words: str) -> bytes:
    return b"".join(word.encode("utf-8", "surrogateescape") + b"\0" for word in words)
