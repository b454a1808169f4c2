"""Whose certificates a saved mail brings: those with whose key a signature in it verifies, for its own author.

A mail shows many certificates, and anybody may show anybody's. Only a signer's that names the From in its
subjectAltName is taken; whether he deserves trust, the importing administrator decides.
"""

import re
from itertools import islice

from gateway.cms.rejected import Rejected
from gateway.cms.signed import SignerInfo, content_digests, verify_signer
from gateway.errors import Malformed
from gateway.mail.address import same_mailbox
from gateway.mail.author import read_author
from gateway.mail.entity import read_entity
from gateway.mail.header import Header, read_header
from gateway.pki.certificate import Certificate, read_certificate
from gateway.reason import Reason
from gateway.smime.open import SignedLayer, read_layer

CANDIDATES = 4
"""Certificates of one name that are tried for a signature."""

_FIELD = re.compile(rb"(?:From [^\r\n]*+\r?\n)?[!-9;-~]++:")
"""How a saved mail begins."""


def is_mail(file: bytes) -> bool:
    """Whether a file begins as a mail does and has a From."""
    return _header(_as_sent(file)) is not None


def signers_of(file: bytes) -> list[Certificate] | None:
    """Return the certificates that a mail brings; None: its root is not signed.

    Raises ``Malformed``, and ``Rejected`` where there are none: no-certificate, bad-signature (and what else
    ``cms.signed`` rejects), address-mismatch.
    """
    content = _as_sent(file)
    header = _header(content)
    layer = None if header is None else read_layer(read_entity(content, header=header))
    if header is None or not isinstance(layer, SignedLayer):
        return None
    mine = [certificate for certificate in _signed_by(layer) if _names(certificate, header)]
    if not mine:
        raise Rejected(Reason.ADDRESS_MISMATCH, "no signer's certificate names the From in its subjectAltName")
    return mine


def _header(content: bytes) -> Header | None:
    try:
        header = read_header(content)
    except Malformed:
        return None
    return header if header.named("from") else None


def _as_sent(file: bytes) -> bytes:
    """Return a saved mail with the line ends that it had on its way, without a mailbox file's line before it."""
    start = file.find(b"\n") + 1 if file.startswith(b"From ") else 0
    return file[start:].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if _FIELD.match(file) else b""


def _signed_by(layer: SignedLayer) -> list[Certificate]:
    """Return the certificates with whose keys the signatures verify. Raises ``Rejected`` where there are none."""
    if layer.contradicted:
        raise Rejected(Reason.ALTERED, "the signature carries other content than the mail")
    digests = content_digests(layer.data.signers, layer.content)
    carried = [certificate for item in layer.data.certificates if (certificate := _read(bytes(item))) is not None]
    found: list[Certificate] = []
    why = Rejected(Reason.NO_CERTIFICATE, "no signer's certificate is in the mail")
    for info in layer.data.signers:
        try:
            found += _signer(info, digests[info.digest.name], carried)
        except Rejected as rejected:
            why = rejected
    if not found:
        raise why
    return list(dict.fromkeys(found))


def _signer(info: SignerInfo, digest: bytes, carried: list[Certificate]) -> list[Certificate]:
    """Return the certificate that the signature was made with, or none where it is not there. Raises ``Rejected``."""
    rejected: Rejected | None = None
    for certificate in islice((item for item in carried if info.signer.names(item)), CANDIDATES):
        try:
            verify_signer(info, digest, certificate)
        except Rejected as error:
            rejected = error
        else:
            return [certificate]
    if rejected is not None:
        raise rejected
    return []


def _names(certificate: Certificate, header: Header) -> bool:
    author = read_author(header).address
    return author is not None and any(same_mailbox(author, address) for address in certificate.addresses)


def _read(der: bytes) -> Certificate | None:
    try:
        return read_certificate(der)
    except Malformed:
        return None
