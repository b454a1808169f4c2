"""``held``: mail kept because a certificate or key was missing; seen, tried again, deleted."""

from typing import Any

import click

from gateway.cli.deletion import agree, doomed_argument, on_terminal, print_results, yes_option
from gateway.cli.printing import SHORT, json_option, moment, print_json, print_table, visible
from gateway.pki.need import Need, NeedKind
from gateway.store.held.message import HeldMessage
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
    found = wiring.store.held.list(text)
    if as_json:
        print_json([_json(message) for message in found])
    else:
        print_table(("id", "received", "from", "to", "reason", "state"), map(_row, found))


@held.command()
@name_argument
@json_option
@click.pass_obj
def show(wiring: Wiring, name: str, as_json: bool) -> None:
    """Show all that is known of a held message, and what would help."""
    facts = _json(wiring.store.held.get(name))
    if as_json:
        print_json(facts)
        return
    needs = [f"{NEEDED[NeedKind(need['kind'])]} {need['text'] or need['value']}" for need in facts.pop("needs")]
    for key, value in (facts | {"needs": needs}).items():
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
    ready = wiring.store.held.retry(names)
    if as_json:
        print_json([{"id": message.id, "ready": True} for message in ready])
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
    kept = wiring.store.held
    doomed = {message.id: message for message in map(kept.get, names)}
    if on_terminal():
        agree([f"held message {message.id} would never be readable" for message in doomed.values()], yes=yes)
    gone = [kept.delete(name) for name in doomed]
    if as_json:
        print_results([{"id": message.id, "deleted": True} for message in gone])
        return
    for message in gone:
        click.echo(f"deleted held message {message.id}")


def _row(message: HeldMessage) -> tuple[str, ...]:
    recipients = ", ".join(message.envelope.addresses)
    received = f"{message.received_at:%Y-%m-%d %H:%M}"
    return message.id[:SHORT], received, message.envelope.sender or "<>", recipients, message.reason, message.state


def _json(message: HeldMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "record_id": message.record_id,
        "received_at": moment(message.received_at),
        "door": message.door,
        "client": message.client.origin,
        "sender": message.envelope.sender,
        "recipients": list(message.envelope.addresses),
        "message_id": message.message_id,
        "size": message.size,
        "reason": message.reason,
        "unreadable": message.unreadable,
        "state": message.state,
        "attempts": message.attempts,
        "due": None if message.due is None else moment(message.due),
        "note": message.note,
        "needs": [_need(need) for need in sorted(message.needs, key=lambda need: (need.kind, need.text, need.value))],
    }


def _need(need: Need) -> dict[str, str]:
    return {"kind": need.kind, "value": need.value, "text": need.text}
