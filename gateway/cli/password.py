"""Passwords and one-time codes of accounts: asked for on a terminal, else a line of standard input; never arguments."""

import sys

import click

from gateway.cli.deletion import on_terminal
from gateway.errors import Refused

MOST = 4096
"""Octets of a line."""


def new_password(name: str) -> str:
    """Ask for an account's new password, twice; or read it. Raises ``click.Abort``, ``Refused``."""
    if not on_terminal():
        return _line("the password")
    password: str = click.prompt(f"new password of {name}", hide_input=True, err=True, confirmation_prompt=True)
    return password


def code() -> str:
    """Ask for a one-time code, or read it. Raises ``click.Abort``, ``Refused``."""
    if not on_terminal():
        return _line("the code")
    answer: str = click.prompt("code that it shows now", err=True)
    return answer


def _line(what: str) -> str:
    line = sys.stdin.buffer.readline(MOST)
    try:
        text = line.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise Refused(f"{what} on standard input is no UTF-8") from None
    if not text:
        raise Refused(f"{what} is missing: write it as one line on standard input, or give the command on a terminal")
    return text
