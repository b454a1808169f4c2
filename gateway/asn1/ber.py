"""Bounded BER and DER reader over one memoryview (ITU-T X.690 §8).

``read`` turns bytes into a tree of ``Element``. Nothing is copied, joined or normalised: an element knows where it
stands, so that signed bytes can be hashed as they came, and an OCTET STRING in segments is given as a list of slices.

Elements of definite length find their children when asked; those of indefinite length had to be walked to find their
end and keep what was found, so that the work is linear in the size of the input. Depth, elements and segments are
limited. Only ``Malformed`` and ``LimitExceeded`` are raised.

It does not check that an encoding is DER, and knows no tag numbers above 30: CMS, X.509 and PKCS#12 have none.
"""

from gateway.asn1.der import CONSTRUCTED, INTEGER, OCTET_STRING, OID, SEQUENCE, SET
from gateway.errors import LimitExceeded, Malformed

DEPTH = 50
ELEMENTS = 20_000
SEGMENTS = 100_000
"""OCTET STRINGs; only content in segments has many of them. One element of another kind counts as five of them."""
INTEGER_SIZE = 128
OID_SIZE = 128

_WEIGHT = SEGMENTS // ELEMENTS
_INDEFINITE = 0x80
_ONE_OCTET, _TWO_OCTETS = 0x81, 0x82
_LONGEST = 0x88


class _Source:
    """The bytes, and how much more may be read from them."""

    __slots__ = ("budget", "octets", "view")

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self.octets = data
        self.view = memoryview(data)
        self.budget = SEGMENTS


class Element:
    """One element: ``tag`` is its identifier octet, constructed bit included; offsets count from the start of input.

    Header from ``start``, content from ``content`` to ``end``, next element at ``stop``.
    """

    __slots__ = ("_children", "_depth", "_source", "content", "end", "start", "stop", "tag")

    _children: "list[Element] | None"

    def __init__(self, source: _Source, start: int, limit: int, depth: int) -> None:
        octets = source.octets
        if limit - start < 2:
            raise Malformed(f"ASN.1 element cut short at offset {start}")
        self._source = source
        self._depth = depth
        self._children = None
        self.start = start
        self.tag = tag = octets[start]
        length = octets[start + 1]
        source.budget -= 1 if tag == OCTET_STRING else _WEIGHT
        if source.budget < 0:
            raise LimitExceeded(f"more than {ELEMENTS} elements or {SEGMENTS} octet strings in one ASN.1 structure")
        if tag & 0x1F == 0x1F:
            raise Malformed(f"ASN.1 tag number above 30 at offset {start}")
        if length < _INDEFINITE:
            self.content = start + 2
            self.stop = self.end = start + 2 + length
        elif length == _ONE_OCTET and limit - start > 2:
            self.content = start + 3
            self.stop = self.end = start + 3 + octets[start + 2]
        elif length == _TWO_OCTETS and limit - start > 3:
            self.content = start + 4
            self.stop = self.end = start + 4 + (octets[start + 2] << 8 | octets[start + 3])
        else:
            self._long(length, limit)
        if self.stop > limit:
            raise Malformed(f"ASN.1 element at offset {start} reaches beyond the end")

    def _long(self, first: int, limit: int) -> None:
        """Find content and end where the length has more than one octet or is indefinite (X.690 §8.1.3)."""
        if first == _INDEFINITE:
            self.content = self.start + 2
            self._walk(limit)
            return
        self.content = self.start + 2 + (first & 0x7F)
        if first > _LONGEST or self.content > limit:
            raise Malformed(f"ASN.1 length at offset {self.start} is not possible")
        length = int.from_bytes(self._source.octets[self.start + 2 : self.content], "big")
        self.stop = self.end = self.content + length

    def _walk(self, limit: int) -> None:
        """Read the children of an element of indefinite length, up to the end-of-contents octets (X.690 §8.1.5)."""
        octets = self._source.octets
        at = self.content
        self._enter()
        depth = self._depth + 1
        self._children = children = []
        while limit - at >= 2 and (octets[at] or octets[at + 1]):
            child = Element(self._source, at, limit, depth)
            children.append(child)
            at = child.stop
        self.end = at
        self.stop = at + 2

    def _enter(self) -> None:
        """Make sure that there may be elements inside."""
        if not self.tag & CONSTRUCTED:
            raise Malformed(f"ASN.1 element at offset {self.start} is primitive where a constructed one must stand")
        if self._depth >= DEPTH:
            raise LimitExceeded(f"ASN.1 nesting deeper than {DEPTH}")

    @property
    def children(self) -> "list[Element]":
        """The elements inside a constructed element."""
        if self._children is None:
            if not self.tag & CONSTRUCTED or self._depth >= DEPTH:
                self._enter()
            depth, at, end, source = self._depth + 1, self.content, self.end, self._source
            children: list[Element] = []
            while at < end:
                child = Element(source, at, end, depth)
                children.append(child)
                at = child.stop
            self._children = children
        return self._children

    @property
    def indefinite(self) -> bool:
        """Whether the length is indefinite, so that the encoding cannot be DER."""
        return self.stop != self.end

    @property
    def raw(self) -> memoryview:
        """The whole element as it stands, header included."""
        return self._source.view[self.start : self.stop]

    @property
    def value(self) -> bytes:
        """The content octets."""
        return bytes(self._source.octets[self.content : self.end])

    def expect(self, *tags: int) -> "Element":
        """Return self if its tag is one of ``tags``."""
        if self.tag not in tags:
            wanted = " or ".join(f"{tag:#04x}" for tag in tags)
            raise Malformed(f"ASN.1 tag {self.tag:#04x} at offset {self.start}, {wanted} must stand there")
        return self

    def oid(self) -> bytes:
        """Return the content octets of an OBJECT IDENTIFIER."""
        if self.tag != OID:
            self.expect(OID)
        return bytes(self._source.octets[self.content : self.end])

    def dotted(self) -> str:
        """Return an OBJECT IDENTIFIER of at most ``OID_SIZE`` octets as text, e.g. ``2.5.29.17``."""
        octets = self.oid()
        if not 0 < len(octets) <= OID_SIZE or octets[-1] & 0x80:
            raise Malformed(
                f"OBJECT IDENTIFIER of {len(octets)} octets at offset {self.start} is cut short or too long"
            )
        arcs, arc = [], 0
        for octet in octets:
            arc = arc << 7 | octet & 0x7F
            if not octet & 0x80:
                arcs.append(arc)
                arc = 0
        root = min(arcs[0] // 40, 2)
        return ".".join(map(str, (root, arcs[0] - 40 * root, *arcs[1:])))

    def integer(self) -> int:
        """Return the value of an INTEGER of at most ``INTEGER_SIZE`` octets."""
        size = self.expect(INTEGER).end - self.content
        if not 0 < size <= INTEGER_SIZE:
            raise Malformed(f"INTEGER of {size} octets at offset {self.start}")
        return int.from_bytes(self._source.view[self.content : self.end], "big", signed=True)

    def only(self) -> "Element":
        """Return the one child, as under an explicit tag."""
        items = self.children
        if len(items) != 1:
            raise Malformed(f"{len(items)} ASN.1 elements at offset {self.content}, one must stand there")
        return items[0]

    def chunks(self, tag: int = OCTET_STRING) -> list[memoryview]:
        """Return the segments of an OCTET STRING without joining them; ``tag`` is its implicit tag, if it has one."""
        self.expect(tag, tag | CONSTRUCTED)
        found: list[memoryview] = []
        self._collect(found)
        return found

    def _collect(self, found: list[memoryview]) -> None:
        view = self._source.view
        if not self.tag & CONSTRUCTED:
            found.append(view[self.content : self.end])
            return
        for child in self.children:
            if child.tag == OCTET_STRING:
                found.append(view[child.content : child.end])
            else:
                child.expect(OCTET_STRING | CONSTRUCTED)._collect(found)

    def octets(self, tag: int = OCTET_STRING) -> bytes:
        """Return a short OCTET STRING in one piece; ``tag`` as in ``chunks``."""
        if self.tag == tag:
            return bytes(self._source.octets[self.content : self.end])
        return b"".join(self.chunks(tag))


class Fields:
    """The fields of a SEQUENCE, taken one after another."""

    __slots__ = ("_at", "_element", "_items")

    def __init__(self, element: Element, tag: int = SEQUENCE) -> None:
        if element.tag != tag:
            element.expect(tag)
        self._element = element
        self._items = element.children
        self._at = 0

    def next(self) -> Element:
        """Return the next field, whatever it is."""
        try:
            item = self._items[self._at]
        except IndexError:
            raise Malformed(f"ASN.1 sequence at offset {self._element.start} ends too early") from None
        self._at += 1
        return item

    def take(self, *tags: int) -> Element:
        """Return the next field, which must bear one of ``tags``."""
        item = self.next()
        return item if item.tag in tags else item.expect(*tags)

    def skip_version(self) -> None:
        """Take the next field, which must be an INTEGER of one octet: no version ever had more."""
        version = self.next()
        if version.tag != INTEGER:
            version.expect(INTEGER)
        if version.end - version.content != 1:
            raise Malformed(f"a version of {version.end - version.content} octets at offset {version.start}")

    def optional(self, *tags: int) -> Element | None:
        """Return the next field if it bears one of ``tags``, else None."""
        for item in self._items[self._at : self._at + 1]:
            if item.tag in tags:
                self._at += 1
                return item
        return None

    def end(self) -> None:
        """Make sure that no field is left."""
        if self._items[self._at :]:
            raise Malformed(f"ASN.1 sequence at offset {self._element.start} has more fields than it may")


def read(data: bytes | bytearray | memoryview) -> Element:
    """Return the one element that ``data`` is. Raises ``Malformed``, ``LimitExceeded``."""
    element = first(data)
    if element.stop != len(data):
        raise Malformed(f"{len(data) - element.stop} octets after the end of the ASN.1 structure")
    return element


def first(data: bytes | bytearray | memoryview) -> Element:
    """Return the element that ``data`` begins with, whatever follows it. Raises ``Malformed``, ``LimitExceeded``."""
    return Element(_Source(data), 0, len(data), 1)


def pair(element: Element) -> tuple[Element, Element]:
    """Return the two fields that a SEQUENCE must have."""
    items = element.expect(SEQUENCE).children
    if len(items) != 2:
        raise Malformed(f"{len(items)} fields in the ASN.1 sequence at offset {element.start}, two must stand there")
    return items[0], items[1]


def members(element: Element, limit: int, tag: int = SET) -> list[Element]:
    """Return the members of a SET OF, at most ``limit``."""
    if element.tag != tag:
        element.expect(tag)
    items = element.children
    if len(items) > limit:
        raise LimitExceeded(f"{len(items)} members in a set at offset {element.start}, at most {limit} are read")
    return items
