"""Password-based decryption and MACs of key files: PBES2 (RFC 8018), PBMAC1 (RFC 9579), PKCS#12's own (RFC 7292).

Own because ``cryptography`` has no decryption of certificate bags and no PKCS#12 derivation to offer, refuses PKCS#8
keys under an empty passphrase, and computes however many rounds a file asks for: here what a file asks for is paid
from a ``Work`` budget before it is computed.

Not here: PBES1 with MD5 or single DES, and PBES2 with other ciphers than AES and 3DES; such files have to be converted
first. The names of the algorithms are OIDs; what is missing is ``UnsupportedProtection``.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import TypeVar

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from gateway.asn1.ber import Element, Fields, pair
from gateway.asn1.der import INTEGER, SEQUENCE
from gateway.errors import LimitExceeded, Malformed
from gateway.pki import rc2
from gateway.pki.passphrase import as_octets, as_texts, read_text

T = TypeVar("T")

MAX_ITERATIONS = 10_000_000
"""Rounds of key derivation that one file may cost in all; files in use ask for 1 to 1,000,000."""
MAX_SCRYPT_MEMORY = 256 * 1024 * 1024

PBES2, PBKDF2, PBMAC1, SCRYPT = (
    "1.2.840.113549.1.5.13",
    "1.2.840.113549.1.5.12",
    "1.2.840.113549.1.5.14",
    "1.3.6.1.4.1.11591.4.11",
)
_PRFS = {
    "1.2.840.113549.2.7": "sha1",
    "1.2.840.113549.2.8": "sha224",
    "1.2.840.113549.2.9": "sha256",
    "1.2.840.113549.2.10": "sha384",
    "1.2.840.113549.2.11": "sha512",
}
_DIGESTS = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_CIPHERS: dict[str, tuple[str, int]] = {
    "2.16.840.1.101.3.4.1.2": ("aes", 16),
    "2.16.840.1.101.3.4.1.22": ("aes", 24),
    "2.16.840.1.101.3.4.1.42": ("aes", 32),
    "1.2.840.113549.3.7": ("3des", 24),
}
"""Cipher and key length in bytes, all in CBC mode."""
_PKCS12_SCHEMES: dict[str, tuple[str, int]] = {
    "1.2.840.113549.1.12.1.3": ("3des", 24),
    "1.2.840.113549.1.12.1.4": ("3des", 16),
    "1.2.840.113549.1.12.1.5": ("rc2", 16),
    "1.2.840.113549.1.12.1.6": ("rc2", 5),
}
_KEY, _IV, _MAC = 1, 2, 3
"""What the key derivation of PKCS#12 makes (RFC 7292 appendix B.3)."""


class UnsupportedProtection(Malformed):
    """Encrypted in a way that we do not open."""


class BadPassphrase(Malformed):
    """What came out of the decryption is not what was encrypted."""


@dataclass(slots=True)
class Work:
    """What one file may still cost, in rounds of key derivation."""

    left: int = MAX_ITERATIONS

    def spend(self, rounds: int) -> None:
        """Pay for ``rounds``. Raises ``LimitExceeded``."""
        if rounds < 1:
            raise Malformed("an iteration count is not positive")
        self.left -= rounds
        if self.left < 0:
            raise LimitExceeded(f"the file asks for more than {MAX_ITERATIONS} rounds of key derivation")


def spellings(algorithm: Element, passphrase: bytes | None) -> tuple[bytes | None, ...]:
    """Return the forms of a passphrase to try for ``decrypt`` or ``mac`` under this AlgorithmIdentifier."""
    if passphrase is None:
        return (None,)
    return as_octets(passphrase) if _name(algorithm) in (PBES2, PBMAC1) else as_texts(passphrase)


def decrypt(algorithm: Element, data: bytes, passphrase: bytes | None, work: Work) -> bytes:
    """Decrypt ``data`` as its AlgorithmIdentifier says; ``passphrase`` None is the null passphrase of PKCS#12.

    Raises ``BadPassphrase`` (though one wrong passphrase in some 256 gives garbage instead), ``UnsupportedProtection``,
    ``Malformed``, ``LimitExceeded``.
    """
    scheme, parameters = pair(algorithm)
    name = scheme.dotted()
    if name == PBES2:
        cipher, key, iv = _pbes2(parameters, passphrase or b"", work)
    elif name in _PKCS12_SCHEMES:
        cipher, key, iv = _pkcs12_scheme(name, parameters, passphrase, work)
    else:
        raise UnsupportedProtection(f"encrypted with a scheme that is not supported ({name})")
    return _unpadded(_cbc(cipher, key, iv, data), rc2.BLOCK if cipher != "aes" else 16)


def mac(algorithm: Element, salt: bytes, rounds: int, data: bytes, passphrase: bytes | None, work: Work) -> bytes:
    """Return the MAC of a PKCS#12 over ``data`` (RFC 7292 §4, RFC 9579); ``passphrase`` None is the null one."""
    name = _name(algorithm)
    if name == PBMAC1:
        return _pbmac1(pair(algorithm)[1], data, passphrase or b"", work)
    digest = _known(_DIGESTS, name)
    key = _pkcs12_kdf(digest, _MAC, passphrase, salt, rounds, hashlib.new(digest).digest_size, work)
    return hmac.digest(key, data, digest)


def _name(algorithm: Element) -> str:
    """The OID of an AlgorithmIdentifier, whatever its parameters."""
    return Fields(algorithm).next().dotted()


def _pbes2(parameters: Element, passphrase: bytes, work: Work) -> tuple[str, bytes, bytes]:
    derivation, scheme = pair(parameters)
    name, iv = pair(scheme)
    cipher, length = _known(_CIPHERS, name.dotted())
    return cipher, _derived(derivation, length, passphrase, work), iv.octets()


def _derived(derivation: Element, length: int, passphrase: bytes, work: Work) -> bytes:
    kind, parameters = pair(derivation)
    name = kind.dotted()
    if name == PBKDF2:
        return _pbkdf2(parameters, length, passphrase, work)
    if name == SCRYPT:
        return _scrypt(parameters, length, passphrase, work)
    raise UnsupportedProtection(f"a key derivation that is not supported ({name})")


def _pbkdf2(parameters: Element, length: int, passphrase: bytes, work: Work) -> bytes:
    """RFC 8018 §5.2; the key length in the parameters says no more than the cipher does."""
    fields = Fields(parameters)
    salt, rounds = fields.next().octets(), fields.next().integer()
    fields.optional(INTEGER)
    prf = fields.optional(SEQUENCE)
    digest = "sha1" if prf is None else _known(_PRFS, _name(prf))
    work.spend(rounds * -(-length // hashlib.new(digest).digest_size))
    return hashlib.pbkdf2_hmac(digest, passphrase, salt, rounds, length)


def _scrypt(parameters: Element, length: int, passphrase: bytes, work: Work) -> bytes:
    """RFC 7914 §7.1."""
    fields = Fields(parameters)
    salt = fields.next().octets()
    cost, block, parallel = (fields.next().integer() for _ in range(3))
    if min(cost, block, parallel) < 1 or 128 * cost * block * parallel > MAX_SCRYPT_MEMORY:
        raise LimitExceeded(f"scrypt parameters over {MAX_SCRYPT_MEMORY} bytes")
    # Blocks mixed, and the rounds that make and take them: 4 before and after, for each 128 octets.
    work.spend((cost + 8) * block * parallel)
    try:
        return hashlib.scrypt(
            passphrase, salt=salt, n=cost, r=block, p=parallel, maxmem=2 * MAX_SCRYPT_MEMORY, dklen=length
        )
    except ValueError as error:
        raise Malformed("scrypt parameters that there cannot be") from error


def _pbmac1(parameters: Element, data: bytes, passphrase: bytes, work: Work) -> bytes:
    derivation, scheme = pair(parameters)
    digest = _known(_PRFS, _name(scheme))
    _, kdf = pair(derivation)
    lengths = [child.integer() for child in kdf.children if child.tag == INTEGER][1:]
    if len(lengths) != 1 or not 20 <= lengths[0] <= 64:
        raise Malformed("PBMAC1 needs a key length of 20 to 64 bytes")
    return hmac.digest(_derived(derivation, lengths[0], passphrase, work), data, digest)


def _pkcs12_scheme(name: str, parameters: Element, passphrase: bytes | None, work: Work) -> tuple[str, bytes, bytes]:
    salt, rounds = pair(parameters)
    cipher, length = _PKCS12_SCHEMES[name]
    key = _pkcs12_kdf("sha1", _KEY, passphrase, salt.octets(), rounds.integer(), length, work)
    iv = _pkcs12_kdf("sha1", _IV, passphrase, salt.octets(), rounds.integer(), rc2.BLOCK, work)
    return cipher, key, iv


def _pkcs12_kdf(
    digest: str, purpose: int, passphrase: bytes | None, salt: bytes, rounds: int, length: int, work: Work
) -> bytes:
    """Derive ``length`` bytes (RFC 7292 appendix B.2)."""
    hashed = getattr(hashlib, digest)  # twice as fast as by name, and there are millions of rounds
    block = hashed().block_size
    text = b"" if passphrase is None else _bmp(passphrase)
    filled = bytearray(_repeated(salt, block) + _repeated(text, block))
    derived = b""
    while len(derived) < length:
        work.spend(rounds)
        value = bytes([purpose]) * block + filled
        for _ in range(rounds):
            value = hashed(value).digest()
        derived += value
        addend = int.from_bytes(_repeated(value, block)[:block]) + 1
        for n in range(0, len(filled), block):
            total = int.from_bytes(filled[n : n + block]) + addend
            filled[n : n + block] = (total % (1 << 8 * block)).to_bytes(block)
    return derived[:length]


def _bmp(passphrase: bytes) -> bytes:
    """A BMPString with its terminator."""
    return f"{read_text(passphrase)}\0".encode("utf-16-be")


def _repeated(data: bytes, block: int) -> bytes:
    """Repeat ``data`` to a whole number of blocks."""
    size = -(-len(data) // block) * block
    return (data * (size // len(data) + 1))[:size] if data else b""


def _cbc(cipher: str, key: bytes, iv: bytes, data: bytes) -> bytes:
    block = 16 if cipher == "aes" else rc2.BLOCK
    if not data or len(data) % block or len(iv) != block:
        raise Malformed("ciphertext or initialisation vector is not of whole blocks")
    if cipher == "rc2":
        return rc2.decrypt_cbc(key, iv, data)
    algorithm: CipherAlgorithm = AES(key) if cipher == "aes" else TripleDES(key if len(key) == 24 else key + key[:8])
    decryptor = Cipher(algorithm, modes.CBC(iv)).decryptor()
    return decryptor.update(data) + decryptor.finalize()


def _unpadded(data: bytes, block: int) -> bytes:
    """Remove the padding of RFC 8018 §6.1.1. No oracle: who imports a file holds both the file and its passphrase."""
    size = data[-1]
    if not 1 <= size <= block or data[-size:] != bytes([size]) * size:
        raise BadPassphrase("the passphrase does not open it")
    return data[:-size]


def _known(table: dict[str, T], name: str) -> T:
    if name not in table:
        raise UnsupportedProtection(f"protected with an algorithm that is not supported ({name})")
    return table[name]
