"""``privacy export`` and ``privacy erase``: what is kept of a person."""

import click

from gateway.admin import privacy as persons
from gateway.cli.actor import this_user
from gateway.cli.address import typed_address
from gateway.cli.deletion import agree, yes_option
from gateway.cli.printing import SHORT, counted, json_option, print_json
from gateway.wiring import Wiring


@click.group()
def privacy() -> None:
    """What is kept of a person, and its removal."""


@privacy.command()
@click.argument("address", metavar="ADDRESS")
@click.pass_obj
def export(wiring: Wiring, address: str) -> None:
    """Print all that is kept under ADDRESS, as JSON."""
    print_json(persons.exported(wiring, typed_address(address)))


@privacy.command()
@click.argument("address", metavar="ADDRESS")
@yes_option
@json_option
@click.pass_obj
def erase(wiring: Wiring, address: str, yes: bool, as_json: bool) -> None:
    """Delete the records of ADDRESS, its held mail and the certificates that nobody imported.

    On a terminal it asks, and elsewhere needs --yes. Backups are not touched.
    """
    address = typed_address(address)
    agree([f"all records and held mail of {address}, whoever else is in them, would be lost"], yes=yes)
    gone = persons.erase(wiring, this_user(), address)
    if as_json:
        print_json(gone)
        return
    parts = counted(gone.records, "record"), counted(len(gone.held), "held message")
    click.echo(f"erased: {', '.join(parts)}, {counted(len(gone.learned), 'certificate')}")
    for fingerprint in gone.imported:
        click.echo(f"certificate {fingerprint[:SHORT]} was imported and stays: cert delete {fingerprint[:SHORT]}")
