"""Supervisor and workers: start, drain, death and succession, with real signals and real mail under way."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.client import Rough, letter, submit
from tests.e2e.daemon import PLAIN, Daemon, poll
from tests.e2e.sink import Sink


@pytest.fixture
def own_sink() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


@pytest.fixture
def daemon(own_sink: Sink) -> Iterator[Daemon]:
    with Daemon({"outbound": own_sink.port}) as daemon:
        yield daemon.start()


def connects(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def sockets(pid: int) -> int:
    """How many sockets a process has open."""
    targets = [os.readlink(entry) for entry in list(Path(f"/proc/{pid}/fd").iterdir()) if entry.is_symlink()]
    return sum(target.startswith("socket:") for target in targets)


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def test_rel_06_drain(daemon: Daemon, own_sink: Sink) -> None:
    """TERM: the idle session gets 421, messages under way are finished and acknowledged, exit code 0."""
    port = daemon.doors["outbound"]
    at_the_dot, inside = letter(sender=PLAIN), letter(sender=PLAIN)
    own_sink.hold()
    with ThreadPoolExecutor(1) as pool, Rough(port) as idle, Rough(port) as writing:
        pending = pool.submit(submit, port, at_the_dot.content, sender=PLAIN)
        own_sink.by_id(at_the_dot.id)
        assert idle.reply().startswith("220")
        writing.open("alice@example.com", sender=PLAIN)
        writing.send(inside.content[:100])
        daemon.terminate()
        assert idle.reply().startswith("421")
        poll(lambda: not connects(port), message="the door stayed open")
        writing.send(inside.content[100:] + b".\r\n")
        own_sink.by_id(inside.id)
        own_sink.release()
        assert pending.result().code == 250
        assert writing.reply().startswith("250")
    assert daemon.wait() == 0
    assert len(own_sink.mails) == 2


def test_rel_06_second_term_stops_at_once(daemon: Daemon, own_sink: Sink) -> None:
    port = daemon.doors["outbound"]
    sent = letter(sender=PLAIN)
    own_sink.hold()
    with Rough(port) as client:
        client.open("alice@example.com", sender=PLAIN)
        client.send(sent.content + b".\r\n")
        own_sink.by_id(sent.id)
        daemon.terminate()
        poll(lambda: not connects(port), message="the door stayed open")
        daemon.terminate()
        daemon.wait()
        assert not client.reply().startswith("250")


def test_drain_has_an_end(own_sink: Sink) -> None:
    """A client that never finishes does not keep the service; it gets no 250."""
    with Daemon({"outbound": own_sink.port}, drain="1s") as daemon:
        daemon.start()
        with Rough(daemon.doors["outbound"]) as client:
            client.open("alice@example.com", sender=PLAIN)
            client.send(b"From: x")
            assert daemon.stop() == 0
            assert not client.reply().startswith("250")
    assert not own_sink.mails


def test_killed_worker_is_replaced(daemon: Daemon, own_sink: Sink) -> None:
    before = daemon.workers
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    poll(lambda: len(daemon.workers) == 2 and before[0] not in daemon.workers, message="nobody took its place")
    assert before[1] in daemon.workers

    (successor,) = set(daemon.workers) - set(before)
    served_by(successor, daemon)
    for _ in range(10):
        assert submit(daemon.doors["outbound"], letter(sender=PLAIN).content, sender=PLAIN).code == 250
    assert daemon.stop() == 0


def test_workers_share_the_port(daemon: Daemon) -> None:
    for worker in daemon.workers:
        served_by(worker, daemon)


def served_by(worker: int, daemon: Daemon) -> None:
    """Connect until a client is this worker's."""
    before = sockets(worker)
    with ExitStack() as clients:

        def has_one() -> bool:
            clients.enter_context(Rough(daemon.doors["outbound"]))
            return sockets(worker) > before

        poll(has_one, message=f"worker {worker} gets no clients")


def test_workers_without_a_supervisor_finish_and_go(daemon: Daemon, own_sink: Sink) -> None:
    """A killed supervisor leaves no orphans on the port: they bring their messages to the end and leave."""
    port, workers = daemon.doors["outbound"], daemon.workers
    sent = letter(sender=PLAIN)
    own_sink.hold()
    with Rough(port) as client:
        client.open("alice@example.com", sender=PLAIN)
        client.send(sent.content + b".\r\n")
        own_sink.by_id(sent.id)
        os.kill(daemon.pid, signal.SIGKILL)
        assert daemon.wait() == -signal.SIGKILL
        poll(lambda: not connects(port), message="the orphans still listen")
        own_sink.release()
        assert client.reply().startswith("250")
    poll(lambda: all(map(gone, workers)), message="the orphans stayed")
    daemon.start()
    assert submit(port, letter(sender=PLAIN).content, sender=PLAIN).code == 250


def test_a_taken_port_is_told(daemon: Daemon) -> None:
    """No second instance shares the port silently."""
    assert not daemon.run("serve", code=75)


def test_more_clients_than_open_files_is_told(own_sink: Sink) -> None:
    """The limit is raised as far as it may be; where that is not enough, the service does not start."""
    with Daemon({"outbound": own_sink.port}, limits={"connections": 1000}) as daemon:
        serve = daemon.command("serve")
        done = subprocess.run(["prlimit", "--nofile=256:512", *serve], capture_output=True, text=True, check=False)
        assert done.returncode == 78
        assert "limits.connections: needs " in done.stderr
        assert "512 are allowed" in done.stderr
