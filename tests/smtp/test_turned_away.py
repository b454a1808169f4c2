"""A client that is turned away has a record that says which key would have to be another; a flood of them has few."""

import asyncio
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher

from gateway.engine.engine import make_record
from gateway.engine.record import Record
from gateway.engine.transaction import Direction
from gateway.metrics import MESSAGES, count_record
from gateway.smtp.door import Auth, Limits
from gateway.smtp.turned_away import AT_MOST, PAUSE, TurnedAway
from tests.smtp.fakes import QUICK, World, run, world

AT = datetime(2026, 6, 1, tzinfo=UTC)


async def records(made: World, count: int) -> list[Record]:
    """The records of the clients that this door turned away, once there are that many."""
    for _ in range(1000):
        if len(made.turned_away) >= count:
            break
        await asyncio.sleep(0.01)
    found = made.turned_away
    return [make_record(each.transaction, each.outcome, each.receipts, each.reply, 0) for each in found]


@pytest.mark.parametrize("direction", list(Direction))
def test_a_client_that_is_on_no_list(direction: Direction) -> None:
    async def story() -> None:
        async with world(clients=("192.0.2.0/24",), direction=direction) as made:
            for _ in range(5):
                client = await made.client(greet=False)
                assert await client.reply() == "554 5.7.1 Client not welcome"
            (record,) = await records(made, 1)
        assert (record.verdict, record.size, record.recipients, record.client) == ("reject", 0, (), "127.0.0.1")
        assert (record.rule, record.reply) == ("listeners test: clients", "554 5.7.1 Client not welcome")
        assert record.signature.reason == record.encryption.reason == "not-authorised"
        assert (record.door, record.direction, record.digest) == ("test", direction, None)

    run(story())


def test_one_client_too_many() -> None:
    async def story() -> None:
        async with world(limits=Limits(connections=1, timeouts=QUICK)) as made:
            await made.client()
            other = await made.client(greet=False)
            assert (await other.reply()).startswith("421")
            (record,) = await records(made, 1)
        assert (record.verdict, record.rule) == ("defer", "limits.connections")
        assert record.signature.reason == "limit"

    run(story())


def test_logins_that_are_missing_or_wrong() -> None:
    users = {"pipeline": PasswordHasher(time_cost=1, memory_cost=64).hash("right")}

    async def story() -> None:
        async with world(auth=Auth.FILE, users=users) as made:
            client = await made.client()
            assert (await client.say("EHLO pipeline")).startswith("250")
            assert (await client.say("MAIL FROM:<a@example.org>")).startswith("530")
            wrong = b64encode(b"\0desk\0wrong").decode()
            assert (await client.say(f"AUTH PLAIN {wrong}")).startswith("535")
            assert (await client.say(f"AUTH PLAIN {wrong}")).startswith("535")
            found = await records(made, 2)
        assert [record.rule for record in found] == ["listeners test: auth", "listeners test: auth, the file of logins"]
        assert {(record.verdict, record.auth) for record in found} == {("reject", None)}

    run(story())


def test_it_is_counted_as_no_message() -> None:
    async def story() -> None:
        async with world(clients=()) as made:
            await (await made.client(greet=False)).reply()
            (record,) = await records(made, 1)
        series = MESSAGES["outbound", "smtp", "reject"]
        before = series._value.get()
        count_record(record)
        assert series._value.get() == before

    run(story())


def test_of_a_flood_few_are_told_of() -> None:
    turns = TurnedAway()
    told = [turns.tell(number, AT + timedelta(milliseconds=number)) for number in range(100_000)]
    assert [each for each in told if each is not None] == [0] * AT_MOST
    assert turns.tell("another", AT + PAUSE / 2) is None
    assert turns.tell("another", AT + PAUSE) == 100_000 - AT_MOST + 1
    assert turns.tell("another", AT + PAUSE) is None
    assert turns.tell("one more", AT + PAUSE) == 1
    assert turns.tell("another", AT) == 0, "the clock was set back"
