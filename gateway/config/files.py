"""The files a configuration names: they must be there, readable, and, where they hold secrets, closed to others."""

import os
import pwd
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path

from gateway.config.doors import Listener
from gateway.config.options import Options
from gateway.config.problem import KeyPath, Problem

OPEN = 0o037
"""Bits that a file with a secret must not have: wider than 0640."""
OPEN_KEY = 0o077
"""Bits that the key-encryption key must not have: wider than 0600."""


def unusable_files(options: Options) -> Iterator[Problem]:
    """Yield a problem for every file that is missing, unreadable, too widely readable or not what it should be."""
    for index, listener in enumerate(options.listeners):
        for path, text in _of_door(listener):
            yield Problem(("listeners", index, *path), text)
    if options.admin.tls is not None:
        for path, text in _of_tls(options.admin.tls.certificate, options.admin.tls.key):
            yield Problem(("admin", *path), text)
    yield from _key_file(options)


def _of_door(listener: Listener) -> Iterator[tuple[KeyPath, str]]:
    tls = listener.tls
    yield from _of_tls(tls.certificate, tls.key, used=tls.mode != "none")
    password = listener.next_hop_auth.password_file if listener.next_hop_auth else None
    secrets: dict[KeyPath, tuple[Path | None, int]] = {
        ("auth",): (listener.auth.file, OPEN),
        ("next_hop_auth", "password_file"): (password, OPEN),
    }
    yield from _faults(secrets).items()


def _of_tls(certificate: Path | None, key: Path | None, *, used: bool = True) -> Iterator[tuple[KeyPath, str]]:
    found = _faults({("tls", "certificate"): (certificate, 0), ("tls", "key"): (key, OPEN)})
    yield from found.items()
    if not found and used and certificate and key and (text := _pair_fault(certificate, key)):
        yield ("tls", "certificate"), text


def _faults(files: dict[KeyPath, tuple[Path | None, int]]) -> dict[KeyPath, str]:
    found = {path: fault(file, forbidden) for path, (file, forbidden) in files.items() if file is not None}
    return {path: text for path, text in found.items() if text}


def fault(file: Path, forbidden: int) -> str | None:
    """Return what is wrong with ``file``, or None; ``forbidden`` are the permission bits it must not have."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return _absent(file)
    except OSError as error:
        return f"{file}: {error.strerror}; run as root or as the service's user"
    if not stat.S_ISREG(status.st_mode):
        return f"{file} is no regular file"
    if not os.access(file, os.R_OK):
        return f"{file} may not be read by this user; run as root or as the service's user"
    if forbidden and status.st_uid not in (0, os.geteuid()) and os.geteuid() != 0:
        return f"{file} belongs to another user, who could change it; chown it to root or to the service's user"
    if status.st_mode & forbidden:
        most = "0600" if forbidden == OPEN_KEY else "0640"
        return f"{file} holds a secret but has mode {stat.S_IMODE(status.st_mode):04o}; chmod {most} at most"
    return None


def _absent(file: Path) -> str:
    return f"{file} does not exist"


def _pair_fault(certificate: Path, key: Path) -> str | None:
    """Return why OpenSSL would not serve with this certificate and key."""
    try:
        # An empty passphrase: without one OpenSSL would ask on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError, ValueError):
        return f"{certificate} and {key} are not a PEM certificate and its key without a passphrase"
    return None


def _key_file(options: Options) -> Iterator[Problem]:
    file = options.key_encryption_key.file if options.key_encryption_key else None
    if file is None:
        return
    text = fault(file, OPEN_KEY)
    if text == _absent(file):  # the store creates the key on its first use
        text = None if file.parent.is_dir() else f"{file.parent} does not exist, so no key can be created there"
    elif os.geteuid() == 0:
        text = text or _of_another(file, options.state)
    if text:
        yield Problem(("key_encryption_key",), text)


def _of_another(key: Path, state: Path) -> str | None:
    """Return that the key belongs to another than the state directory, whose owner the service is."""
    try:
        user, owner = state.stat().st_uid, key.stat().st_uid
    except OSError:  # the state directory is not there yet
        return None
    if user == owner:
        return None
    name = _name(user)
    return f"{key} belongs to {_name(owner)}, not to {name} like {state}: chown {name} {key}"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
