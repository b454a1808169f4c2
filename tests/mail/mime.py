"""Random MIME entities, well and badly formed, and an independent reading of them."""

import email
import email.message
import email.policy

from hypothesis import strategies as st

LINE = st.sampled_from(
    [
        b"",
        b"plain words",
        b"trailing blank ",
        b"trailing tab\t",
        b"From here on",
        b".",
        b"-- ",
        b"--",
        b"--other",
        b"= equals =3D",
        b"x" * 998,
        b"y" * 1200,
        "Grüße".encode(),
        "Привет, мир".encode(),
        b"\xff\xfe\x00 binary",
        b"bare\nfeed",
        b"bare\rreturn",
        b"Content-Transfer-Encoding: 8bit",
        b"x" * 75 + b"--outer-- and more",
    ]
)
BODY = st.lists(LINE, max_size=6).map(b"\r\n".join)
TYPE = st.sampled_from(
    [
        b"",
        b"Content-Type: text/plain; charset=utf-8\r\n",
        b"Content-Type: text/html; \r\n\tcharset=utf-8\r\n",
        b"content-type:application/octet-stream\r\n",
        b'Content-Type: image/png; name="a b.png"\t\r\n \r\n ;x=y \r\n',
    ]
)
ENCODING = st.sampled_from([b"", b"7bit", b"8bit", b"Binary"])
OTHER = st.sampled_from([b"", b"Content-ID: <a@b>\r\n", b"Content-Description: two \r\n  words \r\n"])


@st.composite
def leaf(draw: st.DrawFn) -> bytes:
    """One leaf, its encoding declared or not."""
    encoding = draw(ENCODING)
    field = b"Content-Transfer-Encoding: " + encoding + b"\r\n" if encoding else b""
    return draw(OTHER) + draw(TYPE) + field + draw(OTHER) + b"\r\n" + draw(BODY)


def multipart(children: st.SearchStrategy[list[bytes]], kind: bytes = b"mixed") -> st.SearchStrategy[bytes]:
    """A multipart of these children, its boundary often the beginning of an inner or outer one, never the same."""

    def join(parts: list[bytes], encoding: bytes, depth: int) -> bytes:
        while b"--oute" + b"r" * depth in b"\r\n".join(parts).split(b"\r\n"):
            depth += 1
        boundary = b"oute" + b"r" * depth
        field = b"Content-Transfer-Encoding: " + encoding + b"\r\n" if encoding else b""
        head = b'Content-Type: multipart/%s;\r\n boundary="%s"\r\n%s\r\nPreamble' % (kind, boundary, field)
        body = b"".join(b"\r\n--%s\r\n%s" % (boundary, part) for part in parts)
        return head + body + b"\r\n--%s--\r\nEpilogue\r\n" % boundary

    return st.builds(join, children, st.sampled_from([b"", b"8bit"]), st.integers(1, 9))


def forwarded(child: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """A message/rfc822 part."""
    head = b"Content-Type: message/rfc822\r\n\r\nFrom: alice@x.org\r\nSubject: a \r\n b\r\nMIME-Version: 1.0\r\n"
    return child.map(lambda inner: head + inner)


entities = st.recursive(
    leaf(),
    lambda inner: multipart(st.lists(inner, min_size=1, max_size=3)) | forwarded(inner),
    max_leaves=5,
)


def reading(content: bytes) -> email.message.Message:
    """The standard library's reading."""
    return email.message_from_bytes(content, policy=email.policy.compat32)


def shape(content: bytes) -> list[str]:
    """The content types of all parts in order, as the standard library sees them."""
    return [part.get_content_type() for part in reading(content).walk()]


def leaf_bodies(content: bytes) -> list[bytes]:
    """The decoded bodies of all leaves in order, as the standard library sees them."""
    parts = [part for part in reading(content).walk() if not part.is_multipart()]
    for part in parts:
        # Python takes blanks behind the word for a part of it; RFC 5322 does not.
        if "Content-Transfer-Encoding" in part:
            part.replace_header("Content-Transfer-Encoding", str(part["Content-Transfer-Encoding"]).strip())
    return [part.get_payload(decode=True) or b"" for part in parts]
