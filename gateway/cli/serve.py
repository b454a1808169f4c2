"""``serve``: the daemon in the foreground, as a service manager wants it."""

import click

from gateway import daemon
from gateway.house import House
from gateway.log import start_logging


@click.command()
@click.pass_obj
def serve(house: House) -> None:
    """Run the gateway: all doors, until it is told to stop (TERM drains, a second TERM stops at once)."""
    options = house.options
    start_logging(options.log.format == "json")
    daemon.serve(options)
