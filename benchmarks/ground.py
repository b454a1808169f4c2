"""What the rows stand on: certificates, a store, the gateway, Postfix and the sink, each started when first used.

Groups by the sender's address: ``SIGNING`` signs, ``SEALING`` signs and encrypts, ``NOBODY`` is in no group. The
daemon is the real one, with its defaults: journal in SQLite, one log line per message into a file.
"""

from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from benchmarks.load import Sink, await_socket
from benchmarks.postfix import Postfix
from benchmarks.process import children
from gateway.cli.demo.stage import Daemon, free_port
from tests.authority import Authority, Issued

NOBODY = "somebody@example.net"
SIGNING = "signing@example.org"
SEALING = "sealing@example.org"
ALICE = "alice@example.com"
SMALL = 10_000
LARGE = 25_000_000


class Gateway(Daemon):
    """The daemon with a door for each direction, ``port`` outbound and ``inbound``; its processes by id."""

    def __init__(self, config: Path, port: int, inbound: int, log: Path) -> None:
        super().__init__(config, port, log)
        self.port = port
        self.inbound = inbound

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        assert self._process is not None
        return self._process.pid

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        return children(self.pid, "worker")


class Ground:
    """A temporary folder and what runs in it. ``quick``: so few messages that the numbers say little."""

    def __init__(self, folder: Path, stack: ExitStack, *, quick: bool) -> None:
        self.folder = folder
        self.quick = quick
        self._stack = stack

    @cached_property
    def sink(self) -> Sink:
        """Where all mail ends."""
        return self._stack.enter_context(Sink(self.folder))

    @cached_property
    def postfix(self) -> Postfix:
        """Relays to the sink."""
        return self._stack.enter_context(Postfix(self.folder, self.sink.port))

    @cached_property
    def gateway(self) -> Gateway:
        """With as many workers as it takes by itself."""
        return self._serve("gateway", "auto")

    @cached_property
    def milter(self) -> Gateway:
        """The milter of Postfix's door of that name."""
        path = self.postfix.socket
        doors = [{"name": "submission", "direction": "outbound", "listen": f"unix:{path}"}]
        gateway = self._serve("milter", "auto", milters=doors)
        await_socket(path)
        return gateway

    @cached_property
    def filter(self) -> Gateway:
        """The content_filter of Postfix's filtering door."""
        return self._serve("filter", "auto", hop=self.postfix.back, port=self.postfix.gateway)

    def one_worker(self) -> Gateway:
        """A fresh one with one worker, whose memory can be watched."""
        return self.with_workers(1)

    def with_workers(self, workers: int, **options: Any) -> Gateway:
        """A fresh one with that many workers and further options."""
        return self._serve(f"workers-{free_port()}", workers, **options)

    def _serve(
        self, name: str, workers: str | int, *, hop: int | None = None, port: int | None = None, **options: Any
    ) -> Gateway:
        gateway = self.configured(name, workers, hop or self.sink.port, port, **options)
        gateway.start()
        self._stack.callback(gateway.stop)
        return gateway

    @cached_property
    def config(self) -> Path:
        """The configuration of a store with all certificates, whose daemon is never started."""
        self.configured("store", 1, free_port())
        return self.folder / "store.yaml"

    def configured(
        self, name: str, workers: str | int, next_hop: int, port: int | None = None, **options: Any
    ) -> Gateway:
        """Write a configuration and fill its store; ``options`` are further keys of it."""
        config, port, inbound = self.folder / f"{name}.yaml", port or free_port(), free_port()
        doors = {"outbound": port, "inbound": inbound}
        document = _configuration(self.folder / f"{name}.state", doors, next_hop, workers) | options
        config.write_text(yaml.safe_dump(document))
        gateway = Gateway(config, port, inbound, self.folder / f"{name}.log")
        gateway.run("import", *self.files)
        return gateway

    @cached_property
    def authority(self) -> Authority:
        """Who issued all certificates."""
        return Authority("rsa-2048", "Benchmark")

    @cached_property
    def issued(self) -> dict[str, Issued]:
        """Everybody's certificate and key, by address; no two have the same key."""
        people = (SIGNING, SEALING, ALICE)
        return {address: self.authority.leaf(address, key=generate_private_key(65537, 2048)) for address in people}

    @cached_property
    def files(self) -> list[Path]:
        """What is imported: a root, two senders with key and chain, one recipient."""
        files = {
            "root.pem": self.authority.root.pem(),
            "alice.pem": self.issued[ALICE].pem(),
            "signing.p12": self.issued[SIGNING].p12(),
            "sealing.p12": self.issued[SEALING].p12(),
        }
        self._pem(self.issued[SIGNING])
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
        return [self.folder / name for name in files]

    def _pem(self, issued: Issued) -> None:
        (self.folder / "signing.pem").write_bytes(issued.pem())
        (self.folder / "signing.key").write_bytes(issued.key_pem())
        (self.folder / "signing.key").chmod(0o644)  # Postfix's filter runs as nobody
        (self.folder / "chain.pem").write_bytes(issued.issuers[0].pem())

    def mail(self, sender: str) -> Path:
        """Return a file with a message of 10 kB from ``sender``, lines ended by LF."""
        path = self.folder / f"{sender}.eml"
        path.write_bytes(small_mail(sender).replace(b"\r\n", b"\n"))
        return path


def small_mail(sender: str, recipient: str = ALICE, boundary: str = "=_part") -> bytes:
    """Return a helpdesk's answer of 10 kB: text and HTML, 7-bit, lines ended by CRLF."""
    head = (
        "Received: from helpdesk.example.org (localhost [127.0.0.1]) by app.example.org;\r\n"
        "\tMon, 01 Jun 2026 09:00:00 +0000\r\n"
        f"Date: Mon, 01 Jun 2026 09:00:00 +0000\r\nFrom: Support <{sender}>\r\nTo: Alice <{recipient}>\r\n"
        "Message-ID: <20260601.42.7@helpdesk.example.org>\r\nIn-Reply-To: <41.6@example.com>\r\n"
        "References: <40.5@example.com> <41.6@example.com>\r\nSubject: Re: [Ticket#42] Printer is on fire\r\n"
        "X-Mailer: Helpdesk 6.5\r\nAuto-Submitted: no\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'
    )
    part = f"--{boundary}\r\nContent-Type: {{}}; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
    line = "Thank you for your message; we have looked into it and this is line {:04d}.\r\n"
    tail = f"--{boundary}--\r\n"
    frame = head + part.format("text/plain") + part.format("text/html") + "<pre>\r\n</pre>\r\n" + tail
    lines = [line.format(number) for number in range((SMALL - len(frame)) // len(line.format(0)))]
    text, html = "".join(lines[: len(lines) // 2]), "".join(lines[len(lines) // 2 :])
    body = part.format("text/plain") + text + part.format("text/html") + "<pre>\r\n" + html + "</pre>\r\n" + tail
    return (head + body).encode("ascii")


def _configuration(state: Path, doors: dict[str, int], next_hop: int, workers: str | int) -> dict[str, object]:
    hop = f"127.0.0.1:{next_hop}"
    listeners = [
        {"name": way, "direction": way, "listen": f"127.0.0.1:{port}", "next_hop": hop} for way, port in doors.items()
    ]
    return {
        "hostname": "gw.example.org",
        "state": str(state),
        "workers": workers,
        "metrics": {"listen": f"127.0.0.1:{free_port()}"},
        "listeners": listeners,
        "groups": [
            {"name": "signing", "addresses": [SIGNING], "sign": "required", "encrypt": "never"},
            {"name": "sealing", "addresses": [SEALING], "sign": "required", "encrypt": "required"},
        ],
    }
