"""The seal: a MAC by which a gateway knows a message that it, or another gateway of the same store, already judged.

It is for the next door of the same path. It covers the body, the time, what was withdrawn so far (trust, certificates,
keys), and, name by name, number, order and values of the fields that say who wrote what (``COVERED``), of the
Content-* fields and of our own, all that claim to be. Values count exactly but for folding, and for blanks right
behind the colon; empty lines at the end of the body do not count. So a mail server in between may fold, trace and add
a Date that was missing, but nobody may change what we vouched for, and no message stays vouched for when somebody who
vouched for it is no longer believed. A header in which some reader finds a field, or its end, where another does not
breaks it wherever that is.

The seal also holds a few bits of every part by themselves. They prove nothing; they tell which part was changed.
"""

import hmac
import re
from binascii import b2a_base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from operator import itemgetter

from gateway.engine.results import PREFIX, folded_field, forged_fields
from gateway.engine.wants import Withdrawals
from gateway.mail.header import Field, Header
from gateway.story import Story, ask

SEAL = "X-SMIME-Gateway-Seal"
COVERED = ("From", "Sender", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version")
CONTENT = ("Content-Type", "Content-Transfer-Encoding", "Content-Disposition")
OTHER_CONTENT = "Content-*"
OURS = "X-SMIME-Gateway-*"
RESULTS = "Authentication-Results"
BODY = "body"
PARTS = (*COVERED, *CONTENT, OTHER_CONTENT, RESULTS, OURS, BODY)
"""What is told apart when a seal does not hold, in this order."""
LINES = "line"
EXPIRED = "expired"
_VERSION = "v2"
_SEAL_NAME = SEAL.lower()
_NAME = itemgetter(0)
_BY_NAME = {name.lower(): name for name in (*COVERED, *CONTENT)}
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_EMPTY_LINES = tuple(b"\r\n" * count for count in (32_768, 128, 1))


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a message was judged (seconds since 1970) and under what: withdrawals so far, and the legacy rule, 0 the
    strictest."""

    at: int
    withdrawals: int
    legacy: int

    def words(self) -> str:
        """Return it as it stands in a seal."""
        return f"{_VERSION} t={self.at} w={self.withdrawals} l={self.legacy}"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a message's seal says. ``fault``: the part that was changed, ``line`` or ``expired``; None: it holds.

    ``id``: the record under which the message was judged, ``decrypted``: it was opened then; both only where the MAC
    is right, which it may be though the seal expired.
    """

    fault: str | None
    id: str | None = None
    decrypted: bool = False

    @property
    def arrived(self) -> bool:
        """Whether the message is one that was judged, whenever that was."""
        return self.id is not None


@dataclass(frozen=True, slots=True)
class Sealer:
    """Makes and reads seals under one MAC key of the store.

    ``authserv_ids``: the ids whose Authentication-Results only we write; they are ours to vouch for.
    ``legacy``: the rule on legacy algorithms now. ``withdrawals``, below: how many there were so far.
    """

    key: bytes = field(repr=False)
    authserv_ids: Collection[str]
    good_for: timedelta = timedelta(days=5)
    legacy: int = 0

    def stamp(self, at: datetime, withdrawals: int) -> Stamp:
        """Return the stamp of a message that is about to be judged."""
        return Stamp(int(at.timestamp()), withdrawals, self.legacy)

    def seal(self, header: Header, text: memoryview, stamp: Stamp) -> bytes:
        """Return the seal field for a finished message that has none: its ``header`` and what stands below it."""
        parts = self._parts(header, text)
        words = (stamp.words(), *self._hints(parts), f"mac={self._mac(stamp, parts)}")
        return folded_field(SEAL, " ".join(words))

    def read(self, content: bytes | bytearray, header: Header, at: datetime, withdrawals: int) -> Mark | None:
        """Return what the seal of a message says that came at this time; None: it has none."""
        seals, ids = header.named(_SEAL_NAME), header.named(f"{PREFIX}id")
        if not seals:
            return None
        if len(seals) > 1:
            return Mark(SEAL)
        if not header.reads_one_way or header.is_divided:
            return Mark(LINES)
        said = dict(word.partition("=")[::2] for word in header.value(seals[0]).decode("ascii", "replace").split())
        try:
            stamp = Stamp(int(said["t"]), int(said["w"]), int(said["l"]))
        except (KeyError, ValueError):
            return Mark(SEAL)
        parts = self._parts(header, memoryview(content)[header.body :])
        if "Date" not in said and len(header.named("date")) == 1:
            del parts["Date"]
        if not hmac.compare_digest(said.get("mac", "").encode(), self._mac(stamp, parts).encode()) or len(ids) != 1:
            return Mark(self._changed(said, parts))
        told = header.named(f"{PREFIX}encryption")
        decrypted = any(header.value(each).startswith(b"decrypted") for each in told)
        fault = None if self._holds(stamp, at, withdrawals) else EXPIRED
        return Mark(fault, header.value(ids[0]).decode("ascii", "replace"), decrypted)

    def _holds(self, stamp: Stamp, at: datetime, withdrawals: int) -> bool:
        age = abs(at.timestamp() - stamp.at)
        same = stamp.withdrawals == withdrawals
        return age <= self.good_for.total_seconds() and stamp.legacy <= self.legacy and same

    def _changed(self, said: Mapping[str, str], parts: Mapping[str, bytes]) -> str:
        hints = dict(hint.partition("=")[::2] for hint in self._hints(parts))
        return next((part for part in PARTS if hints.get(part) != said.get(part)), SEAL)

    def _parts(self, header: Header, text: memoryview) -> dict[str, bytes]:
        """Return what is covered of each part that is there."""
        ours = {found.start for found in forged_fields(header, self.authserv_ids)}
        parts: dict[str, bytearray] = {}
        for found in sorted(header.fields, key=_NAME):
            part = _part(found.name, found.start in ours)
            if part is not None:
                value = _exact(header, found)
                covered = parts.setdefault(part, bytearray())
                covered += b"%s:%d:%s\n" % (found.name.encode(), len(value), value)
        return {part: bytes(values) for part, values in parts.items()} | {BODY: sha256(text[: _end(text)]).digest()}

    def _hints(self, parts: Mapping[str, bytes]) -> list[str]:
        return [
            f"{part}={_text(hmac.digest(self.key, b'hint' + parts[part], 'sha256')[:6])}"
            for part in PARTS
            if part in parts
        ]

    def _mac(self, stamp: Stamp, parts: Mapping[str, bytes]) -> str:
        covered = b"".join([b"%d:%s\n" % (len(parts[part]), parts[part]) for part in PARTS if part in parts])
        return _text(hmac.digest(self.key, b"%s\n%s" % (stamp.words().encode(), covered), "sha256"))


def _part(name: str, ours: bool) -> str | None:
    """Return the part to which a field belongs; None: it may change."""
    if name == _SEAL_NAME:
        return None
    if ours:
        return OURS if name.startswith(PREFIX) else RESULTS
    if name in _BY_NAME:
        return _BY_NAME[name]
    return OTHER_CONTENT if name.startswith("content-") and name != "content-length" else None


def _exact(header: Header, found: Field) -> bytes:
    """Return a field's value with its lines joined (RFC 5322 §2.2.3), without the blanks right behind the colon."""
    value = header.folded(found)
    value = value[:-1] if value[-1:] == b"\n" else value
    value = value[:-1] if value[-1:] == b"\r" else value
    return (_FOLD.sub(b"", value) if b"\n" in value else value).lstrip(b" \t")


def _text(octets: bytes) -> str:
    return b2a_base64(octets, newline=False).decode()


def _end(text: memoryview) -> int:
    """Return where the empty lines at the end of ``text`` begin; they are found in long strides first."""
    end = len(text)
    for lines in _EMPTY_LINES:
        while end >= len(lines) and text[end - len(lines) : end] == lines:
            end -= len(lines)
    return end


def read_mark(sealer: Sealer, content: bytes | bytearray, header: Header, at: datetime) -> Story[Mark | None]:
    """Return as ``Sealer.read``, inside a story; nobody is asked of a message without a seal."""
    if not header.named(_SEAL_NAME):
        return None
    return sealer.read(content, header, at, (yield from ask(Withdrawals())))
