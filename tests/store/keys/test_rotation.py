"""Another key-encryption key: everything opens under it, nothing under the old one, whoever is killed in between."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import pytest
from sqlalchemy import select, update

from gateway.errors import Fault, Refused
from gateway.store import Misconfigured, Store, StoreOptions, open_store, schema
from gateway.store.held import pieces
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.store.keys import place
from gateway.store.keys.key_encryption_key import KeyEncryptionKey
from gateway.store.keys.place import KeyPlace
from gateway.store.keys.rotation import rotate
from tests.authority import Authority, Issued
from tests.store.held.messages import AT, LEASE, held

CONTENT = b"Subject: x\r\n\r\n" + b"y" * 3_000_000


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setattr(place, "UNIT_CREDENTIALS", tmp_path / "unit")


@pytest.fixture
def support(authority: Authority) -> Issued:
    return authority.leaf("support@example.org")


@pytest.fixture
def full(store: Store, support: Issued) -> Store:
    """A key that came with a passphrase, held mail, the store's secret."""
    import_file(store, support.p12(b"secret"), [b"secret"], ImportOptions())
    held(store, content=CONTENT)
    store.wrapping.mac_key("seal")
    return store


@pytest.fixture
def places(options: StoreOptions) -> tuple[KeyPlace, KeyPlace]:
    """The old and the new place."""
    return KeyPlace(None, options.state), KeyPlace(f"file:{options.state}/new", options.state)


@pytest.fixture
def renewed(options: StoreOptions) -> StoreOptions:
    """Options with the new place."""
    return replace(options, key_encryption_key=f"file:{options.state}/new")


def check_all(store: Store, support: Issued, seal: bytes) -> None:
    """Everything that is wrapped opens."""
    name = support.certificate.public_key_id
    assert store.keys.key(name) is not None
    assert b"ENCRYPTED PRIVATE KEY" in store.keys.export(name, b"secret")
    assert store.wrapping.mac_key("seal") == seal
    store.held.retry()
    claimed = store.held.claim(AT, LEASE)
    assert claimed is not None
    assert claimed[1] == CONTENT


def test_everything_opens_under_the_new_key_and_nothing_under_the_old(
    full: Store, support: Issued, renewed: StoreOptions, options: StoreOptions, places: tuple[KeyPlace, KeyPlace]
) -> None:
    """KEY-11"""
    seal = full.wrapping.mac_key("seal")
    done = rotate(full.database, *places)
    assert (done.keys, done.held) == (1, 1)
    assert (options.state / "new").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Misconfigured, match="not this store's key-encryption key"):
        open_store(options, durable=True)
    (options.state / "kek").unlink()
    check_all(open_store(renewed, durable=True), support, seal)


def test_what_an_older_version_held_is_taken_along(
    full: Store, support: Issued, renewed: StoreOptions, places: tuple[KeyPlace, KeyPlace]
) -> None:
    """Its pieces are under the key-encryption key itself."""
    seal, kek = full.wrapping.mac_key("seal"), full.wrapping.key()
    with full.database.write() as connection:
        row = connection.execute(select(schema.held)).one()
        connection.execute(schema.held_content.delete())
        pieces.write(connection, kek, row.id, pieces.label(row.id, row.size, row.facts), CONTENT)
        connection.execute(update(schema.held).values(data_key=None))
    full.held.retry()
    claimed = full.held.claim(AT, LEASE)
    assert claimed is not None
    assert claimed[1] == CONTENT
    full.held.failed_temporarily(claimed[0].id, AT, "")
    rotate(full.database, *places)
    check_all(open_store(renewed, durable=True), support, seal)


def test_who_runs_meanwhile_goes_on_and_finds_the_key_when_it_comes(
    full: Store, support: Issued, options: StoreOptions, places: tuple[KeyPlace, KeyPlace]
) -> None:
    seal, other = full.wrapping.mac_key("seal"), open_store(options, durable=True)
    name = support.certificate.public_key_id
    assert full.keys.key(name) is not None
    rotate(full.database, *places)
    assert full.keys.key(name) is not None  # in memory
    with pytest.raises(Misconfigured):
        other.wrapping.verify()
    with pytest.raises(Fault, match="not this store's key-encryption key"):
        other.keys.key(name)
    other.held.retry()
    with pytest.raises(Fault, match="not this store's key-encryption key"):
        other.held.claim(AT, LEASE)
    assert [message.attempts for message in other.held.list()] == [0]
    with pytest.raises(Fault, match="not this store's key-encryption key"):
        held(other, content=b"Subject: other\r\n\r\n")
    (options.state / "new").rename(options.state / "kek")
    other.wrapping.verify()
    check_all(other, support, seal)


def test_a_credential_is_looked_at_again(
    full: Store,
    support: Issued,
    options: StoreOptions,
    places: tuple[KeyPlace, KeyPlace],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = options.state.parent / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    there = KeyPlace("credential:next", options.state)
    with pytest.raises(Misconfigured, match="credential next is neither"):
        rotate(full.database, places[0], there)
    (folder / "next").write_bytes(KeyEncryptionKey.fresh().encode())
    seal = full.wrapping.mac_key("seal")
    rotate(full.database, places[0], there)
    named = replace(options, key_encryption_key="credential:next")
    check_all(open_store(named, durable=True), support, seal)


def test_what_is_refused(store: Store, places: tuple[KeyPlace, KeyPlace]) -> None:
    with pytest.raises(Refused, match="nothing is wrapped"):
        rotate(store.database, *places)
    store.wrapping.key()
    with pytest.raises(Refused, match="already"):
        rotate(store.database, places[0], places[0])


def test_of_two_at_once_one_makes_the_key(
    full: Store,
    support: Issued,
    options: StoreOptions,
    renewed: StoreOptions,
    places: tuple[KeyPlace, KeyPlace],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the second would write its own over the one that all is under."""
    seal, meet, made, create = full.wrapping.mac_key("seal"), Barrier(2), list[KeyPlace](), KeyPlace.create

    def slowly(where: KeyPlace) -> KeyEncryptionKey:
        made.append(where)
        with suppress(BrokenBarrierError):
            meet.wait(0.3)
        return create(where)

    def attempt(store: Store) -> bool:
        try:
            return bool(rotate(store.database, *places))
        except Refused:
            return False

    monkeypatch.setattr(KeyPlace, "create", slowly)
    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(attempt, (full, open_store(options, durable=True)))) == [False, True]
    assert made == [places[1]]
    check_all(open_store(renewed, durable=True), support, seal)


KILLED = """
import os, signal, sys
from pathlib import Path
from gateway.store import StoreOptions, open_store
from gateway.store.held import data_keys
from gateway.store.keys.place import KeyPlace
from gateway.store.keys.rotation import rotate
state, database, when = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
store = open_store(StoreOptions(state, database), durable=True)
inner = data_keys.rewrap
def dies(*arguments):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    inner(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
data_keys.rewrap = dies
rotate(store.database, KeyPlace(None, state), KeyPlace(f"file:{state}/new", state))
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_kill_9_in_the_middle_loses_nothing(
    full: Store,
    support: Issued,
    options: StoreOptions,
    renewed: StoreOptions,
    places: tuple[KeyPlace, KeyPlace],
    when: str,
) -> None:
    """What was wrapped anew is undone, and the same command does it the next time with the key that it made."""
    seal = full.wrapping.mac_key("seal")
    script = [sys.executable, "-c", KILLED, str(options.state), options.database, when]
    done = subprocess.run(script, env=os.environ | {"PYTHONPATH": os.getcwd()}, check=False)
    assert done.returncode == -signal.SIGKILL
    again = open_store(options, durable=True)
    assert again.keys.key(support.certificate.public_key_id) is not None
    made = (options.state / "new").read_bytes()
    rotate(again.database, *places)
    assert (options.state / "new").read_bytes() == made
    check_all(open_store(renewed, durable=True), support, seal)
