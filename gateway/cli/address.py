"""Addresses that somebody typed: what is none is said beside what was typed."""

from gateway.cli.printing import visible
from gateway.errors import Malformed, Refused
from gateway.mail.address import parse_path


def typed_address(text: str, *, null: bool = False, postmaster: bool = False) -> str:
    """Return an address as ``parse_path`` does. Raises ``Refused``, which quotes what is wrong."""
    try:
        return parse_path(text, null=null, postmaster=postmaster)
    except Malformed as error:
        raise Refused(f'"{visible(text)}" is no {error}') from error
