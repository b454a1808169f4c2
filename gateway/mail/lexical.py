"""What structured header values share (RFC 5322 §3.2): quoted strings and comments.

Everything here is one pass over the value: comments nest by a counter, never by recursion.
"""

import re

from gateway.errors import LimitExceeded, Malformed

COMMENT_DEPTH = 50
"""Comments nested deeper than this are nobody's mail."""

QUOTED_STRING = r'"(?:[^"\\]++|\\.)*+"'

_OUTSIDE = re.compile(rf"((?:[^\"(]++|{QUOTED_STRING})*+)(\(|\Z)", re.DOTALL)
_INSIDE = re.compile(r"(?:[^()\\]++|\\.)*+([()])", re.DOTALL)


def without_comments(text: str) -> str:
    """Return ``text`` with one blank in the place of each comment; quoted strings stay.

    Raises ``Malformed`` when a comment or quoted string does not end, ``LimitExceeded`` when comments nest too deep.
    """
    if "(" not in text:
        return text
    pieces: list[str] = []
    position = 0
    while outside := _OUTSIDE.match(text, position):
        pieces.append(outside[1])
        if not outside[2]:
            return " ".join(pieces)
        position = comment_end(text, outside.end())
    raise Malformed("header value: a quoted string does not end")


def comment_end(text: str, position: int) -> int:
    """Return where the comment ends whose parenthesis stands right before ``position``; raises as above."""
    depth = 1
    while depth:
        step = _INSIDE.match(text, position)
        if step is None:
            raise Malformed("header value: a comment does not end")
        depth += 1 if step[1] == "(" else -1
        if depth > COMMENT_DEPTH:
            raise LimitExceeded(f"header value: comments nested deeper than {COMMENT_DEPTH}")
        position = step.end()
    return position
