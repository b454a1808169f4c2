"""Text around DER: PEM (RFC 7468, and RFC 1421 headers) and bare base64, in whatever state editors, shells, chats and
mail left them.

UTF-16 and byte order marks (PowerShell, Notepad), line ends of every kind or none, blanks, quotation marks of mail,
``\\n`` written out (JSON, environment variables). Text between blocks is left out. LDIF, vCard and JSON hold base64
without any of it (``embedded``).
"""

import base64
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator

_MARK = re.compile(rb"-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----")
_WIDE = re.compile(rb"[\t\n\r -~]\0[\t\n\r -~]\0|\0[\t\n\r -~]\0[\t\n\r -~]")
"""How text in UTF-16 begins where nothing marks it; no DER does."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/]++={0,2}")
_MARGIN = b"> \t"
"""What mail programs put in front of quoted lines."""


def narrow(data: bytes) -> bytes:
    """Return text in UTF-16 as UTF-8, and take off a byte order mark; anything else as it is."""
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return data.decode("utf-16", "replace").encode("utf-8", "replace")
    if _WIDE.match(data):
        return data.decode("utf-16-le" if data[1] == 0 else "utf-16-be", "replace").encode("utf-8", "replace")
    return data.removeprefix(BOM_UTF8)


def has_blocks(data: bytes) -> bool:
    """Whether something looks like PEM in it."""
    return b"-----BEGIN " in data


def blocks(data: bytes) -> Iterator[tuple[str, list[bytes] | None]]:
    """Yield label and lines of each PEM block; None: the block has no proper end."""
    label: str | None = None
    lines: list[bytes] = []
    for line in _lines(data):
        mark = _MARK.fullmatch(line)
        if mark and label is not None:
            yield label, lines if mark[1] == b"END" and mark[2].decode() == label else None
            label = None
        if mark and mark[1] == b"BEGIN":
            label, lines = mark[2].decode(), []
        elif label is not None and (line or lines):
            lines.append(line)
    if label is not None:
        yield label, None


def _lines(data: bytes) -> Iterator[bytes]:
    """Every mark becomes a line of its own."""
    plain = data.replace(rb"\r", b"").replace(rb"\n", b"\n")
    for line in _MARK.sub(rb"\n\g<0>\n", plain).splitlines():
        yield line.lstrip(_MARGIN).strip()


def unarmoured(lines: list[bytes]) -> bytes:
    """Return what the base64 of a block holds. Raises ``ValueError``."""
    return base64.b64decode(b"".join(b"".join(lines).split()), validate=True)


def bare_base64(data: bytes) -> bytes | None:
    """Return what a file holds that is base64 and nothing else, and DER by its first letter; else None."""
    packed = b"".join(data.split())
    plain = packed.rstrip(b"=")
    if not plain.startswith(b"M") or len(plain) % 4 == 1 or not _BASE64.fullmatch(packed):
        return None
    return base64.b64decode(plain + b"=" * (-len(plain) % 4))


_RUN = re.compile(rb"(?<![A-Za-z0-9+/])MI[A-Za-z0-9+/]{100,}+={0,2}")
"""The base64 of a SEQUENCE of 128 octets or more, in one line."""
_FOLD = re.compile(rb"\r?\n[ \t]")


def embedded(data: bytes) -> Iterator[bytes]:
    """Yield what text holds in base64 that may be DER, as LDIF (RFC 2849), vCard (RFC 6350) and JSON do."""
    for run in _RUN.finditer(_FOLD.sub(b"", data)):
        packed = run[0].rstrip(b"=")
        if len(packed) % 4 != 1:
            yield base64.b64decode(packed + b"=" * (-len(packed) % 4))
