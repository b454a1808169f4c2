"""A customer's mail, and how what became of it is read."""

import itertools

from gateway.mail.header import read_header
from tests.e2e.client import Letter
from tests.e2e.conftest import ALICE, People
from tests.e2e.daemon import SUPPORT
from tests.letters import ENTITY, encrypted, head, signed

_numbers = itertools.count(1)


def sealed(people: People, *fields: str, entity: bytes = ENTITY, to: str = SUPPORT) -> Letter:
    """A mail of Alice's to the helpdesk, signed by her and encrypted to it."""
    message_id, header = _head(fields, to)
    inner = signed(people.issued[ALICE], entity)
    return Letter(message_id, encrypted(header, people.issued[SUPPORT], entity=inner))


def clear(people: People, *fields: str, entity: bytes = ENTITY) -> Letter:
    """A mail of Alice's to the helpdesk with a detached signature."""
    message_id, header = _head(fields, SUPPORT)
    return Letter(message_id, header + signed(people.issued[ALICE], entity))


def _head(fields: tuple[str, ...], to: str) -> tuple[str, bytes]:
    message_id = f"<{next(_numbers)}@customer.example>"
    return message_id, head(*fields, message_id=message_id, to=to).replace(b"alice@customer.example", ALICE.encode())


def names(head: bytes) -> set[str]:
    """The names of the fields in a piece of a header."""
    return {field.name for field in read_header(head + b"\r\n").fields}


def values(content: bytes, name: str) -> list[str]:
    """The values of all fields of that name, unfolded."""
    header = read_header(content)
    return [" ".join(header.value(field).decode().split()) for field in header.named(name)]


def value(content: bytes, name: str) -> str:
    """The value of the topmost field of that name; empty where there is none."""
    return next(iter(values(content, name)), "")
