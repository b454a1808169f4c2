"""A milter process for tests: the real server and service around an engine that does what the subject says.

``python -m tests.milter.scripted SOCKET REPORTS PROCESSES LIMIT``
"""

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from gateway.clock import new_id
from gateway.engine.transaction import Delivery, Direction, Outcome, Receipt, Transaction, Verdict
from gateway.errors import Fault
from gateway.mail.header import read_header
from gateway.milter.endpoint import unix_socket
from gateway.milter.server import Server
from gateway.milter.service import Service
from gateway.milter.session import Session
from gateway.reply import EnhancedCode, Reply, reply


def process(transaction: Transaction) -> Outcome:  # noqa: C901 - a table of words
    """The engine: the first word of the subject says what becomes of a message."""
    content, to = transaction.content, transaction.envelope.recipients
    opened, recode, key_used = False, None, False
    header = read_header(content)
    word = next((header.value(field).decode() for field in header.named("subject")), "").partition(" ")[0]
    match word:
        case "tag":
            content = b"X-Tag: one\r\n two\r\nX-Tag: three\r\n" + content
        case "replace":
            content = content[: header.body] + b"new\r\n" * 100_000
        case "empty":
            content = content[: header.body]
        case "opened":
            content, opened, recode = b"X-Opened: yes\r\n" + content, True, recoded
        case "key":
            key_used, to = True, tuple(recipient.limited_to(()) for recipient in to)
        case "inexpressible":
            content = b"no field\r\n" + content
        case "lost":
            raise Fault("the store is gone")
        case "bug":
            raise RuntimeError("secret text")
        case "reject":
            return Outcome(
                Verdict.REJECT,
                reply(550, EnhancedCode.NO_CONVERSION, "no-certificate: 100% of <x%y@example.org> grüßt"),
            )
        case "withheld":
            return Outcome(Verdict.RELAY, reply(250, EnhancedCode.OTHER, "kept"))
        case "long":
            return Outcome(Verdict.REJECT, reply(550, EnhancedCode.NO_CONVERSION, "long " * 400))
        case "split":
            return Outcome(Verdict.RELAY, deliveries=tuple(Delivery((each,), content) for each in to))
        case "fewer":
            to = to[:1]
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "slow":
            time.sleep(2)
    delivery = Delivery(to, content, opened=opened, recode=recode, key_used=key_used)
    return Outcome(Verdict.RELAY, deliveries=(delivery,))


def recoded(content: bytes | bytearray) -> bytes:
    return content + b"in seven bits\r\n"


def main(socket: Path, reports: Path, processes: int, limit: int) -> None:
    def report(
        transaction: Transaction, outcome: Outcome, receipts: Sequence[Receipt], answer: Reply, seconds: float
    ) -> None:
        envelope, client = transaction.envelope, transaction.client
        line = {
            "pid": os.getpid(),
            "reply": str(answer),
            "receipts": len(receipts),
            "size": transaction.size or len(transaction.content),
            "client": [client.address, client.login, client.helo, client.queue_id],
            "sender": [envelope.sender, *envelope.parameters],
            "recipients": [[to.address, *to.parameters] for to in envelope.recipients],
            "content": transaction.content.decode("latin-1"),
            "whole": transaction.can_split is False and transaction.front_end == "milter",
            "may_open": transaction.may_open,
        }
        with reports.open("a") as file:
            file.write(json.dumps(line) + "\n")
        if b"report-fails" in transaction.content:
            raise Fault("the journal is full")

    service = Service("test", Direction.INBOUND, limit, process, report, new_id, lambda: datetime.now(UTC))
    for name in os.environ.get("BROKEN", "").split():
        setattr(Session, name, broken)
    server = Server()
    with unix_socket(socket, 0o660, server.listen):
        children: list[int] = []
        signal.signal(signal.SIGTERM, lambda *_: [os.kill(child, signal.SIGTERM) for child in children])
        for _ in range(processes):
            children.append(fork(server, service))
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    sys.exit(max(codes))


def broken(session: Session, *values: object) -> None:
    raise RuntimeError("secret text")


def fork(server: Server, service: Service) -> int:
    child = os.fork()
    if child:
        return child
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
    server.start(service)
    server.renew(replace(service, name="renewed"))
    while not stopped:
        time.sleep(0.05)
    server.drain(20)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
