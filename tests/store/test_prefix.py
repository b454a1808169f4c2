"""Things are named by the beginning of their ids: all that begin so, and no others, by way of an index."""

import pytest
from sqlalchemy import String, column, event, insert, select, text

from gateway.errors import Refused
from gateway.reason import Reason
from gateway.store import Store, StoreOptions, open_store, schema
from gateway.store.certificates.stored import one
from gateway.store.prefix import Naming, begins, fingerprint, is_beginning

NAMING = Naming("no such thing begins with {}", "several things begin with {}", Reason.NO_KEY)


def test_one_thing_is_meant_or_it_is_said_how_many() -> None:
    assert NAMING.only(["x"], "ab") == "x"
    with pytest.raises(Refused, match=r"^no such thing begins with ab$") as refused:
        NAMING.only([], "ab")
    assert refused.value.reason is Reason.NO_KEY
    with pytest.raises(Refused, match=r"^several things begin with ab: write more of it$"):
        NAMING.only(["x", "y"], "ab")


@pytest.mark.parametrize(("name", "plain"), [("AB:cd", "abcd"), ("ab cd", "abcd"), ("f" * 64, "f" * 64), ("0", "0")])
def test_a_fingerprint_may_be_written_in_several_ways(name: str, plain: str) -> None:
    assert fingerprint(name) == plain


@pytest.mark.parametrize("name", ["", ":", "xyz", "ab%", "a_", "a\0", "f" * 65, "ü"])
def test_what_is_no_fingerprint_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="no SHA-256 fingerprint and no beginning of one"):
        fingerprint(name)
    assert not is_beginning(name) or len(name) > 64


@pytest.mark.parametrize("beginning", ["0", "ab", "abf", "ff", "f" * 64])
def test_what_begins_so_is_found_on_both_databases(store: Store, beginning: str) -> None:
    names = [start.ljust(64, fill) for start in ("00", "0f", "ab", "abf", "ac", "fe", "ff") for fill in "0af"]
    rows = [{"fingerprint": name, "scope": name, "der": b""} for name in dict.fromkeys(names)]
    table = schema.revocation_lists
    with store.database.write() as connection:
        connection.execute(insert(table), rows)
        found = connection.scalars(select(table.c.fingerprint).where(begins(table.c.fingerprint, beginning))).all()
    assert set(found) == {name for name in names if name.startswith(beginning)}


def test_an_index_finds_it(sqlite_options: StoreOptions) -> None:
    """A pattern would have every row read."""
    store = open_store(sqlite_options, durable=True)
    condition = begins(column("fingerprint", String), "ab").compile(compile_kwargs={"literal_binds": True})
    with store.database.read() as connection:
        plan = connection.execute(text(f"EXPLAIN QUERY PLAN SELECT 1 FROM certificates WHERE {condition}")).all()
    assert "SEARCH" in str(plan)


def test_an_index_finds_a_certificate(sqlite_options: StoreOptions) -> None:
    store, asked = open_store(sqlite_options, durable=True), list[tuple[str, object]]()
    with store.database.read() as connection:
        event.listen(connection, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
        with pytest.raises(Refused):
            one(connection, "ab" * 32)
        ((statement, parameters),) = asked
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()  # type: ignore[arg-type]
    assert "SEARCH certificates" in str(plan)
