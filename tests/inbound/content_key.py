"""Envelopes under a content key that a test chooses: so comes what somebody tries out, when it happens to decrypt."""

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.asn1 import der
from gateway.cms.algorithm import CIPHERS, TRANSPORTS
from gateway.cms.recipient import recipient_info
from tests.authority import Issued
from tests.cms import foreign
from tests.inbound.made import TEXT

KEY = bytes(range(32))
CBC, GCM = "2.16.840.1.101.3.4.1.42", "2.16.840.1.101.3.4.1.46"
OTHER = b"Content-Type: text/plain\r\n\r\nSomething else.\r\n"


def wrapped(who: Issued, key: bytes = KEY) -> bytes:
    """A recipient info; every call makes other wrapped octets."""
    if who.certificate.key_kind == "ml-kem":
        return foreign.encapsulation(who, key, "2.16.840.1.101.3.4.4.2")
    return recipient_info(who.certificate, key, CIPHERS["aes-256-cbc"], TRANSPORTS["pkcs1v15"])


def cbc(*infos: bytes, entity: bytes = TEXT, key: bytes = KEY) -> bytes:
    """EnvelopedData for these recipient infos, under their content key."""
    return foreign.envelope(b"".join(infos), foreign.cbc(algorithms.AES, CBC, key, entity))


def gcm(*infos: bytes, entity: bytes = TEXT, key: bytes = KEY) -> bytes:
    """AuthEnvelopedData, likewise."""
    made = AESGCM(key).encrypt(foreign.NONCE, entity, None)
    algorithm = der.sequence(der.oid(GCM), der.sequence(der.octets(foreign.NONCE), der.integer(16)))
    return foreign.envelope(b"".join(infos), (algorithm, made[:-16], made[-16:]))
