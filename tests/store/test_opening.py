"""Opening a store: by several at once, by the wrong user, with the wrong modes, damaged, locked or too new."""

import json
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text

from gateway.engine.record import as_json
from gateway.errors import Fault
from gateway.store import Misconfigured, NotPermitted, Store, StoreOptions, open_store, schema
from gateway.store.database import open_database
from gateway.store.journal.records import Query
from tests.store.journal.records import AT, record
from tests.store.older import older_store
from tests.stores import carried_out

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make files of another user")


@pytest.fixture
def options(unmade: StoreOptions) -> StoreOptions:
    return unmade


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_a_store_is_made_by_who_opens_it_first_and_found_by_the_next(options: StoreOptions) -> None:
    first = open_store(options, durable=True)
    first.journal.write([record()])
    second = open_store(options, durable=False)
    assert [document["id"] for document in second.journal.recent()] == ["r1"]


def test_an_open_store_that_is_up_to_date_needs_no_alembic(options: StoreOptions) -> None:
    open_store(options, durable=False).close()
    script = (
        "import sys; from pathlib import Path; from gateway.store import StoreOptions, open_store\n"
        "open_store(StoreOptions(Path(sys.argv[1]), sys.argv[2]), durable=False).close()\n"
        "assert 'sqlalchemy' in sys.modules and 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, str(options.state), options.database], check=True)


def test_the_migrations_make_the_tables_that_the_code_uses(options: StoreOptions) -> None:
    store = open_store(options, durable=True)
    with store.database.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == schema.REVISION
    assert differences == []


def test_a_store_of_the_first_schema_is_migrated_with_what_it_holds(options: StoreOptions) -> None:
    old = record(queue_id="4ABC", message_id="<a@example.org>")
    row = {"id": "r1", "received_at": AT, "direction": "outbound", "verdict": "relay"}
    with older_store(options, "0001") as database, database.write() as connection:
        connection.execute(insert(schema.records), {**row, "document": json.dumps(as_json(old))})
    store = open_store(options, durable=True)
    for query in (Query(), Query(id="r1"), Query(queue_id="4ABC"), Query(message_id="a@example.org")):
        assert [document["id"] for document in store.journal.recent(query)] == ["r1"]
    assert store.held.totals() == (0, 0)


def _open_and_write(options: StoreOptions, number: int) -> None:
    store = open_store(options, durable=True)
    store.journal.write([record(f"r{number}")])
    store.close()


def test_several_processes_may_open_a_new_store_at_once(options: StoreOptions) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_open_and_write, args=(options, number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    written = {document["id"] for document in open_store(options, durable=True).journal.recent()}
    assert written == {f"r{number}" for number in range(4)}


@pytest.mark.parametrize("database", ["mysql://x/y", "postgresql://host/x", "no url", "postgresql+psycopg2://h/x"])
def test_only_two_kinds_of_database_exist(tmp_path: Path, database: str) -> None:
    with pytest.raises(Misconfigured, match="database: write sqlite"):
        open_store(StoreOptions(tmp_path / "state", database), durable=True)


def test_a_database_server_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    options = StoreOptions(tmp_path / "state", f"postgresql+psycopg://nobody@/none?host={tmp_path}", wait=1)
    with pytest.raises(Fault, match="the store cannot be used"):
        open_store(options, durable=True)


def test_it_is_a_fault_for_what_every_message_asks_too(tmp_path: Path) -> None:
    database = open_database(f"postgresql+psycopg://nobody@/none?host={tmp_path}", tmp_path, durable=True, wait=1)
    ask = database.query(select(schema.condition.c.generation))
    with pytest.raises(Fault, match="the store cannot be used"):
        ask()


# KEY-05: owner and modes


def test_key_05_state_is_0700_and_files_0600_whatever_the_umask(sqlite_options: StoreOptions) -> None:
    before = os.umask(0)
    try:
        store = open_store(sqlite_options, durable=True)
        store.wrapping.key()
    finally:
        os.umask(before)
    found = {path.name: mode(path) for path in sqlite_options.state.iterdir()}
    assert mode(sqlite_options.state) == 0o700
    assert set(found) == {"kek", "store.db", "store.db-wal", "store.db-shm"}
    assert set(found.values()) == {0o600}


@pytest.mark.parametrize("wide", [0o750, 0o705, 0o770, 0o701, 0o1700])
def test_key_05_a_wider_folder_is_refused(options: StoreOptions, wide: int) -> None:
    options.state.mkdir()
    options.state.chmod(wide)
    with pytest.raises(Misconfigured, match="chmod 700"):
        open_store(options, durable=True)


@pytest.mark.parametrize("wide", [0o640, 0o604, 0o660, 0o700])
@pytest.mark.parametrize("name", ["store.db", "store.db-wal", "kek"])
def test_key_05_a_wider_file_is_refused(sqlite_options: StoreOptions, name: str, wide: int) -> None:
    store = open_store(sqlite_options, durable=True)
    store.wrapping.key()
    (sqlite_options.state / name).chmod(wide)
    with pytest.raises(Misconfigured, match=f"chmod 600 .*{name}"):
        open_store(sqlite_options, durable=True)


@pytest.mark.parametrize("name", ["store.db", "store.db-wal", "kek"])
def test_key_05_links_are_not_followed(sqlite_options: StoreOptions, tmp_path: Path, name: str) -> None:
    store = open_store(sqlite_options, durable=True)
    store.wrapping.key()
    store.close()
    path = sqlite_options.state / name
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"")
    elsewhere.chmod(0o600)
    path.unlink(missing_ok=True)
    path.symlink_to(elsewhere)
    with pytest.raises(Misconfigured, match="not a regular file"):
        open_store(sqlite_options, durable=True)
    path.unlink()
    path.hardlink_to(elsewhere)
    with pytest.raises(Misconfigured, match="hard link"):
        open_store(sqlite_options, durable=True)
    assert elsewhere.read_bytes() == b""


def test_key_05_a_linked_folder_is_refused(options: StoreOptions, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    options.state.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Misconfigured, match="not a folder"):
        open_store(options, durable=True)


@as_root
def test_key_05_a_file_of_another_user_is_refused(sqlite_options: StoreOptions) -> None:
    open_store(sqlite_options, durable=True).close()
    os.chown(sqlite_options.state / "store.db", 65534, 65534)
    with pytest.raises(NotPermitted, match=r"belongs to .*: chown root .*store\.db$"):
        open_store(sqlite_options, durable=True)


_AS_OTHER = """
import os, sys
from pathlib import Path
from gateway.store import StoreOptions, NotPermitted, open_store
options = StoreOptions(Path(sys.argv[1]))
open_store(options, durable=True).close()  # all modules are loaded by who can read them
if sys.argv[2] == "drop":
    os.setresuid(65534, 65534, 65534)
else:
    for path in (options.state, *options.state.iterdir()):
        os.chown(path, 65534, 65534)
try:
    open_store(options, durable=True).wrapping.key()
except NotPermitted as error:
    print("refused", error)
else:
    print("opened", os.geteuid(), os.getegid(), os.getgroups())
"""


def _as_other(state: Path, how: str) -> str:
    command = [sys.executable, "-c", _AS_OTHER, str(state), how]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@as_root
def test_key_05_another_user_is_refused(reachable: Path) -> None:
    assert _as_other(reachable / "state", "drop").startswith("refused")


@as_root
def test_key_05_root_becomes_the_owner_before_anything_is_made(reachable: Path) -> None:
    assert _as_other(reachable / "state", "become").startswith("opened 65534 65534 [65534]")
    owners = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in (reachable / "state").iterdir()}
    assert "kek" in owners
    assert set(owners.values()) == {(65534, 65534)}


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that other users can reach, as pytest's own cannot be."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


# REL-08: locked, damaged, read-only


def test_rel_08_a_lock_is_waited_for_only_so_long(sqlite_options: StoreOptions) -> None:
    store = open_store(sqlite_options, durable=True)
    other = sqlite3.connect(sqlite_options.state / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Fault, match="another process holds its lock"):
        store.journal.write([record()])
    assert store.journal.recent() == []  # readers never wait
    other.execute("ROLLBACK")
    store.journal.write([record()])
    assert len(store.journal.recent()) == 1


def test_rel_08_a_row_lock_of_the_server_is_waited_for_only_so_long(options: StoreOptions) -> None:
    store, other = open_store(options, durable=True), open_store(options, durable=True)
    with other.database.change(), pytest.raises(Fault, match="the store cannot be used"), store.database.change():
        pytest.fail("two changes at once")
    with store.database.change():
        pass


def test_rel_08_what_is_no_database_is_refused(sqlite_options: StoreOptions) -> None:
    sqlite_options.state.mkdir(mode=0o700)
    (sqlite_options.state / "store.db").write_bytes(b"this is no database at all" * 100)
    (sqlite_options.state / "store.db").chmod(0o600)
    with pytest.raises(Misconfigured, match="damaged"):
        open_store(sqlite_options, durable=True)


@pytest.mark.parametrize("page", range(1, 12, 2))
def test_rel_08_flipped_bytes_are_told_and_nothing_crashes(sqlite_options: StoreOptions, page: int) -> None:
    store = open_store(sqlite_options, durable=True)
    store.journal.write([record(f"r{number}") for number in range(50)])
    store.close()
    path = sqlite_options.state / "store.db"
    content = bytearray(path.read_bytes())
    assert len(content) > 12 * 4096
    content[page * 4096 : page * 4096 + 200] = b"\xff" * 200
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match="damaged"):
        open_store(sqlite_options, durable=True).check()


def test_a_sound_store_passes_the_check(store: Store) -> None:
    store.journal.write([record()])
    store.check()
    assert len(store.journal.recent()) == 1


def test_rel_08_a_read_only_database_is_a_fault(sqlite_options: StoreOptions) -> None:
    store = open_store(sqlite_options, durable=True)
    with store.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(Fault, match="cannot be written"):
        store.journal.write([record()])


@pytest.mark.parametrize(("durable", "journal"), [(True, "FULL"), (False, "NORMAL")])
def test_only_a_journal_that_need_not_be_durable_is_written_lazily(
    sqlite_options: StoreOptions, durable: bool, journal: str
) -> None:
    store = open_store(sqlite_options, durable=durable)
    sent = carried_out(store)

    def last_mode() -> str:
        return [statement for statement in sent if "synchronous" in statement][-1].split()[-1]

    store.journal.write([record()])
    assert last_mode() == journal
    store.ledger.taken(b"d" * 32, "outbound", "a@x", ["b@x"])
    assert last_mode() == "FULL"
    store.journal.write([record()])
    assert last_mode() == journal
    store.wrapping.key()
    assert last_mode() == "FULL"


def test_a_fault_shows_neither_sql_nor_values(store: Store) -> None:
    with pytest.raises(Fault) as caught, store.database.write() as connection:
        connection.execute(schema.certificates.insert().values(fingerprint="secret-value", trust="none"))
    assert "secret-value" not in str(caught.value)
    assert "INSERT" not in str(caught.value)


def test_times_keep_their_microseconds_and_zone(store: Store) -> None:
    at = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    store.journal.write([record(received_at=at)])
    with store.database.read() as connection:
        assert connection.scalar(schema.records.select().with_only_columns(schema.records.c.received_at)) == at
