"""The process of API and console beside mail: whatever becomes of it, mail goes on."""

import os
import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.client import letter, submit
from tests.e2e.daemon import PLAIN, Daemon, free_port, poll
from tests.e2e.sink import Sink


class Site(Daemon):
    """A gateway with an admin listener."""

    def __init__(self, sink: Sink) -> None:
        self.admin = free_port()
        super().__init__({"outbound": sink.port}, admin={"listen": f"127.0.0.1:{self.admin}"})

    @property
    def process(self) -> int:
        (pid,) = self.children("admin")
        return pid

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def takes_mail(self) -> bool:
        return submit(self.doors["outbound"], letter(sender=PLAIN).content, sender=PLAIN).code == 250


@pytest.fixture
def gateway(sink: Sink) -> Iterator[Site]:
    with Site(sink) as made:
        yield made


def test_mail_goes_on_when_it_is_killed(gateway: Site) -> None:
    gateway.start()
    poll(gateway.answers)
    victim = gateway.process
    os.kill(victim, signal.SIGKILL)
    assert gateway.takes_mail()
    poll(lambda: gateway.answers() and gateway.process != victim)
    assert gateway.stop() == 0


def test_mail_goes_on_when_it_hangs(gateway: Site) -> None:
    gateway.start()
    poll(gateway.answers)
    os.kill(gateway.process, signal.SIGSTOP)
    assert gateway.takes_mail()
    os.kill(gateway.pid, signal.SIGHUP)
    poll(lambda: "did not take over the new configuration" in gateway.log)
    assert gateway.takes_mail()


def test_mail_goes_on_when_its_port_is_taken(gateway: Site) -> None:
    with socket.create_server(("127.0.0.1", gateway.admin)):
        gateway.start()
        poll(lambda: f"admin: cannot listen on 127.0.0.1:{gateway.admin}" in gateway.log)
        assert gateway.takes_mail()
    poll(gateway.answers)
    assert gateway.log.count("cannot listen") == 1


def test_it_has_no_doors_socket(gateway: Site) -> None:
    """Of the sockets that listen, it has its own alone."""
    gateway.start()
    poll(gateway.answers)
    own = {os.readlink(path) for path in Path(f"/proc/{gateway.process}/fd").iterdir() if path.is_symlink()}
    listening = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *_, inode = line.split()[:10]
        if state == "0A":
            listening[f"socket:[{inode}]"] = int(local.partition(":")[2], 16)
    assert {listening[name] for name in own & set(listening)} == {gateway.admin}


def test_without_an_address_there_is_no_such_process(sink: Sink) -> None:
    with Daemon({"outbound": sink.port}, admin={"listen": None}) as daemon:
        daemon.start()
        assert daemon.children("admin") == []
