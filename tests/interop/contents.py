"""What a message must hold in the end: byte for byte where nothing may be re-coded, part by part where it may."""

import email
from typing import Any

from gateway.engine.transaction import Outcome
from gateway.mail.header import read_header


def assert_shows(outcome: Outcome, entity: bytes) -> None:
    """The delivery holds exactly this entity: its Content-* fields, promoted, and its body."""
    content = bytes(outcome.deliveries[0].content)
    header, own = read_header(content), read_header(entity)
    wanted = [own.raw(field) for field in own.fields if field.name.startswith("content-")]
    found = [header.raw(field) for field in header.fields if field.name.startswith("content-")]
    if wanted:
        assert found == wanted
    else:
        assert email.message_from_bytes(content).get_content_type() == "text/plain"
    assert content[header.body :] == entity[own.body :]


def parts(entity: bytes) -> list[tuple[str, Any]]:
    """Type and decoded content of every part, as Python's own library reads them."""
    tree = email.message_from_bytes(entity)
    return [(part.get_content_type(), part.get_payload(decode=True)) for part in tree.walk() if not part.is_multipart()]
