"""The journal: the record under its public names, found by what an operator knows of it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from gateway.engine.record import as_json, from_json
from gateway.errors import Refused
from gateway.log import line
from gateway.store import Store, StoreOptions, open_store, schema
from gateway.store.journal import record_names, records
from gateway.store.journal.census import count_records, latest
from gateway.store.journal.records import Query
from tests.interface import RECORD
from tests.store.journal.records import AT, record


def ids(documents: list[records.Document]) -> list[str]:
    return [document["id"] for document in documents]


def test_a_record_has_the_public_names() -> None:
    document = as_json(record())
    assert list(document) == RECORD
    assert document["received_at"] == "2026-03-04T05:06:07.089000Z"
    assert document["from"] == "Support@Example.org"
    assert document["deliveries"] == [
        {
            "recipients": ["alice@example.com"],
            "next_hop": "127.0.0.1:25",
            "reply": "250 2.0.0 ok",
            "signed": True,
            "encrypted": False,
            "size": 4000,
        }
    ]


def test_a_record_survives_json() -> None:
    assert from_json(json.loads(json.dumps(as_json(record())))) == record()


def test_what_is_written_is_found_newest_last(store: Store) -> None:
    store.journal.write([record("r1"), record("r2")])
    store.journal.write([record("r3")])
    store.journal.write([])
    assert ids(store.journal.recent()) == ["r1", "r2", "r3"]
    assert ids(store.journal.recent(limit=2)) == ["r2", "r3"]
    assert store.journal.recent(limit=1) == [json.loads(json.dumps(as_json(record("r3"))))]


@pytest.fixture
def full(store: Store) -> Store:
    store.journal.write(
        [
            record("signed"),
            record(
                "inbound",
                direction="inbound",
                sender="x@elsewhere.net",
                from_=None,
                recipients=("support@example.org",),
            ),
            record("refused", verdict="reject", signature={}, encryption={}, deliveries=()),
            record("both", encryption={"status": "encrypted"}, recipients=("Carol@Example.net",)),
            record("later", received_at=AT + timedelta(hours=1), signature={"status": "not-signed"}),
        ]
    )
    return store


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(direction="inbound"), ["inbound"]),
        (Query(status="reject"), ["refused"]),
        (Query(status="encrypted"), ["both"]),
        (Query(status="not-signed"), ["later"]),
        (Query(status="relay\0"), []),
        (Query(address="CAROL@example.NET"), ["both"]),
        (Query(address="support@example.org"), ["signed", "inbound", "refused", "both", "later"]),
        (Query(address="@example.net"), ["both"]),
        (Query(address="@elsewhere.net"), ["inbound"]),
        (Query(address="@xample.net"), []),
        (Query(address="carol@example"), []),
        (Query(address="@%"), []),
        (Query(address="\udcff\0@example.net"), []),
        (Query(since=AT + timedelta(seconds=1)), ["later"]),
        (Query(since=AT), ["signed", "inbound", "refused", "both", "later"]),
        (Query(direction="outbound", status="relay", address="bob@example.com", since=AT), ["signed", "later"]),
    ],
)
def test_records_are_found_by_what_is_known_of_them(full: Store, query: Query, found: list[str]) -> None:
    assert ids(full.journal.recent(query)) == found


def test_foreign_bytes_do_not_keep_a_record_from_being_written(store: Store) -> None:
    odd = record("odd", sender="\udcff@example.org", recipients=("a\0b@example.org", "ü@exämple.org"), from_="a\nb@c")
    store.journal.write([odd])
    (document,) = store.journal.recent(Query(address="ü@exämple.org"))
    assert from_json(document) == odd


def test_words_of_another_version_are_read_as_they_stand() -> None:
    """Gateways of one store are updated one after another, and sometimes back: the log shows what all of them wrote."""
    signer = {"status": "softfail", "reason": "too-new", "reasons": ["too-new"]}
    document = as_json(record(direction="inbound", deliveries=())) | {
        "verdict": "hand-on",
        "front_end": "api",
        "layers": ["signed", "timestamped"],
        "signature": signer | {"coverage": "most", "signers": [signer]},
        "encryption": {"status": "rewrapped", "reason": None},
    }
    read = from_json(document)
    told = as_json(read)
    assert [told[name] for name in ("verdict", "front_end", "layers")] == ["hand-on", "api", ["signed", "timestamped"]]
    assert "hand-on" in line(read)
    assert "signature=softfail(too-new) encryption=rewrapped" in line(read)


def test_a_batch_is_written_whole_or_not_at_all(store: Store) -> None:
    with pytest.raises(TypeError):
        store.journal.write([record("r1"), record("r2", group=object())])
    assert store.journal.recent() == []


def test_follow_yields_the_last_ones_and_then_every_new_one_once(options: StoreOptions) -> None:
    store, other = open_store(options, durable=True), open_store(options, durable=False)
    store.journal.write([record(f"r{number}") for number in range(5)])
    batches = iter([["a"], [], ["b", "c"], ["d"]])

    def pause(_: float) -> None:
        other.journal.write([record(name) for name in next(batches)])

    following = store.journal.follow(limit=2, pause=pause)
    assert [next(following)["id"] for _ in range(6)] == ["r3", "r4", "a", "b", "c", "d"]


def test_follow_finds_what_is_committed_late(store: Store) -> None:
    """A row may appear below a number that was already seen: its transaction began earlier and ended later."""
    store.journal.write([record("r1"), record("late"), record("r3")])
    with store.database.write() as connection:
        late = connection.execute(select(schema.records).where(schema.records.c.id == "late")).one()._asdict()
        connection.execute(schema.records.delete().where(schema.records.c.id == "late"))
    steps: Iterator[None] = iter([None])

    def pause(_: float) -> None:
        next(steps)
        with store.database.write() as connection:
            connection.execute(schema.records.insert().values(**late))

    following = store.journal.follow(pause=pause)
    assert [next(following)["id"] for _ in range(3)] == ["r1", "r3", "late"]


def test_follow_filters(store: Store) -> None:
    store.journal.write([record("r1"), record("r2", direction="inbound")])

    def pause(_: float) -> None:
        store.journal.write([record("r3"), record("r4", direction="inbound")])

    following = store.journal.follow(Query(direction="inbound"), pause=pause)
    assert [next(following)["id"] for _ in range(3)] == ["r2", "r4", "r4"]


def test_old_records_go_with_their_addresses(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "PRUNE_AT_ONCE", 3)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    store.journal.write([record(f"r{day}", received_at=start + timedelta(days=day)) for day in range(10)])
    assert store.journal.prune(start + timedelta(days=7)) == 7
    assert ids(store.journal.recent()) == ["r7", "r8", "r9"]
    with store.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.record_addresses)) == 9
    assert store.journal.prune(start) == 0


@pytest.fixture
def held_mail(store: Store) -> Store:
    """One mail with its arrival, two attempts and a second door; another one that knows nothing of it."""
    store.journal.write(
        [
            record("aa01", direction="inbound", held="ee77", message_id="<one@example.net>", queue_id="4ABC"),
            record("aa02", direction="inbound", held="ee99", message_id="Two@example.net (odd)"),
            record("bb01", direction="inbound", held="ee77", retry_of="aa01", message_id="<one@example.net>"),
            record("cc01", direction="inbound", held="ee77", retry_of="aa01", message_id="<retry@gw>", queue_id="4ABC"),
            record("dd01", direction="inbound", pass_of="cc01", queue_id="\udcff\0 4ABC"),
        ]
    )
    return store


@pytest.mark.parametrize("beginning", ["aa01", "bb01", "cc0", "dd01", "ee77", "EE77", "ee7"])
def test_one_id_brings_all_records_of_its_mail(held_mail: Store, beginning: str) -> None:
    assert ids(held_mail.journal.recent(Query(id=beginning))) == ["aa01", "bb01", "cc01", "dd01"]
    assert ids(held_mail.journal.recent(Query(id=beginning), 1)) == ["dd01"]
    found, mail = held_mail.journal.get(beginning)
    assert mail == ["aa01", "bb01", "cc01", "dd01"]
    assert found["id"] == ("aa01" if beginning.lower().startswith("ee") else next(i for i in mail if beginning in i))


@pytest.mark.parametrize("beginning", ["a", "ee", "aa"])
def test_a_beginning_that_several_mails_share_is_refused(held_mail: Store, beginning: str) -> None:
    for ask in (held_mail.journal.get, lambda text: held_mail.journal.recent(Query(id=text))):
        with pytest.raises(Refused, match="several ids begin"):
            ask(beginning)


@pytest.mark.parametrize("beginning", ["", "aa%", "ü", "aa01\0"])
def test_what_is_no_id_is_refused(held_mail: Store, beginning: str) -> None:
    with pytest.raises(Refused, match="no id"):
        held_mail.journal.get(beginning)


def test_an_unknown_id_finds_nothing(held_mail: Store) -> None:
    assert held_mail.journal.recent(Query(id="ff")) == []
    with pytest.raises(Refused, match="no record has an id that begins with ff"):
        held_mail.journal.get("ff")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(message_id="<one@example.net>"), ["aa01", "bb01"]),
        (Query(message_id=" one@example.net "), ["aa01", "bb01"]),
        (Query(message_id="Two@example.net (odd)"), ["aa02"]),
        (Query(message_id="one"), []),
        (Query(queue_id="4ABC"), ["aa01", "cc01"]),
        (Query(queue_id="4ABC", message_id="retry@gw"), ["cc01"]),
        (Query(queue_id="\udcff\0 4ABC"), ["dd01"]),
        (Query(queue_id="4abc"), []),
    ],
)
def test_queue_ids_and_message_ids_find_their_records(held_mail: Store, query: Query, found: list[str]) -> None:
    assert ids(held_mail.journal.recent(query)) == found


def test_names_are_found_by_an_index(held_mail: Store) -> None:
    if not held_mail.database.is_sqlite:
        pytest.skip("SQLite tells its plan in one line")
    wanted = record_names.called(record_names.Name.MESSAGE, "one@example.net")
    with held_mail.database.read() as connection:
        statement = wanted.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
    assert ["ix_record_names_name" in row[-1] for row in plan] == [True]


def test_names_go_with_their_record(held_mail: Store) -> None:
    held_mail.journal.prune(AT + timedelta(days=1))
    with held_mail.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.record_names)) == 0


def test_a_list_goes_on_behind_no_foreign_octets(store: Store) -> None:
    for name in ("ff", "f\0"):
        with pytest.raises(Refused, match="behind which"):
            store.journal.page(after=name)


def test_mail_of_a_group_is_found_and_of_none_by_none(store: Store) -> None:
    store.journal.write([record("a", group="support"), record("b", group='Süd, "x"'), record("c")])
    assert ids(store.journal.recent(Query(groups=("support",)))) == ["a"]
    assert ids(store.journal.recent(Query(groups=('Süd, "x"', "support", "other")))) == ["a", "b"]
    assert ids(store.journal.recent(Query(groups=()))) == []
    assert store.journal.get("a", ("support",))[1] == ["a"]
    for groups in (("other",), ()):
        with pytest.raises(Refused):
            store.journal.get("a", groups)


def test_a_time_ends_a_list(store: Store) -> None:
    hour = timedelta(hours=1)
    store.journal.write([record(str(number), received_at=AT + number * hour) for number in range(4)])
    assert ids(store.journal.recent(Query(since=AT + hour, until=AT + 3 * hour))) == ["1", "2"]
    assert ids(store.journal.page(Query(until=AT), limit=5)) == []


def test_the_journal_is_counted_by_hour_and_result(store: Store) -> None:
    store.journal.write(
        [
            record("1"),
            record("2", received_at=AT + timedelta(minutes=10)),
            record("3", received_at=AT + timedelta(hours=1), direction="inbound", group="support"),
            record("4", received_at=AT - timedelta(hours=1)),
        ]
    )
    hour = AT.replace(minute=0, second=0, microsecond=0)
    found = {(share.hour, share.direction, share.signature, share.count) for share in count_records(store.database, AT)}
    assert found == {(hour, "outbound", "signed", 2), (hour + timedelta(hours=1), "inbound", "none", 1)}
    (share,) = count_records(store.database, AT, ("support",))
    assert share.count == 1


def test_the_latest_are_told_by_their_columns(store: Store) -> None:
    made = [record(str(number), received_at=AT + timedelta(minutes=number)) for number in range(4)]
    store.journal.write([*made, record("refused", verdict="reject", group="support")])
    found = latest(store.database, AT + timedelta(minutes=1), limit=2, verdict="relay")
    assert ids(found) == ["3", "2"]
    assert ids(latest(store.database, AT, ("support",), limit=9, verdict="reject")) == ["refused"]
    assert ids(latest(store.database, AT, ("other",), limit=9, verdict="reject")) == []
