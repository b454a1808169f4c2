"""EnvelopedData and AuthEnvelopedData: ``encrypt``, ``read_enveloped``, ``decrypt`` (RFC 5652 §6, RFC 5083, RFC 5084).

AES-CBC makes EnvelopedData, AES-GCM AuthEnvelopedData, and so they are read; AES-GCM in EnvelopedData, an old mistake,
is read too where the tag stands at the end of the ciphertext and holds. Content goes through in windows and is not
joined. Reading names one certificate of ours; keys are never tried. CBC content that decrypts proves nothing about who
wrote it or whether it was changed.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gateway.asn1 import der
from gateway.asn1.ber import Element, Fields
from gateway.cms.algorithm import CIPHER_BY_OID, CIPHERS, TRANSPORTS, ContentCipher, Hasher, unsupported, weak
from gateway.cms.attribute import read_attributes, retag
from gateway.cms.cipher import NONCE, TAG, opening
from gateway.cms.content import (
    AUTH_ENVELOPED_DATA,
    DATA,
    ENVELOPED_DATA,
    Buffer,
    Content,
    content_info,
    read_content_info,
    slices,
    windows,
)
from gateway.cms.parameter import Identifier, read_identifier
from gateway.cms.recipient import AGREEMENT, Recipient, read_recipients, recipient_info
from gateway.cms.rejected import Rejected
from gateway.cms.unwrap import decrypt_failed, unwrap
from gateway.errors import Malformed
from gateway.pki.certificate import Certificate
from gateway.pki.key import PrivateKey
from gateway.reason import Reason

BLOCK = 16


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
    return der.Frame(b"", size).within(der.primitive(0)).within(der.SEQUENCE, DATA + der.sequence(row.oid, parameters))


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
        if row is None or not (row.mode == "gcm" or row.aead == (self.tag is not None)):
            raise unsupported("the content cipher is unknown, or stands in the wrong kind of envelope")
        return row

    @property
    def digest(self) -> bytes:
        """SHA-256 of all that a content key opens: algorithm, authenticated attributes, tag and ciphertext."""
        parameters = b"" if self.algorithm.parameters is None else bytes(self.algorithm.parameters.raw)
        tag = b"" if self.tag is None else der.octets(self.tag)
        made = sha256(der.sequence(*map(der.octets, (self.algorithm.oid, parameters, self.associated, tag))))
        for piece in self.ciphertext:
            made.update(piece)
        return made.digest()

    def recipient(self, certificate: Certificate) -> Recipient:
        """Return the first recipient info that names ``certificate``. Raises ``unreadable()``."""
        named = [item for item in self.recipients if item.identity is not None and item.identity.names(certificate)]
        if not named:
            raise self.unreadable()
        return named[0]

    def unreadable(self) -> Rejected:
        """Return the exception for an envelope none of whose recipients is ours: no-key.

        Where no recipient is of a kind that any key of ours could open, it is unsupported-algorithm.
        """
        if all(item.identity is None for item in self.recipients):
            return unsupported("the message is encrypted to passwords or keys of unknown kinds only")
        return Rejected(Reason.NO_KEY, "the message is encrypted to none of our certificates")


def read_enveloped(data: Buffer) -> Enveloped:
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
    fields.skip_version()
    fields.optional(der.context(0))
    recipients = read_recipients(fields.next())
    algorithm, ciphertext = _read_encrypted_content(fields.next())
    fields.optional(der.context(1))
    fields.end()
    return Enveloped(recipients, algorithm, ciphertext, None, b"")


def auth_enveloped_data(element: Element) -> Enveloped:
    """Read an AuthEnvelopedData (RFC 5083 §2.1). Raises ``Malformed``, ``LimitExceeded``."""
    fields = Fields(element)
    fields.skip_version()
    fields.optional(der.context(0))
    recipients = read_recipients(fields.next())
    algorithm, ciphertext = _read_encrypted_content(fields.next())
    attributes = fields.optional(der.context(1))
    tag = fields.next().octets()
    fields.optional(der.context(2))
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
    ciphertext = fields.next().chunks(der.primitive(0))
    fields.end()
    return algorithm, ciphertext


def decrypt(enveloped: Enveloped, certificate: Certificate, key: PrivateKey, accept_legacy: bool = False) -> bytearray:
    """Return the content, opened with ``key`` by the recipient info that names ``certificate``.

    Nothing is returned before the tag of an authenticated cipher was checked. Raises ``Malformed`` and ``Rejected`` for
    what can be told before the key is used (weak-algorithm and weak-key unless ``accept_legacy``); everything after
    that is ``Rejected`` decrypt-failed.
    """
    content = bytearray()
    for piece in _plaintext(enveloped, certificate, key, accept_legacy):
        content += piece
    return content


def digest_content(enveloped: Enveloped, certificate: Certificate, key: PrivateKey, hasher: Hasher) -> None:
    """Feed the content to ``hasher`` and hold none of it; raises as ``decrypt``, and then the hash is worth nothing."""
    for piece in _plaintext(enveloped, certificate, key, accept_legacy=False):
        hasher.update(piece)


def _plaintext(enveloped: Enveloped, certificate: Certificate, key: PrivateKey, accept_legacy: bool) -> Iterator[bytes]:
    """Yield the content, unauthenticated until the end was reached."""
    row = enveloped.cipher
    if row.legacy and not accept_legacy:
        raise weak(f"the content is encrypted with {row.name}")
    parts = enveloped.ciphertext, enveloped.tag, enveloped.associated
    open_with = opening(row, enveloped.algorithm.parameters, *parts)
    content_key = unwrap(enveloped.recipient(certificate), certificate, key, row.key_size, accept_legacy)
    try:
        yield from open_with(content_key)
    except (ValueError, InvalidTag, UnsupportedAlgorithm) as error:
        raise decrypt_failed() from error
