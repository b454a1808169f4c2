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
_BLANKS = re.compile(rb"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class Sealer:
    """Makes and checks seals under one key, which is derived from the key-encryption key.

    ``authserv_ids``: the ids whose Authentication-Results only we write; they are ours to vouch for.
    """

    key: bytes = field(repr=False)
    authserv_ids: Collection[str]

    def seal(self, content: bytes | bytearray, header: Header) -> bytes:
        """Return the seal field for a finished message that has none."""
        return f"{SEAL}: {_VERSION} {self._mac(content, header)}\r\n".encode()

    def judged_as(self, content: bytes | bytearray, header: Header) -> str | None:
        """Return the record id under which a message with a valid seal was judged; None: it has no valid one."""
        seals = header.named(SEAL.lower())
        ids = header.named(f"{PREFIX}id")
        if len(seals) != 1 or len(ids) != 1:
            return None
        expected = f"{_VERSION} {self._mac(content, header)}".encode()
        if not hmac.compare_digest(header.value(seals[0]), expected):
            return None
        return header.value(ids[0]).decode("ascii", "replace")

    def _mac(self, content: bytes | bytearray, header: Header) -> str:
        mac = hmac.new(self.key, digestmod=sha256)
        ours = {found for found in forged_fields(header, self.authserv_ids) if found.name != SEAL.lower()}
        for found in header.fields:
            if found in ours or found.name in COVERED or found.name.startswith("content-"):
                value = _BLANKS.sub(b" ", header.value(found)).strip()
                mac.update(b"%s:%d:%s\n" % (found.name.encode(), len(value), value))
        body = memoryview(content)[header.body :]
        end = len(body)
        while end >= 2 and bytes(body[end - 2 : end]) == b"\r\n":
            end -= 2
        mac.update(b"\n")
        mac.update(body[:end])
        return b64encode(mac.digest()).decode()
