"""``key``: the stored private keys, listed, exported under a passphrase, deleted."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from gateway.cli.deletion import agree, doomed_argument, on_terminal, print_results, yes_option
from gateway.cli.passphrase import asked, passphrase_option, read_passphrases
from gateway.cli.printing import SHORT, counted, json_option, print_json, print_table
from gateway.cli.standard_input import shown
from gateway.errors import Refused
from gateway.store.keys.private_keys import StoredKey
from gateway.wiring import Wiring

name_argument = click.argument("name", metavar="ID")


@click.group()
def key() -> None:
    """List, export and delete private keys. ID: a key's id or its certificate's fingerprint, or a beginning of one."""


@key.command("list")
@json_option
@click.pass_obj
def list_(wiring: Wiring, as_json: bool) -> None:
    """List private keys; one whose certificate has not come yet is waiting."""
    found = wiring.store.keys.list()
    if as_json:
        print_json([_json(stored) for stored in found])
    else:
        print_table(("id", "kind", "leaves under", "certificates"), map(_row, found))


@key.command()
@name_argument
@passphrase_option
@click.pass_obj
def export(wiring: Wiring, name: str, passphrase_file: Path | None) -> None:
    """Print a private key as encrypted PEM: under the passphrase it came with, else under the one given here."""
    passphrases = read_passphrases(passphrase_file)
    if passphrase_file is not None and len(passphrases) > 1:
        raise Refused(f"{shown(passphrase_file)} holds several passphrases: a key leaves under one")
    if not passphrases and on_terminal() and not wiring.store.keys.get(name).protected:
        passphrases = asked("passphrase to protect the key with", new=True)
    click.echo(wiring.store.keys.export(name, passphrases[0] if passphrases else None), nl=False)


@key.command()
@doomed_argument
@yes_option
@json_option
@click.pass_obj
def delete(wiring: Wiring, names: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete private keys; their certificates stay. It asks on a terminal, and elsewhere needs --yes.

    ID: at least 8 digits.
    """
    keys = wiring.store.keys
    doomed = {stored.public_key_id: stored for stored in map(keys.get, names)}
    agree([_loss(stored) for stored in doomed.values()], yes=yes)
    gone = [keys.delete(name) for name in doomed]
    if as_json:
        print_results([_gone(stored) for stored in gone])
        return
    for stored in gone:
        click.echo(
            f"deleted key {stored.public_key_id}; {counted(len(stored.certificates), 'certificate')} with this key kept"
        )


def _loss(stored: StoredKey) -> str:
    served = ", ".join(fingerprint[:SHORT] for fingerprint in stored.certificates)
    lost = f"the private key {stored.public_key_id[:SHORT]}"
    if not served:
        return f"{lost}, which waits for its certificate, would be lost"
    return f"{lost} would be lost: {served} would sign nothing, and mail encrypted to it, old mail too, stays closed"


def _gone(stored: StoredKey) -> dict[str, Any]:
    return {"public_key_id": stored.public_key_id, "deleted": True, "certificates": list(stored.certificates)}


def _row(stored: StoredKey) -> tuple[str, ...]:
    certificates = ", ".join(fingerprint[:SHORT] for fingerprint in stored.certificates) or "waiting"
    leaves = "its own passphrase" if stored.protected else "a passphrase given then"
    return stored.public_key_id[:SHORT], f"{stored.kind} {stored.size}", leaves, certificates


def _json(stored: StoredKey) -> dict[str, Any]:
    return asdict(stored) | {"waiting": not stored.certificates}
