"""``import``: takes certificates, private keys and CRLs from files of any kind into the store."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gateway.cli.actor import this_user
from gateway.cli.deletion import on_terminal
from gateway.cli.passphrase import asked, passphrase_option, read_passphrases
from gateway.cli.printing import SHORT, json_option, print_json, visible
from gateway.cli.standard_input import Source, once, read, shown
from gateway.clock import now
from gateway.pki.bundle import MAX_SIZE
from gateway.pki.self_issued import Whose
from gateway.policy.state import State
from gateway.reason import Reason
from gateway.store import Store
from gateway.store.imports.importing import Imported, ImportOptions, import_file
from gateway.wiring import Wiring

BAD_INPUT = 65
NO_INPUT = 66


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=Source(), metavar="FILE...")
@passphrase_option
@click.option("--dry-run", is_flag=True, help="Say what would be imported, and store nothing.")
@click.option("--no-trust", is_flag=True, help="Trust nothing of it yet.")
@click.option("--trust-cas", is_flag=True, help="Make the CA certificates trust anchors, even beside a leaf.")
@click.option(
    "--as",
    "whose",
    type=click.Choice([word.value for word in Whose]),
    help="Take self-issued CA certificates that hold a mail address for a person's or for an authority's.",
)
@json_option
@click.pass_obj
def import_command(
    wiring: Wiring,
    paths: tuple[Path, ...],
    passphrase_file: Path | None,
    dry_run: bool,
    no_trust: bool,
    trust_cas: bool,
    whose: str | None,
    as_json: bool,
) -> None:
    """Import what FILEs hold: PEM, DER, base64, PKCS#7, PKCS#12, signed mail; keys, certificates and CRLs.

    -: standard input. A passphrase that is missing is asked for on a terminal.
    """
    once(passphrase_file, *paths)
    if no_trust and trust_cas:
        raise click.UsageError("--no-trust and --trust-cas contradict one another")
    options = ImportOptions(
        subject_email=wiring.options.addresses.subject_email,
        accept_legacy=bool(wiring.options.algorithms.accept_legacy),
        trust=not no_trust,
        trust_cas=trust_cas,
        whose=Whose(whose) if whose else None,
        dry_run=dry_run,
        by=str(this_user()),
    )
    # All files are read before the store is opened: run as root, opening it gives up the right to read them.
    passphrases = read_passphrases(passphrase_file)
    contents = [(path, content) for path in paths if (content := _content(path)) is not None]
    results: list[tuple[Path, Imported]] = []
    for path, content in contents:
        tried = [*passphrases, *_missing(wiring.store, path, content, passphrases, options)]
        taken = import_file(wiring.store, content, tried, options)
        of_file = [(path, imported if dry_run else _with_state(wiring, imported)) for imported in taken]
        results += of_file
        if not as_json:
            click.echo("\n".join(_line(path, imported) for path, imported in of_file))
    if as_json:
        print_json([_json(path, imported) for path, imported in results])
    if dry_run:
        click.echo("dry run: nothing was stored", err=True)
    if len(contents) < len(paths):
        click.get_current_context().exit(NO_INPUT)
    if any(imported.result == "refused" for _, imported in results):
        click.get_current_context().exit(BAD_INPUT)


def _content(path: Path) -> bytes | None:
    """The file as far as it may be read at all; one byte more tells that it is too large. None: it cannot be read."""
    try:
        return read(path, MAX_SIZE + 1)
    except OSError as error:
        click.echo(visible(f"{shown(path)}: cannot be read: {error.strerror}"), err=True)
        return None


def _with_state(wiring: Wiring, imported: Imported) -> Imported:
    """Say of a certificate that is stored why it serves for nothing all the same, or no more."""
    if imported.object != "certificate" or imported.result == "refused" or imported.fingerprint is None:
        return imported
    (found,) = wiring.store.listing.of([imported.fingerprint], now())
    if found.status.state not in (State.REVOKED, State.SUPERSEDED):
        return imported
    return replace(imported, text="; ".join(filter(None, (imported.text, found.status.state))))


def _missing(
    store: Store, path: Path, content: bytes, passphrases: Sequence[bytes], options: ImportOptions
) -> list[bytes]:
    """Ask on a terminal for the passphrase that none of those given is; nothing typed: there is none."""
    given: list[bytes] = []
    while on_terminal():
        tried = import_file(store, content, [*passphrases, *given], replace(options, dry_run=True))
        if not any(imported.reason is Reason.BAD_PASSPHRASE for imported in tried):
            break
        answer = asked(f"passphrase of {shown(path)}")
        if not answer:
            break
        given += answer
    return given


def _line(path: Path, imported: Imported) -> str:
    names = [imported.object, (imported.fingerprint or "")[:SHORT], ", ".join(imported.addresses) or imported.subject]
    word = f"refused {imported.reason}" if imported.result == "refused" else imported.result
    text = f" ({imported.text})" if imported.text else ""
    return visible(f"{shown(path)}: {' '.join(filter(None, names))}: {word}{text}")


def _json(path: Path, imported: Imported) -> dict[str, Any]:
    return {
        "file": shown(path),
        "object": imported.object,
        "fingerprint": imported.fingerprint,
        "addresses": imported.addresses,
        "subject": imported.subject,
        "result": imported.result,
        "reason": imported.reason,
        "text": imported.text,
    }
