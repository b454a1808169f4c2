"""One database, SQLite or PostgreSQL, behind three verbs: ``read``, ``write`` and ``change``.

Every failure of the database leaves this module as a ``Fault`` whose text holds neither SQL nor values. Waiting is
bounded: a locked store is a fault after ``wait`` seconds. SQLite runs in WAL mode, so readers never wait.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path
from threading import local
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, Select, Table, Transaction, create_engine, event, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.sql.dml import ReturningInsert

from gateway.errors import Fault
from gateway.store import schema
from gateway.store.refusal import Misconfigured
from gateway.story import NotAtHand

SQLITE_NAME = "store.db"
_DRIVER = "postgresql+psycopg"
WAIT = 5.0
"""Seconds."""
POOL = 5
"""Connections of one process to PostgreSQL at most, where nothing else is said."""


Query = Callable[..., list[tuple[Any, ...]]]


class Damaged(Fault):
    """The database file does not hold what a database holds; waiting will not help."""


class Database:
    """A pool of connections. Safe to use from several threads, not across a fork."""

    def __init__(self, engine: Engine, *, durable: bool = True, wait: float = WAIT) -> None:
        """``durable``: also of SQLite, every transaction survives a power failure at once.

        ``wait``: seconds for a lock of PostgreSQL's, told in each transaction: the session may be a pool's.
        """
        self.engine = engine
        self._patience = f"SET LOCAL lock_timeout = {int(wait * 1000)}"
        self._durable = durable
        self._threads = _Threads()

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file of ours."""
        return self.engine.dialect.name == "sqlite"

    @property
    def is_apart(self) -> bool:
        """Whether this thread sees what no other does yet: inside ``together``, after its first write."""
        joint = self._threads.joint
        return joint is not None and joint.connection is not None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the store. Raises ``Fault``."""
        _may_ask()
        joint = self._threads.joint
        if joint is not None and joint.connection is not None:
            yield joint.connection
            return
        with self._faults(), self.engine.connect() as connection:
            self._begin(connection, "BEGIN")
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """The same, also over many queries, on every database. Raises ``Fault``."""
        with self.read() as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield connection

    @contextmanager
    def write(self, *, keep: bool = True, lasting: bool = True) -> Iterator[Connection]:
        """A transaction that is committed at the end, or with ``keep=False`` undone. Raises ``Fault``.

        ``lasting``: it survives a power failure at once; else, unless the store is durable, perhaps only seconds later.
        Inside ``together`` it is a part of that one, which is committed later.
        """
        _may_ask()
        joint = self._threads.joint
        if joint is None:
            with self._transaction(lasting) as (connection, transaction):
                yield connection
                if not keep:
                    transaction.rollback()
        elif keep:
            yield joint.begun()
        else:
            with joint.begun().begin_nested() as part:
                yield joint.begun()
                part.rollback()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make one transaction of all that this thread writes inside the block: whole, or not at all. Raises ``Fault``.

        It begins with the first write, so that what is read and computed before keeps nobody waiting.
        """
        with ExitStack() as stack:
            self._threads.joint = _Joint(lambda: stack.enter_context(self._transaction(lasting=True))[0])
            try:
                yield
            finally:
                self._threads.joint = None

    @contextmanager
    def _transaction(self, lasting: bool) -> Iterator[tuple[Connection, Transaction]]:
        with self._faults(), self.engine.connect() as connection, connection.begin() as transaction:
            # What will write takes the lock at once: upgrading a read lock later could fail without waiting.
            synchronous = "FULL" if self._durable or lasting else "NORMAL"
            self._begin(connection, f"PRAGMA synchronous = {synchronous}", "BEGIN IMMEDIATE")
            if not self.is_sqlite:
                connection.exec_driver_sql(self._patience)
            yield connection, transaction

    @contextmanager
    def change(self, *, keep: bool = True) -> Iterator[Connection]:
        """A transaction that changes certificates or keys: every process sees it within a second. Raises ``Fault``.

        The generation's row is written first, so that changes stand in line and cannot deadlock one another.
        """
        condition = schema.condition
        with self.write(keep=keep) as connection:
            connection.execute(update(condition).values(generation=condition.c.generation + 1))
            yield connection

    def _begin(self, connection: Connection, *statements: str) -> None:
        """Begin on SQLite, whose driver leaves that to us."""
        if self.is_sqlite:
            cursor = connection.connection.cursor()
            for statement in statements:
                cursor.execute(statement)

    def query(self, statement: Select[Any]) -> Query:
        """Return what asks this one thing, given the values of its parameters by name. It raises ``Fault``.

        For what every message asks: the statement is phrased once, which takes ten times as long as to answer it.
        Values go to the driver and come from it as they are (``columns.microseconds`` of a moment).
        """
        dialect = sqlite.dialect(paramstyle="named") if self.is_sqlite else self.engine.dialect
        return partial(self._ask, str(statement.compile(dialect=dialect)))

    def _ask(self, text: str, **values: Any) -> list[tuple[Any, ...]]:
        _may_ask()
        joint = self._threads.joint
        if joint is not None and joint.connection is not None:
            return [tuple(row) for row in joint.connection.exec_driver_sql(text, values)]
        with self._faults():
            connection = self.engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute(text, values)
                return list(cursor.fetchall())
            except self.engine.dialect.loaded_dbapi.Error:
                connection.invalidate()
                raise
            finally:
                connection.close()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        # The driver's own errors come from what does not go through SQLAlchemy's connections.
        try:
            yield
        except (SQLAlchemyError, self.engine.dialect.loaded_dbapi.Error) as error:
            said = _said(error)
            kind = Damaged if any(word in said for word in _DAMAGE) else Fault
            raise kind(f"the store cannot be used: {_explanation(said)}") from error

    def close(self) -> None:
        """Give up all connections."""
        self.engine.dispose()


class _Joint:
    """One thread's transaction for several writes, begun by the first."""

    def __init__(self, begin: Callable[[], Connection]) -> None:
        self._begin = begin
        self.connection: Connection | None = None

    def begun(self) -> Connection:
        """Return its connection."""
        if self.connection is None:
            self.connection = self._begin()
        return self.connection


class _Threads(local):
    """What each thread writes ``together``."""

    joint: _Joint | None = None


_THREAD = local()


@contextmanager
def at_hand_only() -> Iterator[None]:
    """Have this thread raise ``NotAtHand``, inside this block, instead of asking the database."""
    _THREAD.asks_nothing = True
    try:
        yield
    finally:
        _THREAD.asks_nothing = False


def _may_ask() -> None:
    if getattr(_THREAD, "asks_nothing", False):
        raise NotAtHand


def insert_new(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> int:
    """Insert the rows that are not there yet, by primary key, in few statements; return how many were new."""
    return len(connection.execute(_of_new(table, connection.dialect.name), rows).all()) if rows else 0


@cache
def _of_new(table: Table, dialect: str) -> ReturningInsert[Any]:
    # Made once: to build it takes as long as to carry it out.
    made = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    return made.on_conflict_do_nothing().returning(*table.primary_key)


def open_database(database: str, state: Path, *, durable: bool, wait: float, pool: int = POOL) -> Database:
    """Prepare the connections to ``database`` (the option of that name), at most ``pool`` of them where that is
    PostgreSQL; nothing is opened yet.

    Raises ``Misconfigured`` where it is neither ``sqlite`` nor a ``postgresql+psycopg`` URL.
    """
    if database == "sqlite":
        return Database(_sqlite(state / SQLITE_NAME, wait=wait), durable=durable)
    try:
        url = make_url(database)
        if url.drivername != _DRIVER:
            raise ArgumentError
        return Database(_postgresql(url, wait=wait, pool=pool), wait=wait)
    except (ArgumentError, NoSuchModuleError) as error:
        raise Misconfigured("database: write sqlite, or postgresql+psycopg://user@host/name") from error
    except ImportError as error:
        raise Misconfigured("database: PostgreSQL needs the extra smime-gateway[postgresql]") from error


def scratch_database(path: Path) -> Database:
    """Prepare a SQLite file that is of no worth before it is full: nothing of it can be undone."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"isolation_level": None},
        poolclass=NullPool,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def tune(connection: sqlite3.Connection, _record: object) -> None:
        for pragma in ("journal_mode = OFF", "foreign_keys = ON", "cache_size = -64000"):
            connection.execute(f"PRAGMA {pragma}")

    return Database(engine)


def _sqlite(path: Path, *, wait: float) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": wait, "isolation_level": None},
        pool_timeout=wait,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def tune(connection: sqlite3.Connection, _record: object) -> None:
        _use_wal(connection, wait)
        connection.execute("PRAGMA foreign_keys = ON")

    return engine


def _use_wal(connection: sqlite3.Connection, wait: float) -> None:
    """Switch to WAL unless the file is so already; SQLite by itself does not wait while another process switches."""
    deadline = time.monotonic() + wait
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _postgresql(url: URL, *, wait: float, pool: int) -> Engine:
    """Connect so that it also works behind pgbouncer, which may give each transaction another session.

    Nothing is set for a session or prepared in it. A server that is gone without a word is noticed by the kernel.
    """
    seconds = max(2, int(wait))
    alive = {"keepalives_idle": seconds, "keepalives_interval": 2, "keepalives_count": 3}
    return create_engine(
        url,
        connect_args={
            "connect_timeout": seconds,
            "tcp_user_timeout": seconds * 1000,
            "prepare_threshold": None,
            **alive,
        },
        pool_size=pool,
        max_overflow=0,
        pool_timeout=wait,
        pool_pre_ping=True,
        hide_parameters=True,
    )


_DAMAGE = {
    "malformed": "the database file is damaged; restore a backup",
    "not a database": "the database file is damaged, or is no database; restore a backup",
}
_KNOWN = _DAMAGE | {
    "locked": "another process holds its lock; if this lasts, find the process and end it",
    "readonly": "the database cannot be written; check owner, mode and mount of the state directory",
    "disk is full": "the disk is full",
    "unable to open": "the database file cannot be opened; check owner, mode and mount of the state directory",
    "QueuePool": "all connections were busy for too long; database_pool allows more",
}


def _said(error: Exception) -> str:
    """Return what the database itself said: no SQL, no values, one line."""
    return str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]


def _explanation(said: str) -> str:
    return next((text for word, text in _KNOWN.items() if word in said), said)
