"""``gateway list``: those who share the store."""

import click

from gateway.admin import gateways
from gateway.admin.gateways import GatewayView
from gateway.cli.printing import SHORT, json_option, print_json, print_table
from gateway.wiring import Wiring


@click.group()
def gateway() -> None:
    """The gateways that share the store."""


@gateway.command("list")
@json_option
@click.pass_obj
def list_(wiring: Wiring, as_json: bool) -> None:
    """List the gateways of the store: host, version, last beat (by the database's clock), processes, rules.

    differs: it runs under other groups, partners, internal addresses or algorithms than most.
    """
    found = gateways.listed(wiring).items
    if as_json:
        print_json(found)
    else:
        columns = ("id", "host", "version", "state", "last beat (UTC)", "processes", "elected", "rules")
        print_table(columns, map(_row, found))


def _row(view: GatewayView) -> tuple[str, ...]:
    beat = f"{view.beat_at:%Y-%m-%d %H:%M:%S}"
    elected = "yes" if view.elected else "no"
    return view.id, view.host, view.version, view.state, beat, str(view.processes), elected, view.policy[:SHORT]
