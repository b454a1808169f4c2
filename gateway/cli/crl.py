"""``crl``: the stored certificate revocation lists, imported or fetched; ``import`` takes them in."""

import click

from gateway.admin import crls
from gateway.admin.crls import CrlView
from gateway.cli.actor import this_user
from gateway.cli.deletion import doomed_argument, print_results
from gateway.cli.printing import SHORT, day, json_option, print_json, print_table
from gateway.wiring import Wiring


@click.group()
def crl() -> None:
    """List and delete CRLs. ID: fingerprint or a beginning of it."""


@crl.command("list")
@json_option
@click.pass_obj
def list_(wiring: Wiring, as_json: bool) -> None:
    """List CRLs by issuer."""
    found = crls.listed(wiring).items
    if as_json:
        print_json(found)
    else:
        print_table(("id", "issuer", "kind", "number", "revoked", "made", "next", "origin"), map(_row, found))


@crl.command()
@doomed_argument
@json_option
@click.pass_obj
def delete(wiring: Wiring, names: tuple[str, ...], as_json: bool) -> None:
    """Delete CRLs; what they revoked counts as before they came. A fetched one is fetched again when it is wanted.

    ID: at least 8 digits.
    """
    gone = crls.delete_crls(wiring, this_user(), names)
    if as_json:
        print_results(gone)
        return
    for item in gone:
        click.echo(f"deleted CRL {item.fingerprint}")


def _row(view: CrlView) -> tuple[str, ...]:
    return (
        view.fingerprint[:SHORT],
        view.issuer,
        _kind(view),
        view.number or "",
        str(view.revoked),
        day(view.this_update),
        "" if view.next_update is None else day(view.next_update),
        view.url or view.origin,
    )


def _kind(view: CrlView) -> str:
    words = {"delta": view.is_delta, "indirect": view.is_indirect}
    return " ".join(word for word, applies in words.items() if applies) or "complete"
