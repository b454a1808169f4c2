"""A store goes into a file and into the other database, and comes back as it was."""

import gzip
import io
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, Table, func, insert, select, update

from gateway.errors import Fault, Malformed
from gateway.store import Misconfigured, Store, StoreOptions, open_store, schema
from gateway.store.columns import metadata
from gateway.store.database import Database
from gateway.store.gateways.presence import Presence
from gateway.store.held.message import State
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.store.ledger.owner import this_owner
from gateway.store.portable import contents, moving
from gateway.store.portable.document import Summary
from gateway.store.portable.places import Claim
from tests.authority import Authority
from tests.store.conftest import PrivateServer
from tests.store.held.messages import AT as HELD_AT
from tests.store.held.messages import LEASE, held
from tests.store.journal.records import record
from tests.store.older import older_store
from tests.stores import ready

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
CLAIM = Claim(AT, "put it aside")
REPLACE = Claim(AT, "", replace=True)


@pytest.fixture
def full(store: Store, authority: Authority) -> Store:
    """A store with a row of every kind that was there before this room."""
    support, alice = authority.leaf("support@example.org"), authority.leaf("alice@example.com", kind="p256")
    import_file(store, support.p12(b"secret"), [b"secret"], ImportOptions())
    import_file(store, alice.pem() + authority.root.pem(), [], ImportOptions())
    held(store)
    store.journal.write([record(), record("other", recipients=("a@example.com", "b@example.com"))])
    store.failures.note("key", AT)
    store.ledger.claim(b"digest", "inbound", "a@example.com", ["b@example.com"])
    store.ledger.taken(b"digest", "inbound", "a@example.com", ["b@example.com"])
    store.wrapping.mac_key("seal")
    return store


@pytest.fixture
def elsewhere(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> Iterator[StoreOptions]:
    """Options of an empty store in the other database, with the same key."""
    state = tmp_path / "elsewhere"
    state.mkdir(mode=0o700)
    if kind == "postgresql":
        yield StoreOptions(state, wait=1.0)
        return
    server: PrivateServer = request.getfixturevalue("postgresql")
    with server.new_database() as url:
        yield StoreOptions(state, url, wait=1.0)


def with_key_of(options: StoreOptions, other: StoreOptions) -> StoreOptions:
    shutil.copy(other.state / "kek", options.state / "kek")
    return options


def backup(store: Store) -> io.BytesIO:
    file = io.BytesIO()
    moving.back_up(store.database, file, AT)
    return file


def rows(database: Database) -> dict[str, list[Any]]:
    """All rows that are taken along, by table, in an order of their own."""
    with database.snapshot() as connection:
        found: dict[str, list[Any]] = {table.name: [] for table in contents.tables()}
        for batch in contents.read(connection):
            found[batch.table] += [dict(zip(batch.columns, row, strict=True)) for row in batch.rows]
    return {name: sorted(some, key=repr) for name, some in found.items()}


def test_every_table_is_taken_or_stays_for_a_reason() -> None:
    taken = {table.name for table in contents.tables()}
    assert taken | set(contents.LEFT_BEHIND) == set(metadata.tables)
    assert not taken & set(contents.LEFT_BEHIND)
    assert all(len(reason) > 20 for reason in contents.LEFT_BEHIND.values())


def test_what_is_restored_is_what_was_backed_up(full: Store, options: StoreOptions, elsewhere: StoreOptions) -> None:
    """REL-14"""
    before, file = rows(full.database), backup(full)
    restored = moving.restore(with_key_of(elsewhere, options), file, CLAIM)
    assert restored.kept is None
    other = open_store(elsewhere, durable=True)
    assert rows(other.database) == before
    assert restored.summary.rows == {name: len(found) for name, found in before.items() if found}
    (key,) = other.keys.list()
    assert other.keys.key(key.public_key_id) is not None
    assert other.wrapping.mac_key("seal") == full.wrapping.mac_key("seal")
    other.close()


def test_numbers_go_on_behind_what_was_restored(full: Store, options: StoreOptions, elsewhere: StoreOptions) -> None:
    moving.restore(with_key_of(elsewhere, options), backup(full), CLAIM)
    other = open_store(elsewhere, durable=True)
    other.journal.write([record("new")])
    assert [document["id"] for document in other.journal.recent()][-1] == "new"
    other.failures.note("key", AT)
    other.close()


def test_a_store_moves_to_the_other_database_and_stays_as_it_was(
    full: Store, options: StoreOptions, elsewhere: StoreOptions
) -> None:
    before = rows(full.database)
    url = f"sqlite:{elsewhere.state}/store.db" if elsewhere.database == "sqlite" else elsewhere.database
    counts = moving.move(full.database, url, CLAIM)
    assert counts["certificates"] == len(before["certificates"]) == 4
    other = open_store(with_key_of(elsewhere, options), durable=True)
    assert rows(other.database) == before == rows(full.database)
    other.held.retry()
    assert other.held.claim(HELD_AT, LEASE) is not None
    other.close()
    with pytest.raises(Misconfigured, match="not empty"):
        moving.move(full.database, url, CLAIM)


def test_a_file_is_of_one_moment(full: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written while it is read stays out, in every table alike."""
    read = contents.read

    def meanwhile(connection: Any) -> Any:
        for number, batch in enumerate(read(connection)):
            if number == 0:
                full.journal.write([record("late", recipients=("late@example.com",))])
            yield batch

    monkeypatch.setattr(contents, "read", meanwhile)
    file = io.BytesIO()
    summary = moving.back_up(full.database, file, AT)
    assert summary.rows["records"] == 2
    assert b"late@example.com" not in gzip.decompress(file.getvalue())


def test_leases_stay_behind(full: Store, options: StoreOptions, elsewhere: StoreOptions) -> None:
    with full.database.write() as connection:
        connection.execute(update(schema.held).values(state=State.READY))
    assert full.held.claim(HELD_AT + timedelta(days=1), LEASE) is not None
    moving.restore(with_key_of(elsewhere, options), backup(full), CLAIM)
    other = open_store(elsewhere, durable=True)
    (message,) = other.held.list()
    assert message.state is State.READY
    assert other.held.claim(HELD_AT, LEASE) is not None
    other.close()


def test_a_store_that_is_not_empty_stays(full: Store, options: StoreOptions) -> None:
    file, before = backup(full), rows(full.database)
    full.close()
    with pytest.raises(Misconfigured, match="not empty; put it aside"):
        moving.restore(options, file, CLAIM)
    assert rows(full.database) == before


def test_the_replaced_store_is_kept_beside(full: Store, options: StoreOptions) -> None:
    file, before = backup(full), rows(full.database)
    full.journal.write([record("afterwards")])
    full.close()
    restored = moving.restore(options, file, REPLACE)
    assert rows(full.database) == before
    assert restored.kept is not None
    if options.database == "sqlite":
        assert restored.kept == f"{options.state}/store.db.replaced-20260601T120000Z"
        assert Path(restored.kept).stat().st_mode & 0o777 == 0o600
        assert sorted(path.name for path in options.state.iterdir() if "new" in path.name) == []
    else:
        with full.database.read() as connection:
            assert connection.exec_driver_sql('SELECT count(*) FROM "replaced_20260601T120000Z".records').scalar() == 3
    full.close()
    again = moving.restore(options, file, Claim(AT + timedelta(seconds=1), "", replace=True))
    assert again.kept not in (None, restored.kept)


def test_a_store_in_use_is_not_touched(full: Store, options: StoreOptions) -> None:
    file, before = backup(full), rows(full.database)
    user = open_store(options, durable=False)
    user.gateways.beat(Presence("g1", this_owner(), "0.1.0", 2, ("inbound",), ""))
    with pytest.raises(Fault, match="in use: stop the service"):
        moving.restore(options, file, REPLACE)
    user.close()
    full.close()
    assert rows(full.database) == before
    user.gateways.leave("g1")
    user.close()
    full.close()
    assert moving.restore(options, file, REPLACE).kept is not None


def test_nobody_begins_a_store_where_one_is_being_restored(
    full: Store, options: StoreOptions, elsewhere: StoreOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What he put in would be lost."""
    if elsewhere.database != "sqlite":
        pytest.skip("only a file gives way to another")

    def fill(*arguments: Any) -> None:
        with pytest.raises(Fault, match="another process holds its lock"):
            open_store(elsewhere, durable=True)
        with pytest.raises(Fault, match="in use"):
            moving.restore(elsewhere, file, CLAIM)
        filling(*arguments)

    filling, file = moving.fill, backup(full)
    monkeypatch.setattr(moving, "fill", fill)
    assert moving.restore(with_key_of(elsewhere, options), file, CLAIM).kept is None
    other = open_store(elsewhere, durable=True)
    assert len(other.journal.recent()) == 2
    other.close()


def test_a_damaged_store_is_replaced(sqlite_options: StoreOptions, full: Store, kind: str) -> None:
    if kind != "sqlite":
        pytest.skip("only a file lies damaged on disk")
    file = backup(full)
    full.close()
    (sqlite_options.state / "store.db").write_bytes(b"nonsense" * 1000)
    with pytest.raises(Misconfigured, match="damaged; put it aside"):
        moving.restore(sqlite_options, file, CLAIM)
    restored = moving.restore(sqlite_options, file, REPLACE)
    assert Path(str(restored.kept)).read_bytes() == b"nonsense" * 1000
    assert len(open_store(sqlite_options, durable=True).keys.list()) == 1


def test_without_the_key_nothing_is_restored_unless_asked_for(full: Store, elsewhere: StoreOptions) -> None:
    file = backup(full)
    for _ in range(2):  # without a key, and with another one
        with pytest.raises(Misconfigured, match="key-encryption key"):
            moving.restore(elsewhere, file, CLAIM)
        opened = open_store(elsewhere, durable=True)
        opened.wrapping.key()
        opened.close()
    moving.restore(elsewhere, file, REPLACE, with_keys=False)
    other = open_store(elsewhere, durable=True)
    assert other.keys.list() == []
    assert other.held.list() == []
    assert len(other.journal.recent()) == 2
    assert other.wrapping.mac_key("seal") != full.wrapping.mac_key("seal")
    other.close()


def test_what_an_older_version_wrote_is_migrated(
    unmade: StoreOptions, elsewhere: StoreOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The columns of a version without ``changes``, ``origin`` and the like."""
    with older_store(unmade, "0001") as database, database.write() as connection:
        old = Table("records", MetaData(), autoload_with=connection)
        document = json.dumps(ROW)
        values = {"id": "old", "received_at": 1, "direction": "inbound", "verdict": "relay", "document": document}
        connection.execute(insert(old).values(values))
        made = MetaData()
        made.reflect(connection)
        made.remove(made.tables["alembic_version"])
        with monkeypatch.context() as patch:
            patch.setattr(contents, "metadata", made)
            patch.setattr(schema, "REVISION", "0001")
            patch.setattr(contents, "FIRST", made.tables["condition"])
            file = io.BytesIO()
            contents_of_then = list(contents.read(connection))
            moving.document.write(file, contents_of_then, AT)
    moving.restore(elsewhere, file, CLAIM)
    other = open_store(elsewhere, durable=True)
    assert [document["id"] for document in other.journal.recent()] == ["old"]
    assert other.journal.get("old")[1] == ["old"]
    other.close()


ROW = {
    "id": "old",
    "received_at": "2026-01-01T00:00:00Z",
    "direction": "inbound",
    "front_end": "smtp",
    "door": "inbound",
    "sender": "a@example.com",
    "recipients": ["b@example.com"],
    "size": 1,
    "verdict": "relay",
}


def test_what_a_newer_version_wrote_is_refused(full: Store, elsewhere: StoreOptions) -> None:
    file = again(backup(full), lambda lines: [lines[0] | {"schema": "9999"}, *lines[1:]])
    with pytest.raises(Misconfigured, match=r"newer version \(schema 9999\)"):
        moving.restore(elsewhere, file, CLAIM)
    assert_empty(elsewhere)


def again(file: io.BytesIO, change: Any) -> io.BytesIO:
    """Write a file anew with other lines and the digest that belongs to them: what somebody makes on purpose."""
    lines = [json.loads(line) for line in gzip.decompress(file.getvalue()).splitlines()]
    changed = change(lines)
    digest = moving.document.sha256()
    out = []
    for line in changed[:-1]:
        octets = json.dumps(line).encode() + b"\n"
        digest.update(octets)
        out.append(octets)
    out.append(json.dumps(changed[-1] | {"sha256": digest.hexdigest()}).encode() + b"\n")
    return io.BytesIO(gzip.compress(b"".join(out)))


def assert_empty(options: StoreOptions) -> None:
    if options.database == "sqlite":
        assert {path.name for path in options.state.iterdir() if path.stat().st_size} <= {"kek"}
        return
    opened = open_store(options, durable=True)
    with opened.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.certificates)) == 0
    opened.close()


@pytest.fixture
def small(tmp_path: Path) -> bytes:
    """A backup of a store with one record."""
    store = open_store(StoreOptions(ready(tmp_path / "small"), wait=1.0), durable=True)
    store.journal.write([record()])
    file = backup(store)
    store.close()
    return file.getvalue()


def test_every_cut_and_every_flipped_bit_is_found(small: bytes) -> None:
    for end in range(0, len(small), 7):
        with pytest.raises(Malformed):
            moving.document.verify(io.BytesIO(small[:end]))
    whole = moving.document.verify(io.BytesIO(small))
    unharmed = 0
    for place in range(len(small)):
        flipped = bytearray(small)
        flipped[place] ^= 1 << place % 8
        try:
            assert moving.document.verify(io.BytesIO(bytes(flipped))) == whole
            unharmed += 1
        except Malformed:
            pass
    assert unharmed <= 10  # what gzip's own header says of time and system is no content


def test_a_damaged_file_changes_nothing(full: Store, options: StoreOptions, elsewhere: StoreOptions) -> None:
    file = backup(full).getvalue()
    flipped = bytearray(file)
    flipped[len(file) // 2] ^= 1
    for octets in (file[:-20], bytes(flipped), b"", b"no backup", gzip.compress(b"{}\n")):
        with pytest.raises(Malformed):
            moving.restore(with_key_of(elsewhere, options), io.BytesIO(octets), CLAIM)
        assert_empty(elsewhere)


def _at(number: int, change: Any) -> Any:
    return lambda lines: [*lines[:number], change(lines[number]), *lines[number + 1 :]]


HOSTILE: dict[str, Any] = {
    "a table that is none of ours": _at(1, lambda line: line | {"table": "../../etc/passwd"}),
    "a table of the database itself": _at(1, lambda line: line | {"table": "sqlite_master"}),
    "the version's table": _at(1, lambda line: line | {"table": "alembic_version", "columns": ["version_num"]}),
    "another column": _at(1, lambda line: line | {"columns": ['id"); DROP TABLE keys; --', *line["columns"][1:]]}),
    "a column twice": _at(1, lambda line: line | {"columns": ["id", "id", *line["columns"][2:]]}),
    "columns that are no list": _at(1, lambda line: line | {"columns": 7}),
    "rows before their table": lambda lines: [lines[0], lines[2], *lines[1:]],
    "a row too short": _at(2, lambda rows: [row[1:] for row in rows]),
    "a row that is none": _at(2, lambda _: [7]),
    "a number for octets": _at(2, lambda rows: [[*row[:3], 7, *row[4:]] for row in rows]),
    "text for a number": _at(2, lambda rows: [["1", *row[1:]] for row in rows]),
    "a truth for a number": _at(2, lambda rows: [[True, *row[1:]] for row in rows]),
    "a number without end": _at(2, lambda rows: [[10**400, *row[1:]] for row in rows]),
    "nothing where something must be": _at(2, lambda rows: [[row[0], None, *row[2:]] for row in rows]),
    "text that no database takes": _at(4, lambda rows: [["a\0b", *row[1:]] for row in rows]),
    "half a character": _at(4, lambda rows: [["\ud800", *row[1:]] for row in rows]),
    "no condition": _at(2, lambda rows: []),
    "two conditions": _at(2, lambda rows: [*rows, [2, *rows[0][1:]]]),
    "the same row twice": _at(2, lambda rows: rows + rows),
    "not when it was made": _at(0, lambda head: {k: v for k, v in head.items() if k != "made_at"}),
    "a form of tomorrow": _at(0, lambda head: head | {"format": 2}),
    "another kind": _at(0, lambda head: head | {"kind": "tar"}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_made_on_purpose_changes_nothing(
    full: Store, options: StoreOptions, elsewhere: StoreOptions, name: str
) -> None:
    with pytest.raises(Malformed):
        moving.restore(with_key_of(elsewhere, options), again(backup(full), HOSTILE[name]), CLAIM)
    assert_empty(elsewhere)


@pytest.mark.parametrize("line", [b"[" * 100_000, b"1" * 10_000, b'{"a":', b"\xff\xfe", b'"' + b"x" * 5000])
def test_odd_lines_are_malformed(small: bytes, line: bytes) -> None:
    head = gzip.decompress(small).splitlines()[0]
    with pytest.raises(Malformed):
        list(moving.document.read(io.BytesIO(gzip.compress(head + b"\n" + line + b"\n"))))
    with pytest.raises(Malformed):
        moving.document.verify(io.BytesIO(gzip.compress(line + b"\n")))


def test_a_line_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving.document, "LONGEST_LINE", 1 << 20)
    with pytest.raises(Malformed, match="a line has more than"):
        moving.document.verify(io.BytesIO(gzip.compress(b"x" * (50 << 20))))


def test_a_long_row_has_a_line_of_its_own(full: Store) -> None:
    with full.database.write() as connection:
        values = {"fingerprint": "f", "scope": "s", "der": bytes(9 << 20)}
        connection.execute(insert(schema.revocation_lists).values(values))
        connection.execute(insert(schema.revocation_lists).values(values | {"fingerprint": "g", "scope": "t"}))
    lines = gzip.decompress(backup(full).getvalue()).splitlines()
    assert sum(len(line) > 12 << 20 for line in lines) == 2


def test_no_secret_leaves(full: Store, options: StoreOptions) -> None:
    """Keys stay wrapped: neither the key-encryption key nor what is under it stands in a backup."""
    text = gzip.decompress(backup(full).getvalue())
    assert (options.state / "kek").read_bytes().strip() not in text
    assert b"PRIVATE KEY" not in text
    assert isinstance(moving.document.verify(backup(full)), Summary)
