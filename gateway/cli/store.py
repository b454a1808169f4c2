"""``store migrate``: the store as a whole."""

import click

from gateway.admin import gateways
from gateway.cli.printing import json_option, print_json
from gateway.wiring import Wiring


@click.group()
def store() -> None:
    """The store as a whole."""


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
