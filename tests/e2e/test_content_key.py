"""Somebody sends in what he made of intercepted mail: it stays closed, is told of, and opens for who names it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.client import submit
from tests.e2e.conftest import People
from tests.e2e.daemon import SUPPORT, Daemon, poll
from tests.e2e.sink import Mail, Sink
from tests.e2e.test_late_key import again, held
from tests.e2e.test_metrics import metrics
from tests.inbound.content_key import OTHER, cbc, gcm, wrapped
from tests.inbound.made import CANARY, p7m
from tests.letters import head

GUESS = b"Something else."


@pytest.fixture
def far() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


@pytest.fixture
def gateway(far: Sink, people: People) -> Iterator[Daemon]:
    with Daemon({"inbound": far.port}) as daemon:
        people.introduce(daemon)
        yield daemon.start()


def send(daemon: Daemon, cms: bytes, number: int, sender: str = "alice@customer.example") -> str:
    message_id = f"<{number}@customer.example>"
    answer = submit(daemon.doors["inbound"], head(message_id=message_id) + p7m(cms), SUPPORT, sender=sender)
    assert (answer.code, answer.text[:9]) == (250, "2.0.0 Ok ")
    return message_id


def encryption(mail: Mail) -> str:
    return (mail.field("x-smime-gateway-encryption") or b"").decode()


def test_gcm_that_is_guessed_at_as_cbc(gateway: Daemon, far: Sink, people: People, tmp_path: Path) -> None:
    info = wrapped(people.issued[SUPPORT])
    first = send(gateway, gcm(info), 0)
    (original,) = far.by_id(first)
    assert encryption(original).endswith("authenticated=yes")
    assert CANARY in original.content
    guesses = [send(gateway, cbc(info, entity=OTHER + b"%d" % n), n, "mallory@evil.example") for n in range(1, 6)]
    for guess in guesses:
        (mail,) = far.by_id(guess)
        assert encryption(mail) == "failed; reason=key-reused"
        assert GUESS not in mail.content
        record = gateway.record(guess)
        assert gateway.record(first)["id"] in record["encryption"]["detail"]
        assert (record["sender"], record["verdict"]) == ("mallory@evil.example", "relay")
    assert metrics(gateway)["errors_total"].value(kind="key-reused") == len(guesses)
    (again_,) = far.by_id(send(gateway, gcm(info), 6))
    assert encryption(again_).endswith("authenticated=yes")

    kept = {entry["record_id"]: entry for entry in held(gateway)}
    assert {entry["reason"] for entry in kept.values()} == {"key-reused"}
    assert len(kept) == len(guesses)
    gateway.run("held", "retry")
    gateway.run("held", "retry", kept[gateway.record(guesses[0])["id"]]["id"])
    (opened,) = far.wait(again)
    assert encryption(opened).endswith("authenticated=no")
    assert GUESS in opened.content
    poll(lambda: len(held(gateway)) == len(guesses) - 1)
    assert {entry["state"] for entry in held(gateway)} == {"waiting"}


def test_message_process_asks_and_adds_nothing(gateway: Daemon, far: Sink, people: People, tmp_path: Path) -> None:
    info, path = wrapped(people.issued[SUPPORT]), tmp_path / "mail.eml"
    arguments = ("message", "process", "--direction", "inbound", "--sender", "a@b.example", "--recipient", SUPPORT)

    def tried(cms: bytes) -> str:
        path.write_bytes(head() + p7m(cms))
        gateway.run(*arguments, "--output", tmp_path / "out", path)
        found = json.loads((tmp_path / "out" / "record.json").read_text())["encryption"]
        return str(found["reason"] or found["status"])

    assert tried(cbc(info, entity=OTHER)) == "decrypted"
    far.by_id(send(gateway, cbc(info), 1))
    assert tried(cbc(info)) == "decrypted"
    assert tried(cbc(info, entity=OTHER)) == "key-reused"
