"""The mail addresses in a certificate's subjectAltName (RFC 5280 §4.2.1.6, RFC 9598).

Two forms of mail name count: rfc822Name, ASCII only, and SmtpUTF8Mailbox, only with a non-ASCII local part and only
with an A-label domain. A name that is not exactly one plain addr-spec is left out: control characters, NUL, blanks, a
second ``@``, display names and the like never take part in a comparison. Names are kept as written; who compares
folds them.
"""

import re

from gateway.asn1.ber import Element, Fields, read
from gateway.asn1.der import SEQUENCE, UTF8_STRING, context, primitive
from gateway.asn1.oid import Oid
from gateway.errors import LimitExceeded, Malformed

MAX_NAMES = 1000
MAX_ADDRESS = 64 + 1 + 255
"""Bytes: local part, ``@`` and domain at their largest (RFC 5321 §4.5.3.1)."""

RFC822_NAME, OTHER_NAME = primitive(1), context(0)

_ATOM = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]"
_TEXT = r"[\x21\x23-\x5b\x5d-\x7e]|\\[\x21-\x7e]"
_DOMAIN = r"(?:[A-Za-z0-9._-]++|\[[\x21-\x3f\x41-\x5a\x5e-\x7e]++\])"
_ASCII = re.compile(rf'(?:{_ATOM}++|"(?:{_TEXT})*+")@{_DOMAIN}')
_UTF8 = re.compile(rf'(?:(?:{_ATOM}|[^\x00-\x7f])++|"(?:{_TEXT}|[^\x00-\x7f])*+")@{_DOMAIN}')


def usable_ascii(address: str) -> bool:
    """Whether ``address`` is one plain ASCII addr-spec."""
    return len(address) <= MAX_ADDRESS and _ASCII.fullmatch(address) is not None


def usable_utf8(address: str) -> bool:
    """Whether ``address`` is one printable addr-spec with a non-ASCII local part and an ASCII domain (RFC 9598 §3)."""
    fits = len(address.encode()) <= MAX_ADDRESS and address.isprintable() and not address.isascii()
    return fits and _UTF8.fullmatch(address) is not None


def mail_names(value: bytes | None) -> tuple[str, ...]:
    """Return the usable mail names of a subjectAltName extension's value, in order. Raises ``Malformed``."""
    if value is None:
        return ()
    found: list[str] = []
    for count, name in enumerate(read(value).expect(SEQUENCE).children):
        if count >= MAX_NAMES:
            raise LimitExceeded(f"the certificate has more than {MAX_NAMES} alternative names")
        address = _address(name)
        if address is not None and address not in found:
            found.append(address)
    return tuple(found)


def _address(name: Element) -> str | None:
    if name.tag == RFC822_NAME:
        address = name.value.decode("latin-1")
        return address if usable_ascii(address) else None
    if name.tag == OTHER_NAME:
        return _smtp_utf8_mailbox(name)
    return None


def _smtp_utf8_mailbox(name: Element) -> str | None:
    fields = Fields(name, OTHER_NAME)
    kind, value = fields.next().dotted(), fields.take(OTHER_NAME)
    if kind != Oid.SMTP_UTF8_MAILBOX:
        return None
    try:
        address = value.only().expect(UTF8_STRING).value.decode()
    except UnicodeDecodeError as error:
        raise Malformed("an SmtpUTF8Mailbox is not UTF-8") from error
    return address if usable_utf8(address) else None
