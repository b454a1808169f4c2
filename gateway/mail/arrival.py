"""What a message must be to be taken in, before anybody looks into it: its line ends, its size, the path it came.

One check for every way in. What it is told differs, on purpose:

===================  ================================  ======================  ======================================
way in               line ends (SMT-01)                size (SMT-08)           loop (SMT-09)
===================  ================================  ======================  ======================================
SMTP                 seen while they come; the client  the door's, counted     as here
                     is sent away as well              while it comes
milter               CR alone: where LF ends a line    the door's, counted     as here; the mail server counts, too
                     is the mail server's to say       while it comes
``message process``  CR alone: LF is read as CRLF,     any                     as here
                     a mixture with a warning
held mail            not asked: it passed the check when it came, and what is ours to deliver is never refused
===================  ================================  ======================  ======================================
"""

import re
from hashlib import sha256

from gateway.reply import EnhancedCode, Reply, reply

RECEIVED_LIMIT = 100
BARE = reply(550, EnhancedCode.INVALID_CONTENT, "Bare CR or LF in the message; lines end in CR LF")
LOOP = reply(554, EnhancedCode.ROUTING_LOOP, "Mail loop: too many Received fields")
_NO_LINE_END = bytes(set(range(256)) - {0x0D, 0x0A})
_BARE_CR = re.compile(rb"\r(?!\n)")
_RECEIVED = re.compile(rb"^received[ \t]*+:", re.IGNORECASE | re.MULTILINE)
_TRACE = re.compile(rb"(?:(?:received|return-path|delivered-to)[ \t]*+:[^\n]*+\n(?:[ \t][^\n]*+\n)*+)*+", re.IGNORECASE)


def refusal(content: bytes, *, bare: bool | None = None, size: int = 0, limit: int | None = None) -> Reply | None:
    """Return the reply to a message that is not taken in, None for one that is.

    ``bare``: whether a CR or LF stands alone in it; None: that is still to be seen. ``size``: bytes that came, of which
    ``content`` has nothing where they were too many; ``limit`` None: any number is taken.
    """
    if has_bare_line_end(content) if bare is None else bare:
        return BARE
    if limit is not None and size > limit:
        return reply(552, EnhancedCode.TOO_BIG, f"Message too large: {size} bytes; the limit is {limit}")
    return LOOP if looping(content) else None


def has_bare_line_end(data: bytes | bytearray) -> bool:
    """Whether a CR stands without LF or an LF without CR."""
    # Every byte of every message passes here twice, so this is the fastest way found: no CR without LF right behind
    # it, and CR and LF in turn, leave no LF without a CR right before it.
    ends = data.translate(None, _NO_LINE_END)
    return 2 * ends.count(b"\r\n") != len(ends) or _BARE_CR.search(data) is not None


def looping(content: bytes) -> bool:
    """Whether the message has more Received fields than any honest path gives it (RFC 5321 §6.3)."""
    end = content.find(b"\r\n\r\n")
    header = content[: end if end >= 0 else len(content)]
    return len(_RECEIVED.findall(header)) > RECEIVED_LIMIT


def digest(content: bytes) -> bytes:
    """Return the SHA-256 of the content below Received, Return-Path and Delivered-To fields at its very top.

    It is the same at every attempt, though each writes fresh ones.
    """
    top = _TRACE.match(content)
    return sha256(memoryview(content)[top.end() if top else 0 :]).digest()
