"""Envelopes as others write them and we never do: built here from the standards, step by step."""

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.decrepit.ciphers.algorithms import RC2, TripleDES
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, Hash, HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.asn1 import der
from gateway.cms.content import AUTH_ENVELOPED_DATA, DATA, ENVELOPED_DATA
from gateway.cms.identity import issuer_and_serial
from tests.authority import Issued

AES_WRAPS = {16: "2.16.840.1.101.3.4.1.5", 24: "2.16.840.1.101.3.4.1.25", 32: "2.16.840.1.101.3.4.1.45"}
TRIPLE_DES_WRAP = der.sequence(der.oid("1.2.840.113549.1.9.16.3.6"), der.tlv(der.NULL))
NONCE = bytes(range(12))

Sealed = tuple[bytes, bytes, bytes | None]
"""Algorithm identifier, ciphertext, tag."""


def cbc(block: Callable[[bytes], Any], oid: str, key: bytes, content: bytes, version: int | None = None) -> Sealed:
    cipher = block(key)
    size = cipher.block_size // 8
    vector = bytes(range(size))
    padder = padding.PKCS7(cipher.block_size).padder()
    encryptor = Cipher(cipher, modes.CBC(vector)).encryptor()
    ciphertext = encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()
    parameters = der.octets(vector)
    if version is not None:
        parameters = der.sequence(der.integer(version), parameters)
    return der.sequence(der.oid(oid), parameters), ciphertext, None


def content(name: str, key: bytes, plaintext: bytes) -> Sealed:
    """Encrypt under a content cipher by its name in the table."""
    match name:
        case "aes-192-cbc":
            return cbc(algorithms.AES, "2.16.840.1.101.3.4.1.22", key, plaintext)
        case "3des-cbc":
            return cbc(TripleDES, "1.2.840.113549.3.7", key, plaintext)
        case "rc2-128-cbc":
            return cbc(RC2, "1.2.840.113549.3.2", key, plaintext, 58)
        case "aes-192-gcm":
            sealed = AESGCM(key).encrypt(NONCE, plaintext, None)
            parameters = der.sequence(der.octets(NONCE), der.integer(16))
            return der.sequence(der.oid("2.16.840.1.101.3.4.1.26"), parameters), sealed[:-16], sealed[-16:]
        case _:
            sealed = ChaCha20Poly1305(key).encrypt(NONCE, plaintext, None)
            oid = der.oid("1.2.840.113549.1.9.16.3.18")
            return der.sequence(oid, der.octets(NONCE)), sealed[:-16], sealed[-16:]


def envelope(info: bytes, sealed: Sealed) -> bytes:
    """A ContentInfo with one recipient info: authenticated where there is a tag."""
    algorithm, ciphertext, tag = sealed
    inner = der.sequence(DATA, algorithm, der.tlv(0x80, ciphertext))
    end = b"" if tag is None else der.octets(tag)
    body = der.sequence(der.integer(0), der.tlv(der.SET, info), inner, end)
    return der.sequence(ENVELOPED_DATA if tag is None else AUTH_ENVELOPED_DATA, der.explicit(0, body))


def wrap(kek: bytes, key: bytes) -> bytes:
    return aes_key_wrap(kek, key)


def triple_des_wrap(kek: bytes, key: bytes) -> bytes:
    """RFC 3217 §3.1."""
    checksum = Hash(SHA1())
    checksum.update(key)
    first = Cipher(TripleDES(kek), modes.CBC(bytes(range(8)))).encryptor()
    inner = bytes(range(8)) + first.update(key + checksum.finalize()[:8]) + first.finalize()
    second = Cipher(TripleDES(kek), modes.CBC(bytes.fromhex("4adda22c79e82105"))).encryptor()
    return second.update(inner[::-1]) + second.finalize()


def agreement(who: Issued, key: bytes, oid: str, digest: HashAlgorithm, size: int = 32, *,
              triple_des: bool = False, ukm: bytes | None = None) -> bytes:  # fmt: skip
    """ECDH with the KDF of X9.63 and the key wrap of ``size`` octets (RFC 5753)."""
    identifier = TRIPLE_DES_WRAP if triple_des else der.sequence(der.oid(AES_WRAPS[size]))
    ephemeral = ec.generate_private_key(who.private_key.curve)
    supplied = b"" if ukm is None else der.explicit(0, der.octets(ukm))
    bits = der.explicit(2, der.octets((size * 8).to_bytes(4, "big")))
    kek = X963KDF(digest, size, der.sequence(identifier, supplied, bits)).derive(
        ephemeral.exchange(ec.ECDH(), who.private_key.public_key())
    )
    point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    originator = der.explicit(1, der.sequence(der.oid("1.2.840.10045.2.1")), der.tlv(der.BIT_STRING, b"\0", point))
    wrapped = (triple_des_wrap if triple_des else wrap)(kek, key)
    return der.tlv(
        0xA1,
        der.integer(3),
        der.explicit(0, originator),
        b"" if ukm is None else der.explicit(1, der.octets(ukm)),
        der.sequence(der.oid(oid), identifier),
        der.sequence(der.sequence(issuer_and_serial(who.certificate), der.octets(wrapped))),
    )


def encapsulation(who: Issued, key: bytes, mechanism: str, *, ukm: bytes | None = None, size: int = 32,
                  stated: int | None = None, derivation: str = "1.2.840.113549.1.9.16.3.28") -> bytes:  # fmt: skip
    """KEMRecipientInfo with HKDF-SHA256 (RFC 9629, RFC 9936); ``stated`` is a kekLength of another size."""
    secret, ciphertext = who.private_key.public_key().encapsulate()
    identifier = der.sequence(der.oid(AES_WRAPS[size]))
    supplied = b"" if ukm is None else der.explicit(0, der.octets(ukm))
    kek = HKDF(SHA256(), size, None, der.sequence(identifier, der.integer(size), supplied)).derive(secret)
    info = der.sequence(
        der.integer(0),
        issuer_and_serial(who.certificate),
        der.sequence(der.oid(mechanism)),
        der.octets(ciphertext),
        der.sequence(der.oid(derivation)),
        der.integer(stated or size),
        supplied,
        identifier,
        der.octets(wrap(kek, key)),
    )
    return der.tlv(0xA4, der.oid("1.2.840.113549.1.9.16.13.3"), info)
