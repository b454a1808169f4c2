"""What a page has to have again on the next one, sealed so that only this gateway reads it, and only for a while.

A file that was looked at (it may hold a private key), a password that was right while its second factor is asked for:
the page carries them back, AES-256-GCM under a key of the store, good for one purpose, one reader and ten minutes.
So nothing lies about on the server between two steps, it needs no script, another gateway of the store takes the second
step, and what a browser may write to its disk is no secret.
"""

import base64
import binascii
import secrets
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import GatewayError
from gateway.wiring import Wiring

GOOD_FOR = timedelta(minutes=10)
_NONCE, _UNTIL = 12, 8


class Stale(GatewayError):
    """What came back is too old, another's, or not ours: the first step has to be taken again."""


def seal(wiring: Wiring, purpose: str, reader: str, data: bytes, at: datetime) -> str:
    """Return ``data`` as text that ``unseal`` reads within ``GOOD_FOR``. Raises ``Fault``, ``Misconfigured``."""
    until = int((at + GOOD_FOR).timestamp()).to_bytes(_UNTIL, "big")
    nonce = secrets.token_bytes(_NONCE)
    sealed = _cipher(wiring, purpose).encrypt(nonce, data, until + reader.encode())
    return base64.urlsafe_b64encode(until + nonce + sealed).decode()


def unseal(wiring: Wiring, purpose: str, reader: str, text: str, at: datetime) -> bytes:
    """Return what was sealed for that purpose and reader. Raises ``Stale``, ``Fault``, ``Misconfigured``."""
    try:
        raw = base64.b64decode(text.encode(), b"-_", validate=True)
        until, nonce, sealed = raw[:_UNTIL], raw[_UNTIL : _UNTIL + _NONCE], raw[_UNTIL + _NONCE :]
        data = _cipher(wiring, purpose).decrypt(nonce, sealed, until + reader.encode())
    except (binascii.Error, ValueError, InvalidTag):
        raise Stale("this page is not one of ours any more: begin again") from None
    if int.from_bytes(until, "big") < at.timestamp():
        raise Stale("this page was left for more than ten minutes: begin again")
    return data


def _cipher(wiring: Wiring, purpose: str) -> AESGCM:
    return AESGCM(wiring.store.wrapping.mac_key(f"console {purpose}"))
