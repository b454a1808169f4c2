"""AUTH on a listener (RFC 4954): PLAIN and LOGIN, checked against Argon2 hashes or at the next hop.

A hash is checked in a thread, few at a time, for each takes tens of megabytes; a login that does not exist takes as
long as a wrong password.
"""

import asyncio
import binascii
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Mapping
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.reply import EnhancedCode, reply
from gateway.smtp.command import Rejection
from gateway.smtp.door import Credentials

MECHANISMS = ("PLAIN", "LOGIN")
AT_ONCE = 2
Challenge = Callable[[bytes], Awaitable[bytes]]
_hasher = PasswordHasher()


class Logins:
    """The logins of one door: names and their Argon2 hashes."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = users
        self._free = asyncio.Semaphore(AT_ONCE)

    async def holds(self, credentials: Credentials) -> bool:
        """Whether this login exists and this is its password."""
        hashed = self._users.get(credentials.user)
        async with self._free:
            matches = await asyncio.to_thread(_matches, hashed or _nobody(), credentials.password)
        return matches and hashed is not None


@cache
def _nobody() -> str:
    return _hasher.hash("a login that does not exist")


def _matches(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


async def read_credentials(argument: str | None, challenge: Challenge) -> Credentials:
    """Take a client through the mechanism it asked for; raises ``Rejection``.

    ``challenge`` sends a 334 with the given text (base64) and returns the client's answer line.
    """
    mechanism, _, initial = (argument or "").partition(" ")
    if mechanism.upper() == "PLAIN":
        parts = _decoded(initial or await _ask(challenge, b"")).split("\0")
        if len(parts) != 3 or parts[0] not in ("", parts[1]):
            raise Rejection(reply(501, EnhancedCode.SYNTAX_ERROR, "Malformed credentials"))
        return Credentials(parts[1], parts[2])
    if mechanism.upper() == "LOGIN":
        user = _decoded(initial or await _ask(challenge, b"Username:"))
        password = _decoded(await _ask(challenge, b"Password:"))
        if "\0" in user + password:
            # The next hop gets both in PLAIN, where NUL parts them.
            raise Rejection(reply(501, EnhancedCode.SYNTAX_ERROR, "Malformed credentials"))
        return Credentials(user, password)
    raise Rejection(reply(504, EnhancedCode.INVALID_ARGUMENTS, "Mechanism not supported"))


async def _ask(challenge: Challenge, text: bytes) -> str:
    line = (await challenge(b64encode(text))).rstrip(b"\r\n").decode("ascii", "replace")
    if line == "*":
        raise Rejection(reply(501, EnhancedCode.OTHER_SECURITY, "Authentication aborted"))
    return line


def _decoded(text: str) -> str:
    try:
        return "" if text == "=" else b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Rejection(reply(501, EnhancedCode.SYNTAX_ERROR, "Malformed base64")) from error
