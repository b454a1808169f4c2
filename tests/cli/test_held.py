"""``held``: what waits and for what, tried again, deleted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.pki.need import NeedKind, by_key_id
from gateway.store import Store, StoreOptions, open_store
from tests.cli.running import Command
from tests.store.held.messages import AT, LEASE, held

NEED = by_key_id(NeedKind.RECIPIENT, b"k", "issuer=CN=\x1b[31mred serial=1f")


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, capsys)


@pytest.fixture
def store(command: Command) -> Iterator[Store]:
    """The store that the command will use."""
    opened = open_store(StoreOptions(command.state), durable=True)
    yield opened
    opened.close()


def test_nothing_held_is_an_empty_list(command: Command) -> None:
    assert command("held", "list", "--json").json == []
    assert command("held", "list").code == 0
    nothing = command("held", "retry")
    assert (nothing.code, nothing.out) == (0, "")
    assert command("held", "retry", "--json").json == []


def test_the_list_names_sender_recipients_reason_and_state(command: Command, store: Store) -> None:
    names = [held(store, NEED, content=b"1"), held(store, NEED, content=b"2", sender="", recipients=("a@x", "b@y"))]
    entries = command("held", "list", "--json").json
    assert sorted(entry["id"] for entry in entries) == sorted(names)
    row = next(line for line in command("held", "list").lines if names[1][:16] in line)
    for part in ("<>", "a@x, b@y", "no-key", "waiting", "2026-03-04"):
        assert part in row
    assert [entry["id"] for entry in command("held", "list", "--filter", "alice@", "--json").json] == [names[0]]


def test_all_of_one_is_shown_by_a_prefix(command: Command, store: Store) -> None:
    name = held(store, NEED)
    entry = command("held", "show", name[:12], "--json").json
    assert entry == {
        "id": name,
        "record_id": "r1",
        "received_at": "2026-03-04T05:06:07.089000Z",
        "door": "inbound",
        "client": "198.51.100.9",
        "sender": "alice@example.com",
        "recipients": ["support@example.org"],
        "message_id": "<m1@example.com>",
        "size": 17,
        "reason": "no-key",
        "unreadable": True,
        "state": "waiting",
        "attempts": 0,
        "due": None,
        "note": None,
        "needs": [{"kind": "recipient", "value": NEED.value, "text": NEED.text}],
    }
    shown = command("held", "show", name)
    assert "reason: no-key" in shown.lines
    assert "needs: the private key of the certificate issuer=CN=\\x1b[31mred serial=1f" in shown.lines


def test_retry_makes_ready_one_or_all(command: Command, store: Store) -> None:
    one, two = held(store, content=b"1"), held(store, content=b"2")
    assert command("held", "retry", one[:16]).out == f"held message {one} will be tried again\n"
    assert {entry["id"]: entry["state"] for entry in command("held", "list", "--json").json} == {
        one: "ready",
        two: "waiting",
    }
    assert {entry["id"] for entry in command("held", "retry", "--json").json} == {one, two}
    assert store.held.claim(AT, LEASE) is not None
    tried = next(entry["id"] for entry in command("held", "list", "--json").json if entry["state"] == "trying")
    refused = command("held", "retry", tried)
    assert refused.code == 65
    assert "being tried" in refused.err


def test_delete_takes_one_away(command: Command, store: Store) -> None:
    one, two, three = (held(store, content=b"%d" % number) for number in range(3))
    assert command("held", "delete", one).out == f"deleted held message {one}\n"
    assert command("held", "delete", two, "--json").json == {"id": two, "deleted": True}
    assert [entry["id"] for entry in command("held", "list", "--json").json] == [three]


@pytest.mark.parametrize("verb", ["show", "retry", "delete"])
def test_a_wrong_id_is_65_and_a_missing_one_64(command: Command, store: Store, verb: str) -> None:
    held(store)
    for name in ("0" * 32, "nonsense", ""):
        result = command("held", verb, name)
        assert (result.code, result.out) == (65, "")
        assert result.err.count("\n") == 1
    if verb != "retry":
        assert command("held", verb).code == 64
