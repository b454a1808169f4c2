"""The key-encryption key: found, created while that is allowed, and never mistaken."""

import base64
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import update

from gateway.errors import Fault
from gateway.store import Misconfigured, NotPermitted, Store, StoreOptions, open_store, schema
from gateway.store.keys import place
from gateway.store.keys.key_encryption_key import KeyEncryptionKey


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setattr(place, "UNIT_CREDENTIALS", tmp_path / "unit")


def with_key(options: StoreOptions, setting: str | None) -> StoreOptions:
    return StoreOptions(options.state, options.database, setting, options.wait)


def put(folder: Path, name: str, key: KeyEncryptionKey) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(key.encode())
    (folder / name).chmod(0o600)


def test_the_key_is_made_at_its_first_use_only(options: StoreOptions) -> None:
    store = open_store(options, durable=True)
    assert not (options.state / "kek").exists()
    made = store.wrapping.key()
    line = (options.state / "kek").read_bytes()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(base64.b64decode(line)) == 32
    assert open_store(options, durable=True).wrapping.key().check_value() == made.check_value()


def test_a_file_that_is_named_is_made_likewise(options: StoreOptions, tmp_path: Path) -> None:
    named = with_key(options, f"file:{tmp_path}/own.kek")
    made = open_store(named, durable=True).wrapping.key()
    assert KeyEncryptionKey.decode((tmp_path / "own.kek").read_bytes(), "file").check_value() == made.check_value()
    assert (tmp_path / "own.kek").stat().st_mode & 0o777 == 0o600
    assert not (options.state / "kek").exists()


def test_a_missing_key_is_told_and_none_is_made(options: StoreOptions) -> None:
    open_store(options, durable=True).wrapping.key()
    (options.state / "kek").unlink()
    with pytest.raises(Misconfigured, match=f"missing: put it back as {options.state}/kek"):
        open_store(options, durable=True)
    assert not (options.state / "kek").exists()


def test_a_wrong_key_is_told(options: StoreOptions) -> None:
    open_store(options, durable=True).wrapping.key()
    put(options.state, "kek", KeyEncryptionKey.fresh())
    with pytest.raises(Misconfigured, match="is not this store's key-encryption key"):
        open_store(options, durable=True)


def test_a_key_that_vanishes_later_is_told_too(options: StoreOptions) -> None:
    early = open_store(options, durable=True)
    open_store(options, durable=True).wrapping.key()
    (options.state / "kek").unlink()
    with pytest.raises(Misconfigured, match="missing"):
        early.wrapping.key()


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 44, base64.b64encode(b"x" * 31), b"!" * 44])
def test_a_key_file_of_another_form_is_told(options: StoreOptions, content: bytes) -> None:
    (options.state / "kek").write_bytes(content)
    (options.state / "kek").chmod(0o600)
    with pytest.raises(Misconfigured, match="32 random bytes in base64"):
        open_store(options, durable=True)


def test_a_credential_is_looked_for_with_the_process_then_with_the_unit(
    options: StoreOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = with_key(options, "credential:mine")
    of_unit, of_process = KeyEncryptionKey.fresh(), KeyEncryptionKey.fresh()
    put(tmp_path / "unit", "mine", of_unit)
    assert open_store(named, durable=True).wrapping.rehearse().check_value() == of_unit.check_value()
    put(tmp_path / "process", "mine", of_process)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "process"))
    assert open_store(named, durable=True).wrapping.key().check_value() == of_process.check_value()


def test_a_credential_named_kek_is_used_by_itself(options: StoreOptions, tmp_path: Path) -> None:
    there = KeyEncryptionKey.fresh()
    put(tmp_path / "unit", "kek", there)
    assert open_store(options, durable=True).wrapping.key().check_value() == there.check_value()
    assert not (options.state / "kek").exists()


def test_a_credential_that_is_named_and_absent_is_told_and_nothing_is_made(options: StoreOptions) -> None:
    with pytest.raises(Misconfigured, match="credential mine is neither"):
        open_store(with_key(options, "credential:mine"), durable=True)
    assert not (options.state / "kek").exists()


@pytest.mark.parametrize("setting", ["credential:../../etc/passwd", "credential:a/b", "nonsense", "env:KEY"])
def test_a_setting_that_makes_no_sense_is_told(options: StoreOptions, setting: str) -> None:
    with pytest.raises(Misconfigured, match="key_encryption_key"):
        open_store(with_key(options, setting), durable=True)


def test_a_key_file_that_cannot_be_written_is_told(options: StoreOptions, tmp_path: Path) -> None:
    store = open_store(with_key(options, f"file:{tmp_path}/absent/kek"), durable=True)
    with pytest.raises(NotPermitted, match="cannot be written"):
        store.wrapping.key()


def test_gateways_of_one_store_take_one_key(options: StoreOptions, tmp_path: Path) -> None:
    """Two hosts that share a database, each with a state directory of its own: the second must be given the key."""
    if options.database == "sqlite":
        pytest.skip("a SQLite file is not shared by hosts")
    first = open_store(options, durable=True)
    made = first.wrapping.key()
    other = StoreOptions(tmp_path / "other", options.database)
    with pytest.raises(Misconfigured, match="missing"):
        open_store(other, durable=True)
    put(tmp_path / "other", "kek", made)
    assert open_store(other, durable=True).wrapping.key().check_value() == made.check_value()


def test_what_is_wrapped_opens_only_as_what_it_is() -> None:
    key = KeyEncryptionKey.fresh()
    wrapped = key.wrap(b"plain", "private key", "a")
    assert key.unwrap(wrapped, "private key", "a") == b"plain"
    assert key.wrap(b"plain", "private key", "a") != wrapped
    for purpose, name in (("private key", "b"), ("held mail", "a")):
        with pytest.raises(Fault, match="damaged"):
            key.unwrap(wrapped, purpose, name)
    with pytest.raises(Fault, match="damaged"):
        KeyEncryptionKey.fresh().unwrap(wrapped, "private key", "a")


def test_every_flipped_or_missing_byte_is_noticed() -> None:
    key = KeyEncryptionKey.fresh()
    wrapped = key.wrap(b"plain", "private key", "a")
    for octet in range(len(wrapped)):
        flipped = bytearray(wrapped)
        flipped[octet] ^= 1
        for bad in (bytes(flipped), wrapped[:octet]):
            with pytest.raises(Fault, match="damaged"):
                key.unwrap(bad, "private key", "a")


def test_keys_for_different_purposes_differ() -> None:
    key = KeyEncryptionKey(os.urandom(32))
    derived = {key.derive("private key"), key.derive("seal"), key.derive("check value")}
    assert len(derived) == 3
    assert {len(each) for each in derived} == {32}


def test_mac_keys_are_the_stores_own_and_the_same_for_all_who_share_it(options: StoreOptions) -> None:
    one, other = open_store(options, durable=True), open_store(options, durable=True)
    made = one.wrapping.mac_key("seal")
    assert other.wrapping.mac_key("seal") == made
    assert open_store(options, durable=True).wrapping.mac_key("seal") == made
    derived = {made, one.wrapping.mac_key("content keys"), one.wrapping.key().derive("seal")}
    assert len(derived) == 3
    assert all(len(key) == 32 for key in derived)


def test_a_secret_that_was_undone_is_not_remembered(options: StoreOptions) -> None:
    """What it made would be good for this process alone."""
    store = open_store(options, durable=True)
    with pytest.raises(RuntimeError), store.database.together():
        store.wrapping.mac_key("seal")
        raise RuntimeError
    assert store.wrapping.mac_key("seal") == open_store(options, durable=True).wrapping.mac_key("seal")


def test_of_several_who_make_the_secret_at_once_all_take_the_same(options: StoreOptions) -> None:
    stores = [open_store(options, durable=True) for _ in range(4)]
    stores[0].wrapping.key()
    together = Barrier(len(stores))

    def ask(store: Store) -> bytes:
        together.wait()
        return store.wrapping.mac_key("seal")

    with ThreadPoolExecutor(len(stores)) as threads:
        assert len(set(threads.map(ask, stores))) == 1


def test_a_secret_that_is_damaged_is_a_fault(options: StoreOptions) -> None:
    store = open_store(options, durable=True)
    store.wrapping.mac_key("seal")
    with store.database.write() as connection:
        connection.execute(update(schema.condition).values(secret=b"x" * 60))
    with pytest.raises(Fault, match="damaged"):
        open_store(options, durable=True).wrapping.mac_key("seal")


def test_what_systemd_hides_holds_no_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder above all units' credentials cannot be entered from a unit without (systemd.exec(5))."""
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0)
    monkeypatch.setattr(place, "UNIT_CREDENTIALS", hidden / "smime-gateway.service")
    before = os.geteuid()
    os.seteuid(before or 65534)
    try:
        assert list(place.credential_folders()) == []
    finally:
        os.seteuid(before)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert next(iter(place.credential_folders())) == tmp_path
