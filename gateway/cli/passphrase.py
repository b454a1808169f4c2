"""Passphrases: lines of a file in UTF-8, UTF-16 or code page 1252, or asked for on the terminal; never shown."""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path

import click

from gateway.cli.deletion import on_terminal
from gateway.cli.printing import visible
from gateway.cli.standard_input import STANDARD_INPUT, Source, read, shown
from gateway.errors import Refused
from gateway.pki.passphrase import CODE_PAGE

MAX_SIZE = 64 * 1024

passphrase_option = click.option(
    "--passphrase-file",
    type=Source(),
    metavar="FILE",
    help="File with the passphrase; several lines: each is tried; -: standard input. Without it a terminal is asked.",
)


def read_passphrases(path: Path | None) -> list[bytes]:
    """Return the lines of a passphrase file in UTF-8, without line ends and empty ones. Raises ``OSError``."""
    if path is None:
        return []
    if path == STANDARD_INPUT and on_terminal():
        return asked("passphrase")
    content = read(path, MAX_SIZE + 1)
    lines = [_utf_8(line) for line in (line.rstrip(b"\r") for line in _narrow(content).split(b"\n")) if line]
    if len(content) > MAX_SIZE or not lines:
        raise Refused(f"{shown(path)} is no passphrase file: write one passphrase a line")
    return lines


def asked(question: str, *, new: bool = False) -> list[bytes]:
    """Ask on the terminal, without echo; ``new``: twice. Nothing typed: no passphrase. Raises ``click.Abort``."""
    answer = click.prompt(
        visible(question), default="", hide_input=True, show_default=False, err=True, confirmation_prompt=new
    )
    return [answer.encode()] if answer else []


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
