"""``kek rotate``: another key-encryption key."""

import click

from gateway.admin import stores
from gateway.cli.actor import this_user
from gateway.cli.printing import counted, json_option, print_json
from gateway.config.values import Reference, key_source
from gateway.wiring import Wiring


def _setting(context: click.Context, parameter: click.Parameter, text: str) -> Reference:
    try:
        return key_source(text)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from error


@click.group()
def kek() -> None:
    """The key-encryption key, under which everything secret in the store is."""


@kek.command()
@click.option(
    "--to",
    "place",
    required=True,
    metavar="WHERE",
    callback=_setting,
    help="file:PATH, made where it is absent, or credential:NAME.",
)
@json_option
@click.pass_obj
def rotate(wiring: Wiring, place: Reference, as_json: bool) -> None:
    """Wrap everything in the store under the key in WHERE: all of it, or nothing.

    Backups from before open with the old key: keep it with them.
    """
    done = stores.rotate(wiring, this_user(), str(place))
    if as_json:
        print_json(done)
        return
    keys, held = counted(done.keys, "private key"), counted(done.held, "held message")
    click.echo(f"{keys} and {held} are under the new key now")
    click.echo(f"from now on: key_encryption_key: {done.key_encryption_key}; set it on every host and restart")
