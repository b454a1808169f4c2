"""The frame of clear-signed content: whether all MIME readers find the same two parts in it (RFC 8551 §3.5.3).

Readers differ in what they make of sloppy frames: of a delimiter with something behind it, a boundary in two pieces, a
field that stands twice. Whoever frames what somebody else once signed could so have a reader show what nobody signed.
So the frame is read here by its octets and not by the tree, and what some reader takes apart in another way does not
count as signed, though our own reading may be right. Only the frame is looked at, never the signed content itself.

Linear: every expression is possessive, and the lines like a delimiter are found by one search for a literal.
"""

import re
from collections.abc import Container, Iterator
from itertools import islice
from typing import NamedTuple

from gateway.errors import Malformed
from gateway.mail.entity import BOUNDARY_LIMIT, IDENTITY, Entity
from gateway.mail.header import Field, Header

CMS_TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
"""Labels of a CMS object that stands alone."""
SIGNATURE_TYPES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
"""Labels of a signature beside its content."""
UNLABELLED = "application/octet-stream"

_BLANK = rb"(?: |\r?\n[ \t]++)*+"
_TOKEN = rb"[!#$%&'*+.0-9A-Z^_`a-z{|}~-]++"
_QUOTED = rb'"[ !#-\[\]-~]*+"'
_LOOSE = rb"[!#-'*-:<-\[\]-~]++"
_TYPE = re.compile(_BLANK + rb"(" + _TOKEN + rb"(?:/" + _TOKEN + rb")?+" + _BLANK + rb")")
_PARAMETER = re.compile(
    _BLANK + rb";" + _BLANK + rb"(" + _TOKEN + rb") *+= *+(" + _QUOTED + rb"|" + _LOOSE + rb")",
)
_END = re.compile(_BLANK + rb";?+ *+(?:\r?\n)?+\Z")
_TIGHT = re.compile(
    _BLANK + _TOKEN + rb"/" + _TOKEN + rb"(?:;" + _BLANK + _TOKEN + rb"=(?:" + _TOKEN + rb"|" + _QUOTED + rb"))*+"
    rb";?+ *+(?:\r?\n)?+\Z",
)
"""Without blanks around signs of equality or before semicolons, and quoted where it has to be: what Ruby's reader takes
apart by the grammar. All else it takes apart at blanks and semicolons, quoted or not."""
_CLOSED = re.compile(rb"(?:" + _TOKEN + rb"|" + _QUOTED + rb")\Z")
_NAMED = re.compile(rb"name=", re.IGNORECASE)
"""Ruby's reader puts quotes behind it, wherever it stands, and then finds no boundary."""
_PARTED = re.compile(rb"[ ;]")
_EXTENDED = re.compile(rb"[*'%]")
"""What a token may hold (RFC 2045 §5.1) and a value in the words of RFC 2231 §7 may not."""
_PRINTABLE = re.compile(rb"(?:[ -~]|\r?\n[ \t]++(?=[!-~]))*+(?:\r?\n)?+\Z")
_ENCODING = re.compile(rb" ?+base64(?:\r?\n)?+\Z", re.IGNORECASE)
_BOUNDARY = re.compile(rb"(?!<|.*=\?)[!#-:<-\[\]-~](?:[ !#-:<-\[\]-~]*+(?<! ))?+\Z")
_DASHES = re.compile(rb"(?:\A|[\r\n])--")
_LINE_END = re.compile(rb"\r?\n")
_CLOSING = re.compile(rb"--[ \t]*+(?:\r?\n|\Z)")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*+={0,2}+\Z")
_NAME_ENDS = (b".p7s", b".p7m", b".p7c")
_INVISIBLE = bytes(set(range(256)) - set(range(0x21, 0x7F)))


class _Value(NamedTuple):
    """A field value written plainly: ``kind`` in lower case with the blanks behind it, the parameters in order, their
    names in lower case. ``tight``: as ``_TIGHT`` has it."""

    kind: bytes
    parameters: tuple[tuple[bytes, bytes], ...]
    tight: bool

    @property
    def is_loose(self) -> bool:
        """Whether some reader ends a value at a blank or semicolon within it."""
        return not self.tight and any(_PARTED.search(value) for _, value in self.parameters)

    def named(self, name: bytes) -> list[bytes]:
        """Return the values of all parameters of this name, without their quotes."""
        return [value.strip(b'"') for found, value in self.parameters if found == name]


def check_frame(entity: Entity) -> None:
    """Check the frame of a multipart/signed with an S/MIME signature.

    Raises ``Malformed``, whose text names the condition that does not hold.
    """
    if len(entity.children) != 2:
        raise Malformed(f"multipart/signed: {len(entity.children)} parts, not content and signature")
    root, *_ = _values(entity.header, "multipart/signed")
    if root.kind.rstrip() != b"multipart/signed":
        raise Malformed("multipart/signed: its type is not written plainly")
    _check_lines(entity, _boundary(root))
    part, signature = entity.children
    if entity.encoding not in IDENTITY and not all(map(_is_encoded, part.walk())):
        raise Malformed("multipart/signed: a transfer encoding that a part without its own may take over")
    _check_object(signature, "the signature part", SIGNATURE_TYPES, (b".p7s",))


def check_opaque(entity: Entity) -> None:
    """Check an opaque signature that stays as it is: no reader may show it, or what stands beside it, as a text.

    Raises ``Malformed``, whose text names the condition that does not hold.
    """
    _check_object(entity, "the opaque signature", CMS_TYPES, _NAME_ENDS)


def _is_encoded(part: Entity) -> bool:
    """Whether a part says how it is encoded; a reader applies a multipart's encoding to what does not."""
    return bool(part.children or part.header.named("content-transfer-encoding"))


def _values(header: Header, where: str) -> list[_Value]:
    """Return the one Content-Type of a header, and each Content-Disposition, where all is written as it should be."""
    if not header.reads_one_way:
        raise Malformed(f"{where}: a line in its header is no field")
    if header.is_divided:
        raise Malformed(f"{where}: a line of blanks, a CR alone or a NUL in its header")
    types, encodings = header.named("content-type"), header.named("content-transfer-encoding")
    if len(types) != 1:
        raise Malformed(f"{where}: {len(types)} Content-Type fields")
    if len(encodings) > 1:
        raise Malformed(f"{where}: {len(encodings)} Content-Transfer-Encoding fields")
    for field in (*types, *encodings):
        if not _PRINTABLE.match(header.raw(field)):
            raise Malformed(f"{where}: {field.name} holds an octet that is not printable ASCII")
    return [_plain(header, field, where) for field in (*types, *header.named("content-disposition"))]


def _plain(header: Header, field: Field, where: str) -> _Value:
    """Read a value that holds no comment, no escape and nothing between its parameters."""
    raw = bytes(header.content[field.value_start : field.end])
    kind = _TYPE.match(raw)
    if kind is None:
        raise Malformed(f"{where}: {field.name} is not written plainly")
    parameters: list[tuple[bytes, bytes]] = []
    position = kind.end()
    while parameter := _PARAMETER.match(raw, position):
        parameters.append((parameter[1].lower(), parameter[2]))
        position = parameter.end()
    if not _END.match(raw, position):
        raise Malformed(f"{where}: {field.name} is not written plainly")
    if any(b"*" in name for name, _ in parameters):
        raise Malformed(f"{where}: {field.name} has a parameter in an RFC 2231 form")
    return _Value(kind[1].lower(), tuple(parameters), _TIGHT.match(raw) is not None)


def _boundary(root: _Value) -> bytes:
    """Return the boundary where nobody can read another one."""
    others = [(name, value) for name, value in root.parameters if name != b"boundary"]
    if len(others) != len(root.parameters) - 1:
        raise Malformed(f"multipart/signed: {len(root.parameters) - len(others)} parameters boundary")
    if any(b"boundary" in name or b"boundary" in value.lower() for name, value in others):
        raise Malformed("multipart/signed: the word boundary stands in another parameter")
    values = [value for _, value in root.parameters]
    if any(map(_NAMED.search, values)):
        raise Malformed("multipart/signed: what looks like a file name stands in a value")
    if root.is_loose:
        raise Malformed("multipart/signed: a blank or semicolon in a value, and another odd blank or missing quotes")
    (written,) = (value for name, value in root.parameters if name == b"boundary")
    boundary = written.strip(b'"')
    if not _CLOSED.match(written) or (boundary == written and _EXTENDED.search(boundary)):
        raise Malformed("multipart/signed: a boundary that has to be quoted and is not")
    if not _BOUNDARY.match(boundary):
        raise Malformed("multipart/signed: a boundary with octets or blanks that readers take in different ways")
    if len(boundary) > BOUNDARY_LIMIT:
        raise Malformed(f"multipart/signed: a boundary longer than {BOUNDARY_LIMIT} octets")
    return boundary


def _check_lines(entity: Entity, boundary: bytes) -> None:
    """Three lines of the body begin with the delimiter, and none of the preamble with its dashes."""
    content, delimiter = entity.content, b"--" + boundary
    found = list(islice(_lines_beginning(entity, delimiter), 4))
    if len(found) != 3:
        number = "more" if len(found) > 3 else "fewer"
        raise Malformed(f"multipart/signed: {number} than three lines begin with the delimiter")
    first, second, last = found
    if _DASHES.search(content[entity.body : first]):
        raise Malformed("multipart/signed: a line of the preamble begins with dashes")
    if not all(_LINE_END.match(content, start + len(delimiter)) for start in (first, second)):
        raise Malformed("multipart/signed: something stands behind a delimiter")
    if content[last - 1 : last] != b"\n" or not _CLOSING.match(content, last + len(delimiter), entity.end):
        raise Malformed("multipart/signed: no closing delimiter")


def _lines_beginning(entity: Entity, delimiter: bytes) -> Iterator[int]:
    """Yield where lines begin with the delimiter for the most tolerant reader.

    Letter case counts for nothing, nor do blanks, controls and other octets that cannot be seen before it; a lone CR
    ends a line.
    """
    content, position = entity.content, entity.body
    for found in re.compile(re.escape(delimiter), re.IGNORECASE).finditer(content, entity.body, entity.end):
        start = found.start()
        line_end = max(content.rfind(b"\n", position, start), content.rfind(b"\r", position, start))
        begun = position == entity.body or line_end >= 0
        if begun and not content[max(line_end + 1, position) : start].strip(_INVISIBLE):
            yield start
        position = found.end()


def _check_object(part: Entity, where: str, labels: Container[str], ends: tuple[bytes, ...]) -> None:
    """A CMS object for everybody: by one of ``labels``, or none and a name with one of ``ends``."""
    header = part.header
    values = _values(header, where)
    names = [name.lower() for value in values for name in (*value.named(b"name"), *value.named(b"filename"))]
    if not all(name.endswith(_NAME_ENDS) for name in names):
        raise Malformed(f"{where}: a name that does not end in .p7s, .p7m or .p7c")
    label = values[0].kind.decode()
    if label not in labels and not (label == UNLABELLED and any(name.endswith(ends) for name in names)):
        raise Malformed(f"{where}: it is labelled {label}")
    if values[0].is_loose:
        raise Malformed(f"{where}: a blank or semicolon in a value, and another odd blank or missing quotes")
    if values[0].named(b"boundary"):
        raise Malformed(f"{where}: it has a boundary")
    encodings = header.named("content-transfer-encoding")
    if not encodings or not _ENCODING.match(part.content, encodings[0].value_start, encodings[0].end):
        raise Malformed(f"{where}: its transfer encoding is not base64")
    if not _is_base64(part.content[part.body : part.end]):
        raise Malformed(f"{where}: something stands beside its base64")


def _is_base64(text: bytes) -> bool:
    """Whether ``text`` holds whole octets and nothing beside them; that padding was lost is forgiven."""
    digits = text.translate(None, b" \t\r\n")
    return _BASE64.match(digits) is not None and len(digits.rstrip(b"=")) % 4 != 1
