"""``crl``: the stored certificate revocation lists, imported or fetched; ``import`` takes them in."""

from typing import Any

import click

from gateway.cli.printing import SHORT, day, json_option, moment, print_json, print_table
from gateway.house import House
from gateway.pki.revocation import RevocationList

IMPORTED = "imported"


@click.group()
def crl() -> None:
    """List and delete CRLs. ID: fingerprint or a beginning of it."""


@crl.command("list")
@json_option
@click.pass_obj
def list_(house: House, as_json: bool) -> None:
    """List CRLs by issuer."""
    found, urls = house.store.revocation_lists.list(), house.store.revocation_lists.urls()
    if as_json:
        print_json([_json(item, urls.get(item.fingerprint)) for item in found])
    else:
        columns = ("id", "issuer", "kind", "number", "revoked", "made", "next", "origin")
        print_table(columns, (_row(item, urls.get(item.fingerprint)) for item in found))


@crl.command()
@click.argument("name", metavar="ID")
@json_option
@click.pass_obj
def delete(house: House, name: str, as_json: bool) -> None:
    """Delete a CRL; what it revoked counts as before it came. A fetched one is fetched again when it is wanted."""
    gone = house.store.revocation_lists.delete(name)
    if as_json:
        print_json({"fingerprint": gone.fingerprint, "deleted": True})
    else:
        click.echo(f"deleted CRL {gone.fingerprint}")


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
