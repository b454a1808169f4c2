"""Passwords of accounts: what is taken for one, Argon2id hashes (RFC 9106), and one-time codes (RFC 6238)."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from threading import Semaphore

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.errors import Fault, Refused

LEAST, MOST = 12, 1024
"""Characters of a password, and octets of one."""
AT_ONCE = 2
"""Hashes that a process computes at once: each takes 64 MiB and a processor."""
WAITING = 8
"""How many wait for their turn, and no more: each keeps a thread that others need."""
STEP = 30
"""Seconds for which a one-time code is shown; the one before and the one after it are taken, too."""
_hasher = PasswordHasher()
_turns, _line = Semaphore(AT_ONCE), Semaphore(AT_ONCE + WAITING)


def hashed(password: str, name: str) -> str:
    """Return the hash of a new password for the account ``name``. Raises ``Refused`` where it is none, ``Fault``."""
    plain = _plain(password)
    if len(plain) < LEAST:
        raise Refused(f"the password is too short: it needs at least {LEAST} characters")
    if len(plain.encode()) > MOST:
        raise Refused(f"the password is too long: at most {MOST} octets")
    if plain.casefold() in (name.casefold(), plain[0].casefold() * len(plain)):
        raise Refused("the password is too easy to guess: take several words, or what a password manager makes")
    with in_line(), _turns:
        return _hasher.hash(plain)


def matches(password: str, known: str | None) -> bool:
    """Return whether a password has that hash; without one it takes as long to say no. To be asked ``in_line``."""
    plain = _plain(password)[: MOST + 1]
    with _turns:
        try:
            return _hasher.verify(known or _nobody(), plain) and known is not None
        except (VerificationError, InvalidHashError):
            return False


def new_totp_secret() -> str:
    """Return a new secret of one-time codes: 32 characters of base32 (160 bits)."""
    return pyotp.random_base32()


def totp_uri(secret: str, name: str, issuer: str) -> str:
    """Return what an authenticator reads as a QR code (``otpauth://``)."""
    return pyotp.TOTP(secret, interval=STEP).provisioning_uri(name=name, issuer_name=issuer)


def totp_step(secret: str, code: str, at: datetime) -> int | None:
    """Return the time step that a code is of, one at most from that of ``at``; None: it is wrong."""
    plain = code.replace(" ", "")
    now = int(at.timestamp()) // STEP
    generator = pyotp.TOTP(secret, interval=STEP)
    found = (step for step in (now, now - 1, now + 1) if pyotp.utils.strings_equal(plain, generator.generate_otp(step)))
    return next(found, None)


def _plain(password: str) -> str:
    """Return it as it is hashed: the same for all keyboards that write the same characters."""
    return unicodedata.normalize("NFC", password.encode("utf-8", "replace").decode())


@cache
def _nobody() -> str:
    return _hasher.hash("the password of no account")


@contextmanager
def in_line() -> Iterator[None]:
    """Keep a place among those whose password is looked at next. Raises ``Fault`` where there is none left."""
    if not _line.acquire(blocking=False):
        raise Fault("too many sign in at once: try again")
    try:
        yield
    finally:
        _line.release()
