"""EnvelopedData and AuthEnvelopedData: ``encrypt``, ``read_enveloped``, ``decrypt`` (RFC 5652 §6, RFC 5083, RFC 5084).

AES-CBC makes EnvelopedData, AES-GCM AuthEnvelopedData; neither cipher is accepted in the other. Content goes through
in windows and is never joined. Reading names one certificate of ours; keys are never tried. CBC content that decrypts
proves nothing about who wrote it or whether it was changed.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gateway.asn1 import der
from gateway.asn1.ber import Element, Fields
from gateway.cms.algorithm import (
    CIPHER_BY_OID,
    CIPHERS,
    TRANSPORTS,
    ContentCipher,
    Hasher,
    unsupported,
)
from gateway.cms.attribute import read_attributes, retag
from gateway.cms.content import (
    AUTH_ENVELOPED_DATA,
    DATA,
    ENVELOPED_DATA,
    Content,
    Octets,
    content_info,
    read_content_info,
    slices,
    windows,
)
from gateway.cms.parameter import Identifier, read_identifier
from gateway.cms.recipient import AGREEMENT, Recipient, decrypt_failed, read_recipients, recipient_info, unwrap
from gateway.cms.rejected import Rejected
from gateway.errors import Malformed
from gateway.pki.certificate import Certificate
from gateway.pki.key import PrivateKey
from gateway.reason import Reason

BLOCK = 16
NONCE = 12
TAG = 16
TAGS = range(12, 16 + 1)


def encrypt(content: Content, recipients: Sequence[Certificate], cipher: str, rsa: str) -> Iterator[bytes]:
    """Return the pieces of a ContentInfo that encrypts ``content`` to all ``recipients`` (at least one).

    ``cipher`` and ``rsa`` are configured names (``CIPHERS``, ``TRANSPORTS``). Each recipient certificate appears in
    the result: hidden recipients need a call of their own. Raises ``Rejected`` for a key that cannot be used, before
    anything is encrypted.
    """
    row = CIPHERS[cipher]
    content_key = secrets.token_bytes(row.key_size)
    unique = {certificate.der: certificate for certificate in recipients}.values()
    infos = [recipient_info(certificate, content_key, row, TRANSPORTS[rsa]) for certificate in unique]
    if not infos:
        raise Rejected(Reason.NO_CERTIFICATE, "nobody to encrypt to")
    pieces = slices(content)
    return _authenticated(pieces, content_key, infos, row) if row.aead else _padded(pieces, content_key, infos, row)


def _padded(pieces: list[memoryview], key: bytes, infos: list[bytes], row: ContentCipher) -> Iterator[bytes]:
    """EnvelopedData with AES-CBC and the padding of RFC 5652 §6.3; version 2 with key agreement, else 0 (§6.1)."""
    vector = secrets.token_bytes(BLOCK)
    size = sum(piece.nbytes for piece in pieces)
    pad = BLOCK - size % BLOCK
    version = 2 if any(info[0] == AGREEMENT for info in infos) else 0
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    inner = _encrypted_content(row, der.octets(vector), size + pad)
    frame = content_info(ENVELOPED_DATA, inner.within(der.SEQUENCE, der.integer(version) + der.set_of(infos)))
    yield frame.before
    for window in windows(pieces):
        yield encryptor.update(window)
    yield encryptor.update(bytes((pad,)) * pad) + encryptor.finalize()


def _authenticated(pieces: list[memoryview], key: bytes, infos: list[bytes], row: ContentCipher) -> Iterator[bytes]:
    """AuthEnvelopedData version 0 with AES-GCM, no attributes (RFC 5083 §2.1, RFC 5084 §3.2)."""
    nonce = secrets.token_bytes(NONCE)
    size = sum(piece.nbytes for piece in pieces)
    encryptor = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
    parameters = der.sequence(der.octets(nonce), der.integer(TAG))
    room = der.octets(bytes(TAG))
    inner = _encrypted_content(row, parameters, size)
    frame = content_info(AUTH_ENVELOPED_DATA, inner.within(der.SEQUENCE, der.integer(0) + der.set_of(infos), room))
    yield frame.before
    for window in windows(pieces):
        yield encryptor.update(window)
    yield encryptor.finalize() + der.octets(encryptor.tag)


def _encrypted_content(row: ContentCipher, parameters: bytes, size: int) -> der.Frame:
    """EncryptedContentInfo around ``size`` octets of ciphertext."""
    return der.Frame(b"", size).within(0x80).within(der.SEQUENCE, DATA + der.sequence(row.oid, parameters))


@dataclass(frozen=True, slots=True)
class Enveloped:
    """EnvelopedData (``tag`` None) or AuthEnvelopedData as read; ``ciphertext`` in segments."""

    recipients: tuple[Recipient, ...]
    algorithm: Identifier
    ciphertext: list[memoryview]
    tag: bytes | None
    associated: bytes
    """The authenticated attributes as they are authenticated: a SET OF."""

    @property
    def cipher(self) -> ContentCipher:
        """The content cipher, allowed in this kind of envelope. Raises ``Rejected``."""
        row = CIPHER_BY_OID.get(self.algorithm.oid)
        if row is None or row.aead != (self.tag is not None):
            raise unsupported("the content cipher is unknown, or stands in the wrong kind of envelope")
        return row

    def recipient(self, certificate: Certificate) -> Recipient:
        """Return the one recipient info that names ``certificate``. Raises ``Rejected`` no-key, ``Malformed``."""
        named = [item for item in self.recipients if item.identity is not None and item.identity.names(certificate)]
        if not named:
            raise Rejected(Reason.NO_KEY, "the message is not encrypted to this certificate")
        if len(named) > 1:
            raise Malformed("one certificate is named by several recipient infos")
        return named[0]


def read_enveloped(data: Octets) -> Enveloped:
    """Read a ContentInfo that holds EnvelopedData or AuthEnvelopedData. Raises ``Malformed``, ``LimitExceeded``."""
    content_type, content = read_content_info(data)
    if content_type == ENVELOPED_DATA[2:]:
        return enveloped_data(content)
    if content_type == AUTH_ENVELOPED_DATA[2:]:
        return auth_enveloped_data(content)
    raise Malformed("this CMS structure is neither EnvelopedData nor AuthEnvelopedData")


def enveloped_data(element: Element) -> Enveloped:
    """Read an EnvelopedData (RFC 5652 §6.1). Raises ``Malformed``, ``LimitExceeded``."""
    fields = Fields(element)
    fields.next().integer()
    fields.optional(0xA0)
    recipients = read_recipients(fields.next())
    algorithm, ciphertext = _read_encrypted_content(fields.next())
    fields.optional(0xA1)
    fields.end()
    return Enveloped(recipients, algorithm, ciphertext, None, b"")


def auth_enveloped_data(element: Element) -> Enveloped:
    """Read an AuthEnvelopedData (RFC 5083 §2.1). Raises ``Malformed``, ``LimitExceeded``."""
    fields = Fields(element)
    fields.next().integer()
    fields.optional(0xA0)
    recipients = read_recipients(fields.next())
    algorithm, ciphertext = _read_encrypted_content(fields.next())
    attributes = fields.optional(0xA1)
    tag = fields.next().octets()
    fields.optional(0xA2)
    fields.end()
    return Enveloped(recipients, algorithm, ciphertext, tag, _associated(attributes))


def _associated(attributes: Element | None) -> bytes:
    if attributes is None:
        return b""
    read_attributes(attributes)
    return retag(attributes.raw, der.SET)


def _read_encrypted_content(element: Element) -> tuple[Identifier, list[memoryview]]:
    """EncryptedContentInfo, which S/MIME never leaves without content."""
    fields = Fields(element)
    if fields.next().oid() != DATA[2:]:
        raise Malformed("the encrypted content type is not id-data")
    algorithm = read_identifier(fields.next())
    ciphertext = fields.next().chunks(0x80)
    fields.end()
    return algorithm, ciphertext


def decrypt(enveloped: Enveloped, certificate: Certificate, key: PrivateKey) -> bytearray:
    """Return the content, opened with ``key`` by the recipient info that names ``certificate``.

    Nothing is returned before the tag of an authenticated envelope was checked. Raises ``Malformed`` and ``Rejected``
    for what can be told before the key is used; everything after that is ``Rejected`` decrypt-failed.
    """
    content = bytearray()
    for piece in _plaintext(enveloped, certificate, key):
        content += piece
    return content


def digest_content(enveloped: Enveloped, certificate: Certificate, key: PrivateKey, hasher: Hasher) -> None:
    """Feed the content to ``hasher`` and hold none of it; raises as ``decrypt``, and then the hash is worth nothing."""
    for piece in _plaintext(enveloped, certificate, key):
        hasher.update(piece)


def _plaintext(enveloped: Enveloped, certificate: Certificate, key: PrivateKey) -> Iterator[bytes]:
    """Yield the content, unauthenticated until the end was reached."""
    row = enveloped.cipher
    mode = _cbc(enveloped) if enveloped.tag is None else _gcm(enveloped, enveloped.tag)
    aes = algorithms.AES(unwrap(enveloped.recipient(certificate), certificate, key, row.key_size))
    try:
        yield from _unpad(aes, mode, enveloped) if isinstance(mode, modes.CBC) else _open(aes, mode, enveloped)
    except (ValueError, InvalidTag) as error:
        raise decrypt_failed() from error


def _cbc(enveloped: Enveloped) -> modes.CBC:
    """AES-CBC: the parameters are the vector (RFC 3565 §2.2); ciphertext is whole blocks, at least one."""
    parameters = enveloped.algorithm.parameters
    vector = b"" if parameters is None else parameters.octets()
    size = sum(chunk.nbytes for chunk in enveloped.ciphertext)
    if len(vector) != BLOCK or size % BLOCK or not size:
        raise Malformed("AES-CBC with a vector or ciphertext of impossible length")
    return modes.CBC(vector)


def _gcm(enveloped: Enveloped, tag: bytes) -> modes.GCM:
    """AES-GCM: GCMParameters (RFC 5084 §3.2), tag length 12 where none is named, and as long as the tag is."""
    if enveloped.algorithm.parameters is None:
        raise Malformed("AES-GCM without parameters")
    fields = Fields(enveloped.algorithm.parameters)
    nonce = fields.next().octets()
    named = fields.optional(der.INTEGER)
    fields.end()
    size = 12 if named is None else named.integer()
    if len(nonce) != NONCE or size not in TAGS or size != len(tag):
        raise Malformed("AES-GCM with a nonce or tag of impossible length")
    return modes.GCM(nonce, tag, min_tag_length=TAGS.start)


def _open(aes: algorithms.AES, mode: modes.GCM, enveloped: Enveloped) -> Iterator[bytes]:
    decryptor = Cipher(aes, mode).decryptor()
    decryptor.authenticate_additional_data(enveloped.associated)
    for window in windows(enveloped.ciphertext):
        yield decryptor.update(window)
    yield decryptor.finalize()


def _unpad(aes: algorithms.AES, mode: modes.CBC, enveloped: Enveloped) -> Iterator[bytes]:
    decryptor = Cipher(aes, mode).decryptor()
    unpadder = padding.PKCS7(8 * BLOCK).unpadder()
    for window in windows(enveloped.ciphertext):
        yield unpadder.update(decryptor.update(window))
    yield unpadder.update(decryptor.finalize()) + unpadder.finalize()
