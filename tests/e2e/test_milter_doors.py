"""Milter doors of a running gateway, with a scripted mail server: reload, stop, what keeps it from starting."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.client import letter
from tests.e2e.conftest import People
from tests.e2e.daemon import GROUPS, PLAIN, Daemon, free_port, poll
from tests.milter.client import MailServer
from tests.tools import require_pymilter


@pytest.fixture
def sockets() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="milters-") as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def library() -> None:
    require_pymilter()


def daemon(sockets: Path, **options: Any) -> Daemon:
    milters = [
        {"name": "submission", "direction": "outbound", "listen": f"unix:{sockets}/out", "mode": "0600"},
        {"name": "mx", "direction": "inbound", "listen": f"unix:{sockets}/in"},
    ]
    return Daemon({"outbound": free_port(), "inbound": free_port()}, milters=milters, **options)


@pytest.fixture
def gateway(sockets: Path, people: People) -> Iterator[Daemon]:
    with daemon(sockets) as made:
        people.introduce(made)
        yield made.start()


def answer(path: Path, sender: str = PLAIN) -> str:
    with MailServer(path) as mta:
        mta.client()
        verdict = mta.mail(letter(sender=sender).content, "carol@example.com", sender=sender)
        return verdict.reply or verdict.code


def test_a_reload_reaches_every_process(gateway: Daemon, sockets: Path) -> None:
    """REL-07: also a session that is open goes on under the new rules."""
    with MailServer(sockets / "out") as mta:
        mta.client()
        before = mta.mail(letter(sender=PLAIN).content, "carol@example.com", sender=PLAIN)
        assert (before.code, before.edited) == ("c", False)
        file = gateway.folder / "gateway.yaml"
        groups = [group | {"encrypt": "required", "sign": "required"} for group in GROUPS]
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"groups": groups}))
        os.kill(gateway.pid, signal.SIGHUP)
        poll(lambda: "reload: done" in gateway.log, message=gateway.log)
        after = mta.mail(letter(sender=PLAIN).content, "carol@example.com", sender=PLAIN)
        assert after.reply.startswith("550 5.7.3")
    for _ in range(8):
        assert answer(sockets / "out").startswith("550 5.7.3")


def test_sockets_come_with_their_mode_and_go_with_the_gateway(gateway: Daemon, sockets: Path) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in sockets.iterdir()}
    assert modes == {"out": 0o600, "in": 0o660}
    assert len(gateway.children("milter")) == 2
    assert gateway.stop() == 0
    assert list(sockets.iterdir()) == []


def test_an_address_over_tcp(people: People) -> None:
    port = free_port()
    milters = [{"name": "mx", "direction": "inbound", "listen": f"inet:127.0.0.1:{port}"}]
    with Daemon({"outbound": free_port(), "inbound": free_port()}, milters=milters) as gateway:
        gateway.start()
        with MailServer(("127.0.0.1", port)) as mta:
            mta.client()
            assert mta.mail(letter().content).edited


def test_a_socket_in_use_keeps_a_second_gateway_from_starting(gateway: Daemon, sockets: Path) -> None:
    with daemon(sockets) as second, pytest.raises(AssertionError, match="another process listens there"):
        second.start()
    assert answer(sockets / "out") == "c"


def test_without_the_supervisor_the_sockets_are_served_no_more(gateway: Daemon, sockets: Path) -> None:
    """Its children end by themselves, and a new gateway takes the sockets over."""
    doors = gateway.children("milter")
    os.kill(gateway.pid, signal.SIGKILL)
    gateway.wait()
    poll(lambda: not any(Path(f"/proc/{door}").exists() for door in doors))
    gateway.start()
    assert answer(sockets / "out") == "c"
