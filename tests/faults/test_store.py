"""The store in trouble (rows REL-08, REL-09): locked, on a full or read-only disk, damaged, out of descriptors.

Each time: what needs the store is deferred, what does not goes on, and what only wants to write something down goes on
and says so; nobody is refused for good, nothing that must be protected leaves in clear, and it recovers by itself.
"""

import os
import resource
import shutil
import smtplib
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.e2e.client import Answer, letter, submit
from tests.e2e.conftest import ALICE, BOB, People
from tests.e2e.daemon import PLAIN, STRICT, SUPPORT, Daemon, poll
from tests.e2e.sink import Mail, Sink
from tests.letters import encrypted, head
from tests.tools import missing

SOAK = bool(os.environ.get("SMIME_GATEWAY_SOAK"))
LOCKED = 10 if SOAK else 1
"""How many messages wait for the lock, about six seconds each."""
SMALL = "1536k"
NOT_NOTED = "a delivered copy could not be noted"


class Helpdesk:
    """Sends the messages whose fate is told apart here."""

    def __init__(self, daemon: Daemon, hop: Sink, people: People) -> None:
        self.daemon, self.hop, self.people = daemon, hop, people

    def one_copy(self) -> Answer:
        """Signed and encrypted; the store is read, from memory where it was read before."""
        return self.leaving(ALICE)

    def two_copies(self) -> Answer:
        """One recipient is hidden: the ledger is to be written. That a copy was taken is so, written down or not."""
        return self.leaving(ALICE, BOB)

    def leaving(self, *recipients: str) -> Answer:
        sent = letter(sender=STRICT)
        answer = submit(self.daemon.doors["outbound"], sent.content, *recipients, sender=STRICT)
        for mail in self.found(sent.id):
            assert b"smime-type=enveloped-data" in mail.content
        assert answer.code < 500, f"{answer}: {self.daemon.log[-2000:]}"
        if answer.code == 250:
            assert {to for mail in self.found(sent.id) for to in mail.recipients} == set(recipients)
        return answer

    def arriving(self, message_id: str) -> Answer:
        """Unreadable here, so that it would be held."""
        content = encrypted(head(message_id=message_id), self.people.issued[ALICE])
        return submit(self.daemon.doors["inbound"], content, SUPPORT, sender="alice@customer.example")

    def found(self, message_id: str) -> list[Mail]:
        return self.hop.found(lambda mail: mail.field("message-id") == message_id.encode())

    def recovers(self) -> None:
        """All as new, the supervisor's children among it."""
        poll(lambda: self.two_copies().code == 250, message=f"it does not recover: {self.daemon.log[-2000:]}")
        assert self.arriving("<after@customer.example>").code == 250
        poll(lambda: "<after@customer.example>" in self.daemon.run("held", "list", "--json"), message="not held")
        assert "is replaced" not in self.daemon.log
        assert self.daemon.stop() == 0


@pytest.fixture
def daemon(hop: Sink, people: People) -> Iterator[Daemon]:
    """Not started yet."""
    with Daemon({"outbound": hop.port, "inbound": hop.port}, workers=1) as daemon:
        people.introduce(daemon)
        yield daemon


@pytest.fixture
def desk(daemon: Daemon, hop: Sink, people: People) -> Helpdesk:
    desk = Helpdesk(daemon.start(), hop, people)
    assert desk.two_copies().code == 250
    return desk


def database(daemon: Daemon) -> Path:
    return daemon.folder / "state" / "store.db"


@pytest.mark.timeout(300)
def test_rel_08_another_process_holds_the_lock(desk: Helpdesk) -> None:
    """Waiting is bounded, and readers never wait; the record is in the log if not in the journal."""
    with closing(sqlite3.connect(database(desk.daemon), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for number in range(LOCKED):
            assert desk.one_copy().code == 250
            message_id = f"<locked-{number}@customer.example>"
            with ThreadPoolExecutor() as threads:
                answers = threads.submit(desk.two_copies), threads.submit(desk.arriving, message_id)
                assert [answer.result().code for answer in answers] == [250, 250]
            assert desk.daemon.record(message_id)["held"] is None, "it was delivered as it came"
        other.execute("ROLLBACK")
    assert "another process holds its lock" in desk.daemon.log
    assert NOT_NOTED in desk.daemon.log
    assert "not held" in desk.daemon.log
    desk.recovers()


@contextmanager
def disk(folder: Path, *, size: str, options: str = "rw") -> Iterator[Path]:
    """A disk of its own, with what is in ``folder`` on it; skips where none may be mounted."""
    before = folder.with_name("before")
    folder.rename(before)
    shutil.copytree(before, folder)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        missing("nothing may be mounted here: a full and a read-only disk are not tried")
    try:
        shutil.copytree(before, folder, dirs_exist_ok=True)
        if options != "rw":
            subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_rel_09_the_disk_is_full(daemon: Daemon, hop: Sink, people: People) -> None:
    with disk(database(daemon).parent, size=SMALL) as folder:
        desk = Helpdesk(daemon.start(), hop, people)
        assert desk.two_copies().code == 250
        filler = folder / "filler"
        with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        # What SQLite reserved before can still be written: go on until it is used up.
        poll(lambda: desk.two_copies().code == 250 and NOT_NOTED in desk.daemon.log, message="there was room for ever")
        assert desk.one_copy().code == 250
        assert desk.arriving("<full@customer.example>").code == 250
        assert desk.daemon.record("<full@customer.example>")["held"] is None
        filler.unlink()
        desk.recovers()


def test_rel_08_a_read_only_disk_is_told_at_the_start(daemon: Daemon) -> None:
    with disk(database(daemon).parent, size="20m", options="ro"):
        done = subprocess.run(daemon.command("serve"), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode in (75, 77, 78)
    assert "check owner, mode and mount of the state directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_rel_08_damage_is_told_at_the_start(daemon: Daemon) -> None:
    content = bytearray(database(daemon).read_bytes())
    content[8 * 4096 : 8 * 4096 + 200] = b"\xff" * 200
    database(daemon).write_bytes(content)
    done = subprocess.run(daemon.command("serve"), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 78
    assert "damaged; restore a backup" in done.stderr


def test_rel_08_damage_while_it_runs(desk: Helpdesk) -> None:
    """All pages but the first are overwritten, then the backup is put back: deferred meanwhile, and no restart."""
    path = database(desk.daemon)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    whole = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(len(whole) - 4096))
    codes = {desk.one_copy().code, desk.two_copies().code, desk.arriving("<damaged@customer.example>").code}
    assert codes <= {250, 451}
    assert 451 in codes
    assert "damaged" in desk.daemon.log
    with path.open("r+b") as file:
        file.write(whole)
    poll(lambda: desk.two_copies().code == 250, message=f"it does not recover: {desk.daemon.log[-2000:]}")
    assert "is replaced" not in desk.daemon.log


def test_rel_09_out_of_descriptors(desk: Helpdesk) -> None:
    """The limit of the running worker is lowered to what it has: connections end, it does not, and no mail is lost."""
    (worker,) = desk.daemon.workers
    before = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    with ExitStack() as clients:
        numbers = [int(name) for name in os.listdir(f"/proc/{worker}/fd")]
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (max(numbers) + 3, before[1]))
        for _ in range(8):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", desk.daemon.doors["outbound"])))
            client.settimeout(0.2)
        answers = [attempt(desk) for _ in range(3)]
        assert not any(answer and answer.code == 250 for answer in answers), "there were descriptors"
        assert 0 < desk.daemon.log.count("clients have to wait: Too many open files") < 5
    resource.prlimit(worker, resource.RLIMIT_NOFILE, before)
    desk.recovers()


def attempt(desk: Helpdesk) -> Answer | None:
    """None: it was not even greeted."""
    sent = letter(sender=PLAIN)
    try:
        return submit(desk.daemon.doors["outbound"], sent.content, ALICE, sender=PLAIN, patience=1.0)
    except (OSError, smtplib.SMTPException):
        return None
