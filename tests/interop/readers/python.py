"""Python's own ``email``, old and new policy. A message a line in base64; an answer a line in JSON (see reader.py)."""

import base64
import email
import email.policy
import json
import sys
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses


def leaves(mail: Message) -> list[tuple[str, str | None, str]]:
    """Every part that is no multipart."""
    return [
        (part.get_content_type(), part.get_filename(), base64.b64encode(part.get_payload(decode=True) or b"").decode())
        for part in mail.walk()
        if not part.is_multipart()
    ]


def authors(value: str) -> list[list[str]]:
    """Addresses of a From value as it stands, and decoded first."""
    readings = [value, str(make_header(decode_header(value)))]
    return [[address for _, address in getaddresses([reading])] for reading in readings]


def parsed(message: bytes) -> list[list[str]]:
    """Addresses as the new policy has them."""
    mail = email.message_from_bytes(message, policy=email.policy.default)
    return [[one.addr_spec for one in field.addresses] for field in mail.get_all("from", [])]


def quietly(read, *arguments):
    """What cannot be read is nobody."""
    try:
        return read(*arguments)
    except Exception:
        return []


print("ready", flush=True)
for line in sys.stdin:
    message = base64.b64decode(line)
    old = email.message_from_bytes(message)
    shown = [leaves(old), leaves(email.message_from_bytes(message, policy=email.policy.default))]
    found = [names for value in old.get_all("from", []) for names in quietly(authors, str(value))]
    print(json.dumps({"shown": shown, "authors": found + quietly(parsed, message)}), flush=True)
