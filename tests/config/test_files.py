"""The files a configuration names."""

import os
from pathlib import Path
from typing import Any

import pytest

from gateway.config import files
from tests.authority import Authority
from tests.config.texts import door, options, problems


@pytest.fixture(scope="session")
def pair(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate and its key, as PEM files."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    server = authority.leaf("server@example.org")
    certificate.write_bytes(server.pem())
    key.write_bytes(server.key_pem())
    key.chmod(0o600)
    return certificate, key


def secret(folder: Path, mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_text("secret\n")
    path.chmod(mode)
    return path


def tls(certificate: Path, key: Path) -> dict[str, Any]:
    return door(tls={"mode": "starttls", "certificate": str(certificate), "key": str(key)})


def login(path: Path) -> dict[str, Any]:
    return door(next_hop_auth={"user": "u", "password_file": str(path)})


def test_everything_in_its_place(pair: tuple[Path, Path], tmp_path: Path) -> None:
    path = secret(tmp_path, 0o640)
    listener = {**tls(*pair), **login(path), "auth": f"file:{path}"}
    made = options(listeners=[listener], key_encryption_key=f"file:{secret(tmp_path)}")
    assert made.listeners[0].auth.file == path


def test_every_missing_file_is_named(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    found = problems(listeners=[{**tls(gone, gone), **login(gone), "auth": f"file:{gone}"}])
    assert found == dict.fromkeys(
        [
            "listeners[0].tls.certificate",
            "listeners[0].tls.key",
            "listeners[0].auth",
            "listeners[0].next_hop_auth.password_file",
        ],
        f"{gone} does not exist",
    )


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604, 0o650, 0o777])
def test_key_05_secrets_are_closed_to_others(pair: tuple[Path, Path], tmp_path: Path, mode: int) -> None:
    """KEY-05: a wider mode than 0640 is refused for every file that holds a secret."""
    path = secret(tmp_path, mode)
    found = problems(listeners=[{**tls(pair[0], path), **login(path), "auth": f"file:{path}"}])
    keys = ["listeners[0].tls.key", "listeners[0].auth", "listeners[0].next_hop_auth.password_file"]
    assert sorted(found) == sorted(keys)
    assert all(f"mode {mode:04o}; chmod 0640" in text for text in found.values())


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440, 0o640])
def test_key_05_closed_enough(tmp_path: Path, mode: int) -> None:
    """KEY-05: owner, and a group that may read."""
    assert options(listeners=[login(secret(tmp_path, mode))])


def test_key_05_the_key_encryption_key_is_its_owners_alone(tmp_path: Path) -> None:
    """KEY-05: 0600, not even a group may read it."""
    found = problems(key_encryption_key=f"file:{secret(tmp_path, 0o640)}")
    assert "chmod 0600" in found["key_encryption_key"]


def test_key_05_a_link_does_not_hide_the_mode(tmp_path: Path) -> None:
    """KEY-05: the mode of what a symbolic link names counts."""
    link = tmp_path / "link"
    link.symlink_to(secret(tmp_path, 0o644))
    assert "mode 0644" in problems(listeners=[login(link)])["listeners[0].next_hop_auth.password_file"]


def test_key_05_a_secret_belongs_to_us_or_to_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """KEY-05: a foreign owner could change the file."""
    path = secret(tmp_path)
    os.chown(path, 12345, -1) if os.geteuid() == 0 else pytest.skip("only root can give a file away")
    monkeypatch.setattr("os.geteuid", lambda: 54321)
    assert "belongs to another user" in (files.fault(path, files.OPEN) or "")


def test_a_certificate_may_be_read_by_everyone(pair: tuple[Path, Path]) -> None:
    pair[0].chmod(0o644)
    assert options(listeners=[tls(*pair)])


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "no regular file" in problems(listeners=[login(tmp_path)])["listeners[0].next_hop_auth.password_file"]


def test_a_certificate_and_a_foreign_key(pair: tuple[Path, Path], tmp_path: Path) -> None:
    found = problems(listeners=[tls(pair[0], secret(tmp_path))])
    assert "are not a PEM certificate and its key" in found["listeners[0].tls.certificate"]


def test_an_encrypted_key_is_refused_without_a_question(authority: Authority, tmp_path: Path) -> None:
    server = authority.leaf("server@example.org")
    certificate, locked = tmp_path / "certificate.pem", secret(tmp_path)
    certificate.write_bytes(server.pem())
    locked.write_bytes(server.key_pem(b"passphrase"))
    assert "without a passphrase" in problems(listeners=[tls(certificate, locked)])["listeners[0].tls.certificate"]


def test_the_key_encryption_key_may_be_made_later(tmp_path: Path) -> None:
    assert options(key_encryption_key=f"file:{tmp_path}/kek").key_encryption_key is not None


def test_the_key_encryption_key_needs_a_folder(tmp_path: Path) -> None:
    assert "no key can be created" in problems(key_encryption_key=f"file:{tmp_path}/no/kek")["key_encryption_key"]


def test_a_folder_that_may_not_be_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    found = problems(key_encryption_key="file:/closed/kek", listeners=[login(Path("/closed/password"))])
    assert all("Permission denied; run as root" in text for text in found.values())
    assert len(found) == 2


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert "may not be read" in (files.fault(secret(tmp_path), files.OPEN) or "")


def test_a_path_through_a_file(tmp_path: Path) -> None:
    assert "Not a directory" in (files.fault(secret(tmp_path) / "below", 0) or "")


def test_a_key_encryption_key_that_the_service_could_not_read(tmp_path: Path) -> None:
    """Seen by root, who may read it: it must be the state directory's owner's."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    key = secret(tmp_path)
    os.chown(state, 12345, 12345)
    found = problems(state=str(state), key_encryption_key=f"file:{key}")
    assert f"chown 12345 {key}" in found["key_encryption_key"]
    os.chown(key, 12345, 12345)
    assert options(state=str(state), key_encryption_key=f"file:{key}")
