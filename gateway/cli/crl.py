"""``crl``: the stored certificate revocation lists, imported or fetched; ``import`` takes them in."""

from typing import Any

import click

from gateway.cli.deletion import doomed_argument, print_results
from gateway.cli.printing import SHORT, day, json_option, moment, print_json, print_table
from gateway.pki.revocation import RevocationList
from gateway.wiring import Wiring

IMPORTED = "imported"


@click.group()
def crl() -> None:
    """List and delete CRLs. ID: fingerprint or a beginning of it."""


@crl.command("list")
@json_option
@click.pass_obj
def list_(wiring: Wiring, as_json: bool) -> None:
    """List CRLs by issuer."""
    found, urls = wiring.store.revocation_lists.list(), wiring.store.revocation_lists.urls()
    if as_json:
        print_json([_json(item, urls.get(item.fingerprint)) for item in found])
    else:
        columns = ("id", "issuer", "kind", "number", "revoked", "made", "next", "origin")
        print_table(columns, (_row(item, urls.get(item.fingerprint)) for item in found))


@crl.command()
@doomed_argument
@json_option
@click.pass_obj
def delete(wiring: Wiring, names: tuple[str, ...], as_json: bool) -> None:
    """Delete CRLs; what they revoked counts as before they came. A fetched one is fetched again when it is wanted.

    ID: at least 8 digits.
    """
    lists = wiring.store.revocation_lists
    gone = [lists.delete(name) for name in dict.fromkeys(lists.get(name).fingerprint for name in names)]
    if as_json:
        print_results([{"fingerprint": item.fingerprint, "deleted": True} for item in gone])
        return
    for item in gone:
        click.echo(f"deleted CRL {item.fingerprint}")


def _row(item: RevocationList, url: str | None) -> tuple[str, ...]:
    number = "" if item.number is None else f"{item.number:x}"
    next_update = "" if item.next_update is None else day(item.next_update)
    return (
        item.fingerprint[:SHORT],
        item.issuer,
        _kind(item),
        number,
        str(item.size),
        day(item.this_update),
        next_update,
        url or IMPORTED,
    )


def _kind(item: RevocationList) -> str:
    words = {"delta": item.is_delta, "indirect": item.is_indirect}
    return " ".join(word for word, applies in words.items() if applies) or "complete"


def _json(item: RevocationList, url: str | None) -> dict[str, Any]:
    return {
        "fingerprint": item.fingerprint,
        "issuer": item.issuer,
        "number": None if item.number is None else f"{item.number:x}",
        "this_update": moment(item.this_update),
        "next_update": None if item.next_update is None else moment(item.next_update),
        "is_delta": item.is_delta,
        "is_indirect": item.is_indirect,
        "revoked": item.size,
        "origin": IMPORTED if url is None else "fetched",
        "url": url,
    }
