"""S/MIME mail as honest and hostile senders make it: every layer by itself, from bytes to bytes."""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.asn1 import der
from gateway.cms.attribute import CONTENT_TYPE, MESSAGE_DIGEST
from gateway.cms.content import COMPRESSED_DATA, DATA, SIGNED_DATA
from gateway.cms.enveloped import encrypt
from gateway.cms.identity import issuer_and_serial
from gateway.engine.transaction import Direction, Outcome
from gateway.mail.header import read_header
from gateway.pki.revocation import RevocationEvidence, RevocationList
from gateway.pki.trust import TrustSnapshot
from tests.authority import Authority, Issued
from tests.engine.world import HELPDESK, World

ALICE, MALLORY = "alice@example.com", "mallory@example.net"
CANARY = b"My printer burns."
TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + CANARY + b"\r\n"
SHA1, SHA256 = der.oid("1.3.14.3.2.26"), der.oid("2.16.840.1.101.3.4.2.1")
ECDSA = {"sha1": der.oid("1.2.840.10045.4.1"), "sha256": der.oid("1.2.840.10045.4.3.2")}
ZLIB = der.oid("1.2.840.113549.1.9.16.3.8")


class Desk(World):
    """The helpdesk: it has its own key and trusts the authority; tests give it more to know."""

    def __init__(self, authority: Authority) -> None:
        super().__init__(authority)
        self.hold(HELPDESK, key=True, kind="p256")
        self.intermediates: list[Issued] = []
        self.lists: tuple[RevocationList, ...] = ()

    @property
    def certificate(self) -> Issued:
        """The helpdesk's own."""
        return self.issued[HELPDESK]

    def trust(self, leaf: Any) -> TrustSnapshot:
        return TrustSnapshot(
            [anchor.certificate for anchor in self.anchors], [issued.certificate for issued in self.intermediates]
        )

    def revocation(self, leaf: Any) -> RevocationEvidence:
        return RevocationEvidence(self.lists)

    def receive(self, content: bytes, *recipients: str, **options: Any) -> Outcome:
        """Take a message in, for the helpdesk where nobody else is named."""
        options = {"sender": ALICE, "direction": Direction.INBOUND} | options
        return self.send(content, *(recipients or (HELPDESK,)), **options)

    def words(self, content: bytes, *recipients: str, **options: Any) -> tuple[str, str]:
        """Take a message in and return what the two result fields begin with, reason included."""
        return words(self.receive(content, *recipients, **options))


def words(outcome: Outcome, copy: int = 0) -> tuple[str, str]:
    """The statuses of one copy, each with its reason: ``policy partial``."""
    content = bytes(outcome.deliveries[copy].content)
    found = []
    for name in (b"Signature", b"Encryption"):
        # The header as a whole may be over the limits of a reader.
        (value,) = re.findall(rb"^X-SMIME-Gateway-%s: ((?:[^\r]|\r\n[ \t])*)\r\n" % name, content, re.MULTILINE)
        parts = re.sub(rb"\r\n[ \t]+", b" ", value).decode().split("; ")
        reason = [part.removeprefix("reason=") for part in parts if part.startswith("reason=")]
        found.append(" ".join([parts[0], *reason]))
    return found[0], found[1]


def body(outcome: Outcome, copy: int = 0) -> bytes:
    """What stands below the header of one copy."""
    content = bytes(outcome.deliveries[copy].content)
    return content[read_header(content).body :]


def mail(entity: bytes, *fields: str, author: str = ALICE) -> bytes:
    """A message around an entity."""
    head = [f"From: {author}", f"To: {HELPDESK}", "Subject: help", "Message-ID: <7@example.com>", *fields]
    return "\r\n".join([*head, "MIME-Version: 1.0", ""]).encode() + entity


def multipart(*parts: bytes, kind: str = "mixed", boundary: str = "x", parameters: str = "") -> bytes:
    """A multipart entity."""
    mark = b"--" + boundary.encode()
    head = f"Content-Type: multipart/{kind}; boundary={boundary}{parameters}\r\n\r\n".encode()
    return head + b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"


def attached(message: bytes) -> bytes:
    """A message/rfc822 entity."""
    return b"Content-Type: message/rfc822\r\n\r\n" + message


def p7m(cms: bytes, kind: str = "application/pkcs7-mime") -> bytes:
    """An entity that holds a CMS object."""
    text = base64.encodebytes(cms).replace(b"\n", b"\r\n")
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode() + text


def clear(content: bytes, cms: bytes, boundary: str = "s") -> bytes:
    """A multipart/signed entity."""
    signature = p7m(cms, "application/pkcs7-signature")
    protocol = '; protocol="application/pkcs7-signature"'
    return multipart(content, signature, kind="signed", boundary=boundary, parameters=protocol)


def attributes(content: bytes, digest: str = "sha256") -> list[bytes]:
    """The signed attributes that there must be."""
    value = hashlib.new(digest, content).digest()
    return [attribute(CONTENT_TYPE, DATA), attribute(MESSAGE_DIGEST, der.octets(value))]


def attribute(kind: bytes, *values: bytes) -> bytes:
    """One attribute."""
    return der.sequence(kind, der.tlv(der.SET, *values))


def signer_info(who: Issued, signed: Sequence[bytes], digest: str = "sha256", key: Any = None) -> bytes:
    """One signature by an EC key over these attributes; ``key``: another than that of ``who``."""
    algorithm = der.sequence(SHA1 if digest == "sha1" else SHA256)
    made_with = ec.ECDSA(hashes.SHA1() if digest == "sha1" else hashes.SHA256())
    signature = (key or who.private_key).sign(der.set_of(signed), made_with)
    return der.sequence(
        der.integer(1),
        issuer_and_serial(who.certificate),
        algorithm,
        der.set_of(signed, 0xA0),
        der.sequence(ECDSA[digest]),
        der.octets(signature),
    )


def signed_data(infos: Iterable[bytes], certificates: Iterable[Issued], content: bytes | None = None,
                digests: tuple[bytes, ...] = (SHA256,)) -> bytes:  # fmt: skip
    """A SignedData, detached where there is no ``content``."""
    inside = b"" if content is None else der.explicit(0, der.octets(content))
    return der.sequence(
        SIGNED_DATA,
        der.explicit(
            0,
            der.sequence(
                der.integer(1),
                der.tlv(der.SET, *(der.sequence(oid) for oid in digests)),
                der.sequence(DATA, inside),
                der.tlv(0xA0, *(issued.der for issued in certificates)),
                der.tlv(der.SET, *infos),
            ),
        ),
    )


def signature(content: bytes, *signers: Issued, opaque: bool = False, chain: bool = True) -> bytes:
    """An honest SignedData by all ``signers``, with the intermediates above them."""
    infos = [signer_info(who, attributes(content)) for who in signers]
    above = [issuer for who in signers for issuer in who.issuers[:-1] if chain]
    unique = {issued.der: issued for issued in (*signers, *above)}
    return signed_data(infos, unique.values(), content if opaque else None)


def signed(content: bytes, *signers: Issued, boundary: str = "s", **options: Any) -> bytes:
    """A clear-signed entity."""
    return clear(content, signature(content, *signers, **options), boundary)


def opaque(content: bytes, *signers: Issued) -> bytes:
    """An opaque-signed entity."""
    return p7m(signature(content, *signers, opaque=True))


def envelope(content: bytes, *to: Issued, cipher: str = "aes-256-cbc", rsa: str = "pkcs1v15") -> bytes:
    """EnvelopedData or AuthEnvelopedData around an entity."""
    return b"".join(encrypt(content, [who.certificate for who in to], cipher, rsa))


def encrypted(content: bytes, *to: Issued, **options: Any) -> bytes:
    """An encrypted entity."""
    return p7m(envelope(content, *to, **options))


def compressed(data: bytes, algorithm: bytes = ZLIB) -> bytes:
    """CompressedData around what zlib made of something."""
    inner = der.sequence(DATA, der.explicit(0, der.octets(data)))
    info = der.sequence(der.integer(0), der.sequence(algorithm), inner)
    return der.sequence(COMPRESSED_DATA, der.explicit(0, info))
