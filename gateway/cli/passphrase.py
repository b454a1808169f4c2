"""Passphrase files: one passphrase a line, in UTF-8, UTF-16 or code page 1252; what stands in them is never shown."""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path

import click

from gateway.errors import Refused
from gateway.pki.passphrase import CODE_PAGE

MAX_SIZE = 64 * 1024

passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with the passphrase; several lines: each is tried.",
)


def read_passphrases(path: Path | None) -> list[bytes]:
    """Return the lines of a passphrase file in UTF-8, without line ends and empty ones. Raises ``OSError``."""
    if path is None:
        return []
    with path.open("rb") as file:
        content = file.read(MAX_SIZE + 1)
    lines = [_utf_8(line) for line in (line.rstrip(b"\r") for line in _narrow(content).split(b"\n")) if line]
    if len(content) > MAX_SIZE or not lines:
        raise Refused(f"{path} is no passphrase file: write one passphrase a line")
    return lines


def _narrow(content: bytes) -> bytes:
    """Take off the byte order mark that Windows editors and shells write, and the UTF-16 that goes with some."""
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return content.decode("utf-16", "replace").encode("utf-8", "replace")
    return content.removeprefix(BOM_UTF8)


def _utf_8(line: bytes) -> bytes:
    """What is not UTF-8 is the code page of a Windows editor, else Latin-1."""
    for charset in ("utf-8", CODE_PAGE, "latin-1"):
        try:
            return line.decode(charset).encode()
        except UnicodeDecodeError:
            continue
    raise AssertionError("every octet is a character of Latin-1")
