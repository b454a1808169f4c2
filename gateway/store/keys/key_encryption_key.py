"""The key-encryption key: what keeps private keys unreadable on disk.

32 random bytes, base64 on one line. Keys for each purpose are derived from it (HKDF-SHA-256, RFC 5869). Wrapping is
AES-256-GCM with a random nonce before the ciphertext; the associated data names what is wrapped, so that one row's
value cannot be put in another's place.
"""

import base64
import binascii
import os
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import Fault
from gateway.store.refusal import Misconfigured

SIZE = 32
NONCE_SIZE = 12
_MAKE = "head -c 32 /dev/urandom | base64"


class KeyEncryptionKey:
    """The key itself; it never shows its bytes."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def fresh(cls) -> "KeyEncryptionKey":
        """Make a new one."""
        return cls(secrets.token_bytes(SIZE))

    @classmethod
    def decode(cls, line: bytes, origin: str) -> "KeyEncryptionKey":
        """Read the base64 line found in ``origin``. Raises ``Misconfigured``."""
        try:
            secret = base64.b64decode(line.strip(), validate=True)
        except binascii.Error:
            secret = b""
        if len(secret) != SIZE:
            raise Misconfigured(
                f"{origin}: a key-encryption key is {SIZE} random bytes in base64 on one line ({_MAKE})"
            )
        return cls(secret)

    def encode(self) -> bytes:
        """Return the line for its file."""
        return base64.b64encode(self._secret) + b"\n"

    def derive(self, purpose: str) -> bytes:
        """Return the 32 byte key for one purpose (RFC 5869)."""
        return derived(self._secret, purpose)

    def check_value(self) -> str:
        """Return what recognises this key and tells nothing about it."""
        return self.derive("check value").hex()

    def wrap(self, plain: bytes | memoryview, purpose: str, name: str) -> bytes:
        """Encrypt ``plain``, bound to ``purpose`` and ``name``."""
        nonce = os.urandom(NONCE_SIZE)
        return nonce + AESGCM(self.derive(purpose)).encrypt(nonce, plain, name.encode())

    def unwrap(self, wrapped: bytes, purpose: str, name: str) -> bytes:
        """Decrypt what ``wrap`` made. Raises ``Fault`` where it is damaged."""
        try:
            nonce, sealed = wrapped[:NONCE_SIZE], wrapped[NONCE_SIZE:]
            return AESGCM(self.derive(purpose)).decrypt(nonce, sealed, name.encode())
        except (InvalidTag, ValueError) as error:
            raise Fault(f"stored {purpose} {name[:16]} is damaged: restore a backup, or import it again") from error


def derived(secret: bytes, purpose: str) -> bytes:
    """Return the 32 byte key for one purpose that a secret gives (RFC 5869)."""
    return HKDF(SHA256(), SIZE, salt=None, info=b"smime-gateway " + purpose.encode()).derive(secret)
