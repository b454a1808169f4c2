"""Content ciphers, opened: parameters strictly read, ciphertext turned into plaintext window by window.

``opening`` tells everything that can be told without the key; what it returns needs nothing but the key. Plaintext is
yielded before the tag of an authenticated cipher was checked: whoever takes it must drop it when an exception follows.

RFC 3565 (AES-CBC), RFC 5084 (AES-GCM), RFC 8103 (ChaCha20-Poly1305), RFC 3370 §5.1 (triple DES), §5.2 (RC2); padding as
in RFC 5652 §6.3.
"""

from collections.abc import Callable, Iterator
from functools import partial

from cryptography.hazmat.decrepit.ciphers.algorithms import RC2, TripleDES
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from gateway.asn1 import der
from gateway.asn1.ber import Element, Fields
from gateway.cms.algorithm import ContentCipher, unsupported
from gateway.cms.content import windows
from gateway.errors import Malformed

NONCE = 12
TAG = 16
TAGS = range(12, TAG + 1)
RC2_128 = 58
"""The rc2ParameterVersion of 128 effective bits (RFC 2268 §6)."""

Opening = Callable[[bytes], Iterator[bytes]]
"""Content key to plaintext. Raises ``ValueError`` or ``InvalidTag`` where they do not go together."""

_Block = Callable[[bytes], BlockCipherAlgorithm]
_BLOCKS: dict[str, tuple[_Block, int]] = {"aes": (algorithms.AES, 16), "3des": (TripleDES, 8), "rc2": (RC2, 8)}


def opening(
    row: ContentCipher, parameters: Element | None, pieces: list[memoryview], tag: bytes | None, associated: bytes
) -> Opening:
    """Return how ``pieces`` are opened under ``row``; ``tag`` and ``associated`` are those of AuthEnvelopedData.

    Without a ``tag`` an authenticated cipher must have it at the end of the ciphertext. Raises ``Malformed`` and
    ``Rejected`` unsupported-algorithm.
    """
    if parameters is None:
        raise Malformed("a content cipher without parameters")
    if row.mode == "cbc":
        return _cbc(row, parameters, pieces)
    nonce, size = _gcm_parameters(parameters) if row.mode == "gcm" else (parameters.octets(), TAG)
    if tag is None:
        pieces, tag = _cut(pieces, size)
    if len(nonce) != NONCE or size not in TAGS or size != len(tag):
        raise Malformed("an authenticated cipher with a nonce or tag of impossible length")
    if row.mode == "gcm":
        return partial(_open_gcm, modes.GCM(nonce, tag, min_tag_length=TAGS.start), pieces, associated)
    return partial(_open_poly1305, nonce, [*pieces, memoryview(tag)], associated)


def _cbc(row: ContentCipher, parameters: Element, pieces: list[memoryview]) -> Opening:
    """CBC: ciphertext is whole blocks, at least one."""
    block, size = _BLOCKS[row.family]
    vector = _rc2_vector(parameters) if row.family == "rc2" else parameters.octets()
    total = sum(piece.nbytes for piece in pieces)
    if len(vector) != size or total % size or not total:
        raise Malformed("CBC with a vector or ciphertext of impossible length")
    return partial(_open_cbc, block, modes.CBC(vector), pieces)


def _rc2_vector(parameters: Element) -> bytes:
    """RC2-CBCParameter (RFC 3370 §5.2); a vector alone would mean 32 bits."""
    fields = Fields(parameters)
    version = fields.next().integer()
    vector = fields.next().octets()
    fields.end()
    if version != RC2_128:
        raise unsupported("RC2 of another size than 128 bits")
    return vector


def _gcm_parameters(parameters: Element) -> tuple[bytes, int]:
    """GCMParameters (RFC 5084 §3.2): nonce and length of the tag, 12 octets where none is named."""
    fields = Fields(parameters)
    nonce = fields.next().octets()
    named = fields.optional(der.INTEGER)
    fields.end()
    return nonce, 12 if named is None else named.integer()


def _cut(pieces: list[memoryview], size: int) -> tuple[list[memoryview], bytes]:
    """Return ``pieces`` without their last ``size`` octets, and those; fewer where there are not that many."""
    kept, tail = list(pieces), b""
    while kept and size > len(tail):
        last = kept.pop()
        at = max(0, last.nbytes - (size - len(tail)))
        tail = bytes(last[at:]) + tail
        if at:
            kept.append(last[:at])
    return kept, tail


def _open_cbc(block: _Block, mode: modes.CBC, pieces: list[memoryview], key: bytes) -> Iterator[bytes]:
    algorithm = block(key)
    decryptor = Cipher(algorithm, mode).decryptor()
    unpadder = padding.PKCS7(algorithm.block_size).unpadder()
    for window in windows(pieces):
        yield unpadder.update(decryptor.update(window))
    yield unpadder.update(decryptor.finalize()) + unpadder.finalize()


def _open_gcm(mode: modes.GCM, pieces: list[memoryview], associated: bytes, key: bytes) -> Iterator[bytes]:
    decryptor = Cipher(algorithms.AES(key), mode).decryptor()
    decryptor.authenticate_additional_data(associated)
    for window in windows(pieces):
        yield decryptor.update(window)
    yield decryptor.finalize()


def _open_poly1305(nonce: bytes, pieces: list[memoryview], associated: bytes, key: bytes) -> Iterator[bytes]:
    """In one step, because the library has no other."""
    yield ChaCha20Poly1305(key).decrypt(nonce, b"".join(pieces), associated)
