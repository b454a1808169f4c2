"""What a blob of bytes is, where labels cannot be trusted: one reading of its whole outer structure, whatever it is."""

from collections.abc import Callable, Mapping

from gateway.asn1 import der
from gateway.asn1.ber import Element
from gateway.cms.compressed import Compressed, compressed_data
from gateway.cms.content import (
    AUTH_ENVELOPED_DATA,
    COMPRESSED_DATA,
    ENVELOPED_DATA,
    NAMES,
    SIGNED_DATA,
    Buffer,
    read_content_info,
)
from gateway.cms.enveloped import Enveloped, auth_enveloped_data, enveloped_data
from gateway.cms.signed import SignedData, signed_data

PEEK = 24
"""Buffer that hold the content type of every kind of ContentInfo there is."""

Parsed = SignedData | Enveloped | Compressed


def read_cms(data: Buffer) -> Parsed | None:
    """Return what ``data`` holds, read once and ready to be verified, decrypted or decompressed.

    None: a ContentInfo that holds something else. Raises ``Malformed``, ``LimitExceeded`` for everything that is no
    ContentInfo or has a broken structure in it.
    """
    kind, content = read_content_info(data)
    read = _READERS.get(kind)
    return None if read is None else read(content)


def content_type(data: Buffer) -> str | None:
    """Return what ``data`` truly is: signed-data, enveloped-data, authenveloped-data or compressed-data.

    The whole outer structure is read, not only its label. None and exceptions as ``read_cms``.
    """
    kind, content = read_content_info(data)
    read = _READERS.get(kind)
    if read is None:
        return None
    read(content)
    return NAMES[kind]


def claims(data: Buffer) -> str | None:
    """Return what ``data`` says it is, as ``content_type``, by its first octets alone; for what could not be read."""
    start = memoryview(data)[:PEEK].tobytes()
    # SEQUENCE, its length in up to five octets, OBJECT IDENTIFIER.
    place = 2 + (start[1] & 0x7F if len(start) > 1 and start[1] > 0x80 else 0)
    if start[:1] != b"\x30" or place > 7:
        return None
    return next((name for oid, name in NAMES.items() if start.startswith(der.tlv(der.OID, oid), place)), None)


_READERS: Mapping[bytes, Callable[[Element], Parsed]] = {
    SIGNED_DATA[2:]: signed_data,
    ENVELOPED_DATA[2:]: enveloped_data,
    AUTH_ENVELOPED_DATA[2:]: auth_enveloped_data,
    COMPRESSED_DATA[2:]: compressed_data,
}
