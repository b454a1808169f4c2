"""The seal: a MAC by which a gateway knows a message that it, or another gateway of the same store, already judged.

It covers our own fields (all that claim to be), From, Message-ID, the Content-* fields and the body, in DKIM's relaxed
manner (RFC 6376 §3.4.2: field values unfolded, blanks collapsed; §3.4.3: empty lines at the end do not count), so that
a mail server in between may fold and trace, but nobody may change what we vouched for. A message with a valid seal
keeps its results.
"""

import hmac
import re
from base64 import b64encode
from collections.abc import Collection
from dataclasses import dataclass, field
from hashlib import sha256

from gateway.engine.results import PREFIX, forged_fields
from gateway.mail.header import Header

SEAL = "X-SMIME-Gateway-Seal"
COVERED = ("from", "message-id")
_VERSION = "v1"
_BLANKS = re.compile(rb"[ \t\r\n]{2,}+|[\t\r\n]")
_EMPTY_LINES = tuple(b"\r\n" * count for count in (32_768, 128, 1))


@dataclass(frozen=True, slots=True)
class Sealer:
    """Makes and checks seals under one key, which is derived from the key-encryption key.

    ``authserv_ids``: the ids whose Authentication-Results only we write; they are ours to vouch for.
    """

    key: bytes = field(repr=False)
    authserv_ids: Collection[str]

    def seal(self, header: Header, text: memoryview) -> bytes:
        """Return the seal field for a finished message that has none: its ``header`` and what stands below it."""
        return f"{SEAL}: {_VERSION} {self._mac(header, text)}\r\n".encode()

    def judged_as(self, content: bytes | bytearray, header: Header) -> str | None:
        """Return the record id under which a message with a valid seal was judged; None: it has no valid one."""
        seals = header.named(SEAL.lower())
        ids = header.named(f"{PREFIX}id")
        if len(seals) != 1 or len(ids) != 1:
            return None
        expected = f"{_VERSION} {self._mac(header, memoryview(content)[header.body :])}".encode()
        if not hmac.compare_digest(header.value(seals[0]), expected):
            return None
        return header.value(ids[0]).decode("ascii", "replace")

    def _mac(self, header: Header, text: memoryview) -> str:
        ours = {found.start for found in forged_fields(header, self.authserv_ids) if found.name != SEAL.lower()}
        lines = []
        for found in header.fields:
            if found.start in ours or found.name in COVERED or found.name.startswith("content-"):
                value = _BLANKS.sub(b" ", header.value(found)).strip()
                lines.append(b"%s:%d:%s\n" % (found.name.encode(), len(value), value))
        mac = hmac.new(self.key, b"".join((*lines, b"\n")), sha256)
        mac.update(text[: _end(text)])
        return b64encode(mac.digest()).decode()


def _end(text: memoryview) -> int:
    """Return where the empty lines at the end of ``text`` begin; they are found in long strides first."""
    end = len(text)
    for lines in _EMPTY_LINES:
        while end >= len(lines) and text[end - len(lines) : end] == lines:
            end -= len(lines)
    return end
