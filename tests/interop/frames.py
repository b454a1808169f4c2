"""Frames around what somebody once signed, as an attacker draws them: honest but for one to three pieces.

An odd piece comes from the pools of ``odd.py``, or is noise in an honest one.
"""

import base64
from dataclasses import dataclass, fields, replace

from hypothesis import strategies as st

from tests.interop.odd import BOUNDARIES, DISPOSITION, ENCODING, EVIL, ODD, TYPE

LINES = ("outer", "above", "below", "preamble", "before", "after", "epilogue")
"""Pieces that are whole lines, or nothing."""

BITS = [
    b"--", b"b0", b"B0", b"-", b" ", b"\t", b"\x0b", b"\x0c", b"\0", b"\x1f", b"\x7f", b"\xa0", b"\xc2\x85", b"\xff",
    b"\r", b"\r\n", b"\r\n ", b"=", b"=?utf-8?q?b0?=", b'"', b"'", b"\\", b";", b",", b":", b"(", b")", b"<", b"@",
    b"*", b"*0", b"%62", b"x", b"/", b".", b"?", b"boundary=",
]  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """The pieces in the order in which they stand; ``outer`` in the message's header, which may be another."""

    outer: bytes | None = None
    above: bytes | None = None
    field: bytes = b"Content-Type: "
    kind: bytes = b"multipart/signed"
    first: bytes = b'; protocol="application/pkcs7-signature"'
    boundary: tuple[bytes, bytes] = (b'; boundary="b0"', b"b0")
    last: bytes = b"; micalg=sha-256"
    below: bytes | None = None
    preamble: bytes | None = None
    opening: bytes = b""
    between: bytes = b""
    type: bytes = TYPE + b'; name="smime.p7s"'
    encoding: bytes = ENCODING
    disposition: bytes = DISPOSITION
    before: bytes | None = None
    after: bytes | None = None
    closing: bytes = b"--"
    epilogue: bytes | None = None

    def around(self, content: bytes, cms: bytes) -> bytes:
        """The framed entity."""
        parameter, boundary = self.boundary
        label = self.field + self.kind + self.first + parameter + self.last
        lines = [self.above, label, self.below, b"", self.preamble, b"--" + boundary + self.opening, content]
        lines += [b"--" + boundary + self.between, self.type, self.encoding, self.disposition, b"", self.before]
        lines += [base64.encodebytes(cms).strip().replace(b"\n", b"\r\n"), self.after, b"--" + boundary + self.closing]
        return b"".join(line + b"\r\n" for line in [*lines, self.epilogue] if line is not None)


HONEST = Frame()
USUAL = replace(HONEST, boundary=(b'; boundary="----=_Usual"', b"----=_Usual"))
"""Another boundary than any that stands in what is signed."""

_BITS = st.lists(st.sampled_from(BITS), min_size=1, max_size=4).map(b"".join)


def _inserted(honest: bytes, position: int, noise: bytes) -> bytes:
    position %= len(honest) + 1
    return honest[:position] + noise + honest[position:]


def _noise(name: str) -> st.SearchStrategy[bytes]:
    if name not in LINES:
        return st.builds(_inserted, st.just(getattr(HONEST, name)), st.integers(0, 99), _BITS)
    return st.tuples(st.sampled_from([b"", b"X: "]), _BITS, st.sampled_from([b"", EVIL])).map(b"".join)


def _odd(name: str) -> st.SearchStrategy[tuple[str, bytes | tuple[bytes, bytes]]]:
    if name == "boundary":
        return st.tuples(st.just(name), st.sampled_from(BOUNDARIES))
    pool = st.sampled_from(ODD[name])
    return st.tuples(st.just(name), pool | pool | _noise(name))


_NAMES = st.sampled_from([field.name for field in fields(Frame)])
FRAMES = st.lists(_NAMES.flatmap(_odd), min_size=1, max_size=3).map(lambda odd: replace(HONEST, **dict(odd)))
