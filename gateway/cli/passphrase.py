"""Passphrase files: one passphrase a line; what stands in them is never shown."""

from pathlib import Path

import click

from gateway.errors import Refused

MAX_SIZE = 64 * 1024

passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with the passphrase; several lines: each is tried.",
)


def read_passphrases(path: Path | None) -> list[bytes]:
    """Return the lines of a passphrase file without their line ends, empty ones left out. Raises ``OSError``."""
    if path is None:
        return []
    with path.open("rb") as file:
        content = file.read(MAX_SIZE + 1)
    lines = [line for line in (line.rstrip(b"\r") for line in content.split(b"\n")) if line]
    if len(content) > MAX_SIZE or not lines:
        raise Refused(f"{path} is no passphrase file: write one passphrase a line")
    return lines
