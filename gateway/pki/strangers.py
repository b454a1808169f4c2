"""Files that are none of ours, known by how they begin: what each is, and what to do instead."""

import re

from gateway.asn1.der import BIT_STRING, INTEGER, SEQUENCE, context

_JAVA = (
    "a Java key store; export it first: `keytool -importkeystore -srckeystore FILE -destkeystore FILE.p12"
    " -deststoretype PKCS12`"
)
_SSH = "an OpenSSH key, which has no certificate for mail; import the PKCS#12 or PEM that the authority gave you"
_PGP = "a key or a mail of OpenPGP, which S/MIME does not use; ask for the S/MIME certificate"
_PUBLIC = "a public key alone, which says nothing of its owner; import the certificate that holds it"
_REQUEST = "a certificate request: import what the authority made of it"

_BEGINNINGS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\xfe\xed\xfe\xed|\xce\xce\xce\xce"), _JAVA),
    (re.compile(rb"(?:ssh-|ecdsa-sha2-|sk-(?:ssh|ecdsa)-)\S++ AAAA|---- BEGIN SSH2 |PuTTY-User-Key-File-"), _SSH),
    (re.compile(rb"[\x94-\x9b\xc5\xc6]"), _PGP),
    (re.compile(rb"SQLite format 3\0"), "a database, perhaps of Firefox or Thunderbird; export a PKCS#12 from there"),
    (re.compile(rb"PK\x03\x04"), "a ZIP archive; unpack it and import what is in it"),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "a document or mail of Outlook; save the certificate, or the mail as .eml"),
    (re.compile(rb"\s*+<(?:!doctype html|html)", re.IGNORECASE), "a web page, no certificate; download it again"),
)

_LABELS = {
    "OPENSSH PRIVATE KEY": _SSH,
    "SSH2 PUBLIC KEY": _SSH,
    "PUBLIC KEY": _PUBLIC,
    "RSA PUBLIC KEY": _PUBLIC,
    "CERTIFICATE REQUEST": _REQUEST,
    "NEW CERTIFICATE REQUEST": _REQUEST,
    "ATTRIBUTE CERTIFICATE": "an attribute certificate, which holds no key; import the certificate",
}


def by_beginning(data: bytes) -> str | None:
    """Return what a file is by its first octets; None: it is no stranger."""
    return next((text for beginning, text in _BEGINNINGS if beginning.match(data)), None)


def by_label(label: str) -> str | None:
    """Return what a PEM block of that label is; None: it is no stranger."""
    return _PGP if label.startswith("PGP ") else _LABELS.get(label)


def by_structure(tags: list[int], inside: list[int]) -> str | None:
    """Return what one DER SEQUENCE is by the tags of its fields, and of those of the first; None: it is no stranger."""
    if tags == [SEQUENCE, BIT_STRING]:
        return _PUBLIC
    request = [INTEGER, SEQUENCE, SEQUENCE]
    is_request = tags == [SEQUENCE, SEQUENCE, BIT_STRING] and inside in (request, [*request, context(0)])
    return _REQUEST if is_request else None
