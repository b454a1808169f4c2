"""Sealing: a message becomes a signed or encrypted one (RFC 8551 §3).

The entity that is protected is the message's Content-* fields and its body; every other header field stays outside,
untouched and in order. Signed content is made canonical first (§3.1.1: CRLF, 7-bit, short lines); where that cannot be
done without touching somebody else's signature, the message is signed opaque instead. Bytes that need no change are
slices of the original.

What was made is read back and checked before it is handed out: the signature verifies over the very bytes that leave,
and, where our own key is a recipient, the envelope opens to what went in.
"""

import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from gateway.cms.content import Buffer
from gateway.cms.enveloped import digest_content, read_enveloped
from gateway.cms.enveloped import encrypt as encrypt_content
from gateway.cms.signed import Signer, read_signed, sign_detached, sign_opaque, verify_made
from gateway.errors import Fault, GatewayError
from gateway.mail.canonical import canonical
from gateway.mail.header import Header
from gateway.mail.transfer import encode_base64
from gateway.pki.certificate import Certificate
from gateway.pki.key import PrivateKey

BASE64_LINE = 57
"""Bytes that fill one line of 76 characters."""

WINDOW = 57 * 4096
"""Bytes that are encoded at once."""

_BOUNDARY = re.compile(rb'boundary="([^"]++)"')

DROPPED = frozenset({"bcc", "resent-bcc"})
"""Fields that a sealed copy must not carry: they name hidden recipients."""


class SealFault(Fault):
    """What was sealed does not read back as what went in; it must not leave."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A MIME entity in the making: its Content-* fields (CRLF at the end of each) and the pieces of its body."""

    fields: bytes
    body: tuple[Buffer, ...]

    @property
    def pieces(self) -> tuple[Buffer, ...]:
        """The whole entity in order, empty line included."""
        return (self.fields, b"\r\n", *self.body)


@dataclass(frozen=True, slots=True)
class Frame:
    """What stays outside of a message: the fields before and after the place of its Content-* fields."""

    before: bytes
    after: bytes

    def around(self, entity: Entity) -> bytes:
        """Return the message with this entity in it."""
        return b"".join((self.before, entity.fields, self.after, b"\r\n", *entity.body))


def take_apart(content: bytes, header: Header) -> tuple[Frame, Entity]:
    """Return what stays outside of a message and the entity to protect. MIME-Version is there exactly once."""
    inner: list[bytes] = []
    before: list[bytes] = []
    after: list[bytes] = []
    names = set(DROPPED)
    for field in header.fields:
        if field.name.startswith("content-"):
            inner.append(content[field.start : field.end])
        elif field.name not in names:
            (after if inner else before).append(content[field.start : field.end])
            if field.name == "mime-version":
                names.add(field.name)
    if "mime-version" not in names:
        before.append(b"MIME-Version: 1.0\r\n")
    fields = b"".join(inner) or b"Content-Type: text/plain\r\n"
    return Frame(b"".join(before), b"".join(after)), Entity(fields, (memoryview(content)[header.body :],))


def sign(entity: Entity, signer: Signer, chain: Sequence[bytes], at: datetime, *, opaque: bool = False) -> Entity:
    """Return ``entity`` signed: clear where its canonical form permits and not ``opaque``. Raises ``SealFault``.

    ``chain``: DER of all certificates that travel beside the signer's.
    """
    form = canonical(b"".join(entity.pieces))
    if form.clear and not opaque:
        result = _clear(form.content, signer, chain, at)
        _check_clear(result, signer, chain, at)
    else:
        result = _opaque(form.content, signer, chain, at)
        _verify(result.body[0], form.content, signer, chain, at)
    return result


@dataclass(frozen=True, slots=True)
class Unchecked:
    """An encrypted entity that nobody has read back yet; ``checked`` is the only way to it.

    It does not hold what went in, so that the caller can let go of that first: large messages are in memory once less.
    """

    _entity: Entity
    _digest: bytes

    def checked(self, own: tuple[Certificate, PrivateKey] | None) -> Entity:
        """Read the finished CMS back, open it with our own key where that is a recipient's. Raises ``SealFault``."""
        found = sha256()
        try:
            data = read_enveloped(binascii.a2b_base64(self._entity.body[0]))
            if own is not None:
                digest_content(data, own[0], own[1], found)
        except (GatewayError, ValueError) as error:
            raise SealFault(f"the produced encryption does not read back: {error}") from error
        if own is not None and found.digest() != self._digest:
            raise SealFault("the produced encryption opens to something else than what went in")
        return self._entity


def encrypt(entity: Entity, recipients: Sequence[Certificate], cipher: str, rsa: str) -> Unchecked:
    """Return ``entity`` encrypted to all ``recipients`` in one CMS.

    ``cipher``: ``aes-128-cbc``, ``aes-256-cbc``, ``aes-128-gcm``, ``aes-256-gcm``; ``rsa``: ``pkcs1v15`` or ``oaep``.
    """
    kind = "authEnveloped-data" if cipher.endswith("-gcm") else "enveloped-data"
    digest = sha256()
    for piece in entity.pieces:
        digest.update(piece)
    return Unchecked(_cms_entity(kind, encrypt_content(entity.pieces, recipients, cipher, rsa)), digest.digest())


def _clear(content: bytes, signer: Signer, chain: Sequence[bytes], at: datetime) -> Entity:
    digest = _digest(signer, (content,))
    boundary = b"smime-" + sha256(digest).hexdigest()[:40].encode()
    fields = (
        b'Content-Type: multipart/signed; protocol="application/pkcs7-signature";\r\n'
        b' micalg=%s; boundary="%s"\r\n' % (signer.digest.micalg.encode(), boundary)
    )
    signature = base64_lines([sign_detached(digest, signer, chain, at)])
    head = b"This is a cryptographically signed message in MIME format.\r\n\r\n--%s\r\n" % boundary
    tail = (
        b"\r\n--%s\r\n"
        b'Content-Type: application/pkcs7-signature; name="smime.p7s"\r\n'
        b"Content-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="smime.p7s"\r\n\r\n'
        b"%s\r\n--%s--\r\n" % (boundary, signature, boundary)
    )
    return Entity(fields, (head, content, tail))


def _opaque(content: bytes, signer: Signer, chain: Sequence[bytes], at: datetime) -> Entity:
    return _cms_entity("signed-data", sign_opaque(content, signer, chain, at))


def _cms_entity(kind: str, pieces: Iterable[Buffer]) -> Entity:
    fields = (
        b'Content-Type: application/pkcs7-mime; smime-type=%s; name="smime.p7m"\r\n'
        b"Content-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="smime.p7m"\r\n' % kind.encode()
    )
    return Entity(fields, (base64_lines(pieces),))


def base64_lines(pieces: Iterable[Buffer]) -> bytearray:
    """Return pieces of any size as one base64 text with lines of 76 characters and CRLF, without joining them first."""
    text = bytearray()
    rest = b""
    for piece in pieces:
        for start in range(0, len(piece), WINDOW):
            window = rest + piece[start : start + WINDOW]
            end = len(window) - len(window) % BASE64_LINE
            text += encode_base64(window[:end])
            rest = window[end:]
    text += encode_base64(rest)
    return text


def _digest(signer: Signer, pieces: Iterable[Buffer]) -> bytes:
    hasher = signer.digest.new()
    for piece in pieces:
        hasher.update(piece)
    return hasher.digest()


def _check_clear(entity: Entity, signer: Signer, chain: Sequence[bytes], at: datetime) -> None:
    """Read the finished multipart/signed back and verify its signature over its first part (RFC 8551 §3.5.3)."""
    head, content, tail = entity.body
    boundary = _BOUNDARY.search(entity.fields)
    if boundary is None:
        raise SealFault("the produced multipart/signed does not read back: boundary")
    delimiter = b"\r\n--" + boundary[1]
    if not bytes(head).endswith(delimiter + b"\r\n") or not bytes(tail).startswith(delimiter + b"\r\n"):
        raise SealFault("the produced multipart/signed does not read back: delimiter")
    if delimiter in content:
        raise SealFault("the produced multipart/signed does not read back: the boundary occurs in the content")
    body, found, _ = bytes(tail).partition(b"\r\n\r\n")[2].partition(delimiter + b"--\r\n")
    if not found:
        raise SealFault("the produced multipart/signed does not read back: close delimiter")
    _verify(body, content, signer, chain, at)


def _verify(text: Buffer, content: Buffer, signer: Signer, chain: Sequence[bytes], at: datetime) -> None:
    """Verify the CMS in this base64 over ``content``, which it carries or stands beside."""
    try:
        data = read_signed(binascii.a2b_base64(text))
        (info,) = data.signers
        digest = _digest(signer, (content,))
        verify_made(info, digest, signer, at)
    except (GatewayError, ValueError) as error:
        raise SealFault(f"the produced signature does not verify: {error}") from error
    if sorted(map(bytes, data.certificates)) != sorted((signer.certificate.der, *chain)):
        raise SealFault("the produced signature does not carry the certificates it was made with")
    if not info.signer.names(signer.certificate):
        raise SealFault("the produced signature names another signer")
    if data.content is not None and _digest(signer, data.content) != digest:
        raise SealFault("the produced signature does not carry the content it was made over")
