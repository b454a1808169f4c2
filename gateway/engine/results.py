"""Result fields: which fields of a message claim to be ours (RFC 8601 §5)."""

import re
from collections.abc import Collection

from gateway.mail.address import folded
from gateway.mail.header import Field, Header

PREFIX = "x-smime-gateway-"
"""Every field of the gateway begins so, in any spelling."""

_COMMENT = re.compile(rb"\([^()\\]*(?:\\.[^()\\]*)*\)")


def forged_fields(header: Header, authserv_ids: Collection[str]) -> list[Field]:
    """Return the fields that only we may write: our prefix, and Authentication-Results under one of our ids."""
    ours = {_domain(id_) for id_ in authserv_ids}
    return [field for field in header.fields if field.name.startswith(PREFIX) or _claims(header, field, ours)]


def _claims(header: Header, field: Field, ours: Collection[str]) -> bool:
    return field.name == "authentication-results" and _authserv_id(header.value(field)) in ours


def _authserv_id(value: bytes) -> str:
    """Return the compared form of the id: comments, quotes, version and case do not count."""
    count = 1
    while count:
        value, count = _COMMENT.subn(b" ", value)
    first = value.partition(b";")[0].strip()
    token = first[1:].partition(b'"')[0].replace(b"\\", b"") if first.startswith(b'"') else first.split(maxsplit=1)[:1]
    text = token if isinstance(token, bytes) else b"".join(token)
    return _domain(text.decode("utf-8", "replace"))


def _domain(text: str) -> str:
    return folded(f"x@{text}").partition("@")[2]
