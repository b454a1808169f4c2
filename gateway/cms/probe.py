"""What a blob of bytes is, where labels cannot be trusted."""

from gateway.asn1.ber import Element, Fields
from gateway.cms.content import (
    AUTH_ENVELOPED_DATA,
    COMPRESSED_DATA,
    ENVELOPED_DATA,
    NAMES,
    SIGNED_DATA,
    Octets,
    read_content_info,
)
from gateway.cms.enveloped import auth_enveloped_data, enveloped_data
from gateway.cms.parameter import read_identifier
from gateway.cms.signed import signed_data


def content_type(data: Octets) -> str | None:
    """Return what ``data`` truly is: signed-data, enveloped-data, authenveloped-data or compressed-data.

    The whole outer structure is read, not only its label. None: a ContentInfo that holds something else. Raises
    ``Malformed``, ``LimitExceeded`` for everything that is no ContentInfo or has a broken structure in it.
    """
    kind, content = read_content_info(data)
    read = _READERS.get(kind)
    if read is None:
        return None
    read(content)
    return NAMES[kind]


def _compressed(element: Element) -> None:
    """CompressedData (RFC 3274 §1.1)."""
    fields = Fields(element)
    fields.next().integer()
    read_identifier(fields.next())
    encapsulated = Fields(fields.next())
    encapsulated.next().oid()
    encapsulated.take(0xA0).only().chunks()
    encapsulated.end()
    fields.end()


_READERS = {
    SIGNED_DATA[2:]: signed_data,
    ENVELOPED_DATA[2:]: enveloped_data,
    AUTH_ENVELOPED_DATA[2:]: auth_enveloped_data,
    COMPRESSED_DATA[2:]: _compressed,
}
