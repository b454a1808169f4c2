"""``held``: mail kept because a certificate or key was missing; seen, tried again, deleted."""

import click

from gateway.admin import held as keeping
from gateway.admin.held import HeldView
from gateway.admin.view import as_json as view_as_json
from gateway.cli.actor import this_user
from gateway.cli.deletion import agree, doomed_argument, on_terminal, print_results, yes_option
from gateway.cli.printing import SHORT, json_option, print_json, print_table, visible
from gateway.pki.need import NeedKind
from gateway.wiring import Wiring

NEEDED = {
    NeedKind.RECIPIENT: "the private key of the certificate",
    NeedKind.SIGNER: "the certificate",
    NeedKind.ISSUER: "the CA certificate, trusted,",
    NeedKind.SETTING: "setting",
}
name_argument = click.argument("name", metavar="ID")


@click.group()
def held() -> None:
    """List, show, retry and delete held mail. ID: its id or a beginning of it."""


@held.command("list")
@click.option("--filter", "text", default="", metavar="TEXT", help="Only with TEXT in ids, addresses, reason or state.")
@json_option
@click.pass_obj
def list_(wiring: Wiring, text: str, as_json: bool) -> None:
    """List held mail, newest last."""
    found = keeping.listed(wiring, text).items
    if as_json:
        print_json(found)
    else:
        print_table(("id", "received", "from", "to", "reason", "state"), map(_row, found))


@held.command()
@name_argument
@json_option
@click.pass_obj
def show(wiring: Wiring, name: str, as_json: bool) -> None:
    """Show all that is known of a held message, and what would help."""
    (view,) = keeping.shown(wiring, [name])
    if as_json:
        print_json(view)
        return
    needs = [f"{NEEDED[need.kind]} {need.text or need.value}" for need in view.needs]
    for key, value in (view_as_json(view) | {"needs": needs}).items():
        shown = "; ".join(value) if isinstance(value, list) else value
        click.echo(visible(f"{key}: {'' if shown is None else shown}"))


@held.command()
@click.argument("names", nargs=-1, metavar="[ID...]")
@json_option
@click.pass_obj
def retry(wiring: Wiring, names: tuple[str, ...], as_json: bool) -> None:
    """Try held mail again as soon as the service can, whatever its state.

    Without an ID: all but what is held as key-reused, which is opened only where its ID says so.
    """
    ready = keeping.retry_held(wiring, this_user(), names)
    if as_json:
        print_json(ready)
        return
    for message in ready:
        click.echo(f"held message {message.id} will be tried again")
    if not ready:
        click.echo("nothing is held that could be tried again", err=True)


@held.command()
@doomed_argument
@yes_option
@json_option
@click.pass_obj
def delete(wiring: Wiring, names: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete held messages; what was delivered of them when they came is not touched. On a terminal it asks.

    ID: at least 8 digits.
    """
    doomed = [message.id for message in keeping.shown(wiring, names)]
    if on_terminal():
        agree([f"held message {name} would never be readable" for name in doomed], yes=yes)
    gone = keeping.delete_held(wiring, this_user(), doomed)
    if as_json:
        print_results(gone)
        return
    for message in gone:
        click.echo(f"deleted held message {message.id}")


def _row(view: HeldView) -> tuple[str, ...]:
    received = f"{view.received_at:%Y-%m-%d %H:%M}"
    return view.id[:SHORT], received, view.sender or "<>", ", ".join(view.recipients), view.reason, view.state
