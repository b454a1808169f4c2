"""``backup``, ``restore``, ``store copy`` and ``store migrate``: the store as a whole."""

import sys
from collections.abc import Mapping
from pathlib import Path

import click

from gateway.admin import gateways, stores
from gateway.cli.actor import this_user
from gateway.cli.deletion import on_terminal
from gateway.cli.printing import counted, json_option, print_json
from gateway.cli.standard_input import STANDARD_INPUT, Source
from gateway.wiring import Wiring

_NOUNS = {"certificates": "certificate", "keys": "private key", "records": "record", "held": "held message"}


@click.command()
@click.argument("path", type=Source(), metavar="FILE")
@json_option
@click.pass_obj
def backup(wiring: Wiring, path: Path, as_json: bool) -> None:
    """Write the whole store to FILE (mode 0600; -: standard output) while the service goes on.

    Keys stay wrapped: without the key-encryption key, which is not in it, the file opens nothing. An earlier FILE is
    replaced when the new one is complete.
    """
    if path != STANDARD_INPUT:
        made = stores.back_up(wiring, this_user(), path)
    elif as_json or sys.stdout.isatty():
        raise click.UsageError("a backup is no text: redirect standard output, without --json, or name a file")
    else:
        made = stores.back_up(wiring, this_user(), sys.stdout.buffer)
    if as_json:
        print_json(made)
    else:
        click.echo(f"backup: {_told(made.rows)}; SHA-256 of the content {made.digest}", err=path == STANDARD_INPUT)


@click.command()
@click.argument("path", type=click.Path(path_type=Path, readable=False), metavar="FILE")
@click.option("--replace", is_flag=True, help="Put a store that is not empty aside; it is kept. On a terminal it asks.")
@click.option(
    "--without-keys",
    is_flag=True,
    help="The key-encryption key is lost: leave private keys and held mail out.",
)
@json_option
@click.pass_obj
def restore(wiring: Wiring, path: Path, replace: bool, without_keys: bool, as_json: bool) -> None:
    """Fill the store from a backup: all of it, or nothing. The service has to be stopped."""
    with path.open("rb") as file:  # before the store is touched: run as root, that gives up the right to read it
        if replace and on_terminal():
            click.confirm(f"put the store of {wiring.options.state} aside, and {path} in its place?", abort=True)
        done = stores.restore(wiring, this_user(), file, replace=replace, with_keys=not without_keys)
    if as_json:
        print_json(done)
        return
    click.echo(f"restored: {_told(done.rows)}, as of {done.made_at:%Y-%m-%d %H:%M:%S} UTC")
    if without_keys:
        click.echo("private keys and held mail were left out: import the keys anew")
        click.echo("accounts with one-time codes cannot sign in until they have others: user totp NAME --off")
    if done.kept is not None:
        click.echo(f"the store that was there is kept: {done.kept}")


@click.group()
def store() -> None:
    """The store as a whole."""


@store.command()
@click.argument("url", metavar="URL")
@json_option
@click.pass_obj
def copy(wiring: Wiring, url: str, as_json: bool) -> None:
    """Fill an empty store elsewhere with all of this one, which stays as it was. Stop the service first.

    URL: postgresql+psycopg://user@host/name, or sqlite:PATH.
    """
    done = stores.copy(wiring, this_user(), url)
    if as_json:
        print_json(done)
        return
    click.echo(f"copied: {_told(done.rows)}")
    if url.startswith("sqlite:"):
        folder = Path(url.removeprefix("sqlite:")).absolute().parent
        click.echo(f"to use it: database: sqlite, state: {folder}; the key-encryption key goes with it")
    else:
        click.echo(f"to use it: database: {done.place}")


@store.command()
@json_option
@click.pass_obj
def migrate(wiring: Wiring, as_json: bool) -> None:
    """Bring the store's schema up to date, also while gateways of the release before run on it: they go on."""
    done = gateways.migrate(wiring)
    if as_json:
        print_json(done)
    else:
        click.echo(f"the store has schema {done.schema}")


def _told(rows: Mapping[str, int]) -> str:
    return ", ".join(counted(rows.get(table, 0), noun) for table, noun in _NOUNS.items())
