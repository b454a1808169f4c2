"""``import``: takes certificates, private keys and CRLs from files of any kind into the store."""

from dataclasses import replace
from pathlib import Path

import click

from gateway.admin.imports import Bundle, ImportedView, Result, TrustWish, Wishes, import_bundle
from gateway.cli.actor import this_user
from gateway.cli.deletion import on_terminal
from gateway.cli.passphrase import asked, passphrase_option, read_passphrases
from gateway.cli.printing import SHORT, json_option, print_json, visible
from gateway.cli.standard_input import Source, once, read, shown
from gateway.pki.bundle import MAX_SIZE
from gateway.pki.self_issued import Whose
from gateway.reason import Reason
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
    trust = TrustWish.NONE if no_trust else TrustWish.CAS if trust_cas else TrustWish.DEFAULT
    wishes = Wishes(trust, Whose(whose) if whose else None, dry_run)
    # All files are read before the store is opened: run as root, opening it gives up the right to read them.
    passphrases = read_passphrases(passphrase_file)
    bundles = [Bundle(shown(path), data, passphrases) for path in paths if (data := _content(path)) is not None]
    results: list[ImportedView] = []
    for bundle in bundles:
        of_file = import_bundle(wiring, this_user(), _with_missing(wiring, bundle, wishes), wishes)
        results += of_file
        if not as_json:
            click.echo("\n".join(map(_line, of_file)))
    if as_json:
        print_json(results)
    if dry_run:
        click.echo("dry run: nothing was stored", err=True)
    if len(bundles) < len(paths):
        click.get_current_context().exit(NO_INPUT)
    if any(view.result is Result.REFUSED for view in results):
        click.get_current_context().exit(BAD_INPUT)


def _content(path: Path) -> bytes | None:
    """The file as far as it may be read at all; one byte more tells that it is too large. None: it cannot be read."""
    try:
        return read(path, MAX_SIZE + 1)
    except OSError as error:
        click.echo(visible(f"{shown(path)}: cannot be read: {error.strerror}"), err=True)
        return None


def _with_missing(wiring: Wiring, bundle: Bundle, wishes: Wishes) -> Bundle:
    """Ask on a terminal for the passphrase that none of those given is; nothing typed: there is none."""
    while on_terminal():
        tried = import_bundle(wiring, this_user(), bundle, replace(wishes, dry_run=True))
        if not any(view.reason is Reason.BAD_PASSPHRASE for view in tried):
            break
        answer = asked(f"passphrase of {bundle.name}")
        if not answer:
            break
        bundle = replace(bundle, passphrases=[*bundle.passphrases, *answer])
    return bundle


def _line(view: ImportedView) -> str:
    names = [view.object, (view.fingerprint or "")[:SHORT], ", ".join(view.addresses) or view.subject]
    word = f"refused {view.reason}" if view.result is Result.REFUSED else view.result
    text = f" ({view.text})" if view.text else ""
    return visible(f"{view.file}: {' '.join(filter(None, names))}: {word}{text}")
