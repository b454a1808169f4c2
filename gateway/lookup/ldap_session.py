"""One LDAP session (RFC 4511): bind, one search, and the end; under a deadline, with bounds on all that comes.

Own, for libldap and what builds on it know no deadline while TLS is set up, and no bound on what a server may send.
What it takes here is four messages. References to other servers are not followed, and what is read before TLS begins
does not count.
"""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from gateway.asn1.ber import Element, Fields, pair, read
from gateway.asn1.der import BOOLEAN, INTEGER, OCTET_STRING, SEQUENCE, integer, octets, primitive, sequence, tlv
from gateway.errors import Malformed
from gateway.lookup.answer import NotAnswered
from gateway.lookup.channel import Channel, Deadline

MOST_ENTRIES = 20
MOST_OCTETS = 1 << 20
"""Of one session."""
LONG_FORM = 1 << 7
"""Of a length's first octet: how many follow stands in its other bits (RFC 4511 §5.1, X.690 §8.1.3)."""
_VERSION, _ENUMERATED, _SUBTREE, _NEVER_DEREFERENCE = 3, 0x0A, 2, 0
_BIND, _BOUND, _UNBIND, _SEARCH, _ENTRY, _DONE, _EXTENDED, _EXTENDED_DONE = (
    0x60,
    0x61,
    0x42,
    0x63,
    0x64,
    0x65,
    0x77,
    0x78,
)
_START_TLS = b"1.3.6.1.4.1.1466.20037"
_WELL, _TIME_LIMIT, _SIZE_LIMIT, _REFERRAL = 0, 3, 4, 10
_CODES = {
    1: "operations error",
    2: "protocol error",
    _TIME_LIMIT: "it took too long",
    8: "stronger authentication is asked for",
    _REFERRAL: "it refers to another server, which is not asked",
    13: "confidentiality is asked for: use ldaps, or starttls",
    32: "the base does not exist",
    34: "the base or bind_dn is no name",
    48: "this kind of login is not taken: set bind_dn and password_file",
    49: "bind_dn or its password is wrong",
    50: "it may not be read by this login",
    51: "it is busy",
    52: "it is not available",
    53: "it is unwilling",
}


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for: below ``base``, what ``filter`` (encoded) finds; ``attributes`` are asked for."""

    base: str
    filter: bytes
    attributes: Sequence[str]


class Session:
    """A connection to one server; closed at the end of ``with``. All methods raise ``NotAnswered``, ``OSError``,
    ``Malformed``."""

    def __init__(self, channel: Channel, deadline: Deadline) -> None:
        self._channel = channel
        self._deadline = deadline
        self._incoming = channel.makefile("rb")
        self._left = MOST_OCTETS
        self._number = 0

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._channel.close()

    def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Begin TLS (RFC 4511 §4.14), verified for ``host``."""
        self._send(tlv(_EXTENDED, tlv(primitive(0), _START_TLS)))
        self._check(self._result(_EXTENDED_DONE), "StartTLS")
        self._channel = self._channel.under_tls(context, host)
        self._incoming = self._channel.makefile("rb")

    def bind(self, name: str, password: str) -> None:
        """Log in; two empty texts: as nobody (RFC 4513 §5.1).

        A name without a password would be nobody's login, too, and succeed (§5.1.2).
        """
        if name and not password:
            raise NotAnswered("login: the password is empty")
        self._send(tlv(_BIND, integer(_VERSION), octets(name.encode()), tlv(primitive(0), password.encode())))
        self._check(self._result(_BOUND), "login")

    def search(self, wanted: Search) -> Iterator[Mapping[str, Sequence[bytes]]]:
        """Yield what is found: the values of each entry by attribute, its options left out, in lower case."""
        self._send(
            tlv(
                _SEARCH,
                octets(wanted.base.encode()),
                tlv(_ENUMERATED, bytes((_SUBTREE,))),
                tlv(_ENUMERATED, bytes((_NEVER_DEREFERENCE,))),
                integer(MOST_ENTRIES),
                integer(max(1, int(self._deadline.left()))),
                tlv(BOOLEAN, b"\0"),
                wanted.filter,
                sequence(*(octets(name.encode()) for name in wanted.attributes)),
            )
        )
        for _ in range(10 * MOST_ENTRIES):
            answer = self._received()
            if answer.tag == _DONE:
                return self._check(answer, "search", _SIZE_LIMIT)
            if answer.tag == _ENTRY:
                yield _entry(answer)
        raise NotAnswered("more entries came than were asked for")

    def end(self) -> None:
        """Say goodbye."""
        self._send(tlv(_UNBIND))

    def _send(self, operation: bytes) -> None:
        self._number += 1
        self._channel.send(sequence(integer(self._number), operation))

    def _result(self, tag: int) -> Element:
        return self._received().expect(tag)

    def _received(self) -> Element:
        """Return the next answer to what was sent last; what a server says by itself is passed over."""
        while True:
            fields = Fields(read(self._message()))
            number, operation = fields.take(INTEGER).integer(), fields.next()
            if number == self._number:
                return operation
            if not number:
                raise NotAnswered("the server ended the session")

    def _message(self) -> bytes:
        head = self._octets(2)
        if head[1] == LONG_FORM:
            raise Malformed("an LDAP message of indefinite length")
        if head[1] > LONG_FORM:
            head += self._octets(head[1] & 0x7F)
        size = head[1] if head[1] < LONG_FORM else int.from_bytes(head[2:], "big")
        return head + self._octets(size)

    def _octets(self, size: int) -> bytes:
        if size > self._left:
            raise NotAnswered(f"more than {MOST_OCTETS} octets came")
        self._left -= size
        found = self._incoming.read(size)
        if len(found) != size:
            raise NotAnswered("the server hung up")
        return found

    @staticmethod
    def _check(answer: Element, what: str, *taken: int) -> None:
        code = int.from_bytes(Fields(answer, answer.tag).take(_ENUMERATED).value, "big")
        if code not in (_WELL, *taken):
            raise NotAnswered(f"{what}: {_CODES.get(code, f'result code {code}')}")


def _entry(answer: Element) -> Mapping[str, Sequence[bytes]]:
    found: dict[str, list[bytes]] = {}
    fields = Fields(answer, _ENTRY)
    fields.take(OCTET_STRING)
    for attribute in fields.take(SEQUENCE).children:
        name, values = pair(attribute)
        word = name.value.decode("ascii", "replace").partition(";")[0].lower()
        found.setdefault(word, []).extend(value.value for value in values.children)
    return found
