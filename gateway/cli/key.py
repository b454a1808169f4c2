"""``key``: the stored private keys, listed, exported under a passphrase, deleted."""

from pathlib import Path

import click

from gateway.admin import keys
from gateway.admin.key_view import KeyView
from gateway.cli.actor import this_user
from gateway.cli.deletion import agree, doomed_argument, on_terminal, print_results, yes_option
from gateway.cli.passphrase import asked, passphrase_option, read_passphrases
from gateway.cli.printing import SHORT, counted, json_option, print_json, print_table
from gateway.cli.standard_input import shown
from gateway.errors import Refused
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
    found = keys.listed(wiring).items
    if as_json:
        print_json(found)
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
    (view,) = keys.shown(wiring, [name])
    if not passphrases and on_terminal() and not view.protected:
        passphrases = asked("passphrase to protect the key with", new=True)
    pem = keys.export_key(wiring, this_user(), view.public_key_id, passphrases[0] if passphrases else None)
    click.echo(pem, nl=False)


@key.command()
@doomed_argument
@yes_option
@json_option
@click.pass_obj
def delete(wiring: Wiring, names: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete private keys; their certificates stay. It asks on a terminal, and elsewhere needs --yes.

    ID: at least 8 digits.
    """
    doomed = keys.shown(wiring, names)
    agree(list(map(_loss, doomed)), yes=yes)
    gone = keys.delete_keys(wiring, this_user(), [view.public_key_id for view in doomed])
    if as_json:
        print_results(gone)
        return
    for item in gone:
        kept = counted(len(item.certificates), "certificate")
        click.echo(f"deleted key {item.public_key_id}; {kept} with this key kept")


def _loss(view: KeyView) -> str:
    served = ", ".join(fingerprint[:SHORT] for fingerprint in view.certificates)
    lost = f"the private key {view.public_key_id[:SHORT]}"
    if not served:
        return f"{lost}, which waits for its certificate, would be lost"
    return f"{lost} would be lost: {served} would sign nothing, and mail encrypted to it, old mail too, stays closed"


def _row(view: KeyView) -> tuple[str, ...]:
    certificates = ", ".join(fingerprint[:SHORT] for fingerprint in view.certificates) or "waiting"
    leaves = "its own passphrase" if view.protected else "a passphrase given then"
    return view.public_key_id[:SHORT], f"{view.kind} {view.size}", leaves, certificates
