"""Names of subjects and issuers (X.501): shown as text (RFC 4514), and compared by value (RFC 5280 §7.1).

Read by ourselves, for authorities write characters that their string type does not have, and values that are no
strings; whose name it is does not depend on that. Nothing rests on the text. Names that compare as equal make two
certificates candidates for one another and no more: what decides is always a signature.
"""

import unicodedata
from functools import lru_cache

from gateway.asn1.ber import Element, Fields, pair, read
from gateway.asn1.der import (
    BMP_STRING,
    IA5_STRING,
    NUMERIC_STRING,
    PRINTABLE_STRING,
    SEQUENCE,
    SET,
    TELETEX_STRING,
    UNIVERSAL_STRING,
    UTF8_STRING,
    VISIBLE_STRING,
    oid,
    sequence,
    tlv,
)
from gateway.asn1.oid import Oid
from gateway.errors import Malformed

NameKey = tuple[frozenset[tuple[bytes, bytes | str]], ...]

MAX_DISTINGUISHED = 1024
"""Octets of a Name that is given as text; real ones have some 200."""
_MAX_COMPARED = 2048
"""Octets of a Name that is compared by value."""
_SHOWN = 64
"""Octets of what is shown in hexadecimal."""

_WIDE = {UNIVERSAL_STRING: "utf-32-be", BMP_STRING: "utf-16-be"}
_NARROW = frozenset({UTF8_STRING, NUMERIC_STRING, PRINTABLE_STRING, TELETEX_STRING, IA5_STRING, VISIBLE_STRING})
"""Often UTF-8 or Latin-1, whatever the label."""

_SHORT: dict[str, str] = {
    Oid.COMMON_NAME: "CN",
    Oid.COUNTRY: "C",
    Oid.LOCALITY: "L",
    Oid.STATE: "ST",
    Oid.STREET: "STREET",
    Oid.ORGANIZATION: "O",
    Oid.ORGANIZATIONAL_UNIT: "OU",
    Oid.USER_ID: "UID",
    Oid.DOMAIN_COMPONENT: "DC",
    Oid.EMAIL_ADDRESS: "emailAddress",
}
"""Those of RFC 4514 §3, and the one in which every mail certificate's owner looks for the address."""


# ── as text ──


def rfc4514(name: bytes) -> str:
    """Return a Name (DER) as text; one that is huge or no Name as ``#`` and hexadecimal."""
    return _shown(name) if len(name) <= MAX_DISTINGUISHED else _hexadecimal(name)


@lru_cache(1024)
def _shown(name: bytes) -> str:
    """The same few issuers name everybody's certificates, so what was read once is kept."""
    try:
        return ",".join(map(_relative, reversed(read(name).expect(SEQUENCE).children)))
    except Malformed:
        return _hexadecimal(name)


def _relative(rdn: Element) -> str:
    attributes = rdn.expect(SET).children
    if not attributes:
        raise Malformed("a relative distinguished name without attributes")
    return "+".join(map(_assertion, attributes))


def _assertion(attribute: Element) -> str:
    fields = Fields(attribute)
    kind, value = fields.next().dotted(), fields.next()
    text = _text(value)
    return f"{_SHORT.get(kind, kind)}={_hexadecimal(bytes(value.raw)) if text is None else _escaped(text)}"


def values(name: bytes, kind: str) -> tuple[str, ...]:
    """Return what the strings of one type of attribute say, by its dotted OID; nothing of what is huge or no Name."""
    if len(name) > _MAX_COMPARED:
        return ()
    wanted = oid(kind)
    try:
        attributes = [item for rdn in read(name).expect(SEQUENCE).children for item in rdn.expect(SET).children]
        found = [pair(item)[1] for item in attributes if bytes(item.children[0].raw) == wanted]
    except (Malformed, IndexError):
        return ()
    return tuple(text for value in found if (text := _text(value)) is not None)


def spelt_plainly(name: bytes) -> bytes:
    """Return a Name in which each value is a UTF8String: what it says, or ``#`` and hexadecimal. Raises ``Malformed``.

    Equal Names stay equal, and different ones different, but for a string that begins with ``#``.
    """
    return sequence(
        *(tlv(SET, *map(_plainly, rdn.expect(SET).children)) for rdn in read(name).expect(SEQUENCE).children)
    )


def _plainly(attribute: Element) -> bytes:
    kind, value = pair(attribute)
    text = _text(value)
    return sequence(
        bytes(kind.raw), tlv(UTF8_STRING, (f"#{bytes(value.raw).hex()}" if text is None else text).encode())
    )


def _escaped(text: str) -> str:
    """RFC 4514 §2.4."""
    shown = "".join(f"\\{char}" if char in '\\,;+<>"' else char for char in text).replace("\0", "\\00")
    if shown.startswith(("#", " ")):
        shown = f"\\{shown}"
    return f"{shown[:-1]}\\ " if text.endswith(" ") and len(text) > 1 else shown


def _hexadecimal(der: bytes) -> str:
    return f"#{der[:_SHOWN].hex()}{'...' if len(der) > _SHOWN else ''}"


def _text(value: Element) -> str | None:
    """Return what a string of any type says; None: it is no string."""
    octets = value.value
    try:
        if value.tag in _WIDE:
            return octets.decode(_WIDE[value.tag])
        return octets.decode() if value.tag in _NARROW else None
    except UnicodeDecodeError:
        return octets.decode("latin-1") if value.tag in _NARROW else None


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


# ── compared ──


def same_name(one: bytes, other: bytes) -> bool:
    """Whether two Names (DER) are the same: string types, case and blanks do not count."""
    return one == other or name_key(one) == name_key(other)


def name_key(der: bytes) -> NameKey:
    """Return what equal Names (DER) have in common; one that is huge or does not parse equals only itself.

    RDNs count in their order, the attributes of one RDN in any; values as RFC 4518 prepares them, near enough: NFKC,
    case folded, blanks at the ends gone and others single. What is no string is compared octet by octet.
    """
    return _folded(der) if len(der) <= _MAX_COMPARED else _as_it_stands(der)


def _as_it_stands(der: bytes) -> NameKey:
    return (frozenset(((b"", der),)),)


@lru_cache(maxsize=1024)
def _folded(der: bytes) -> NameKey:
    try:
        return tuple(
            frozenset(map(_attribute, rdn.expect(SET).children)) for rdn in read(der).expect(SEQUENCE).children
        )
    except Malformed:
        return _as_it_stands(der)


def _attribute(element: Element) -> tuple[bytes, bytes | str]:
    fields = Fields(element)
    kind, value = fields.next().oid(), fields.next()
    text = _text(value)
    if text is None or (value.tag == UTF8_STRING and not _is_utf8(value.value)):
        return kind, bytes(value.raw)
    return kind, " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())
