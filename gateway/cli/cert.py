"""``cert``: the stored certificates, found, seen, exported, approved, pinned, trusted, distrusted, deleted."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from ssl import DER_cert_to_PEM_cert
from typing import Any

import click

from gateway.admin import certificates, deletion, places
from gateway.admin import find as finding
from gateway.admin import publish as publishing
from gateway.admin import trust as trusting
from gateway.admin.certificate_view import CertificateKind, CertificateView, NamedCertificate
from gateway.admin.certificates import CertificateFilter
from gateway.admin.deletion import Doomed
from gateway.admin.publish import Form
from gateway.admin.trust import Fall
from gateway.cli import certificate as telling
from gateway.cli.actor import this_user
from gateway.cli.address import typed_address
from gateway.cli.deletion import agree, doomed_argument, print_results, yes_option
from gateway.cli.printing import SHORT, counted, json_option, print_json, print_table, visible
from gateway.config.values import duration
from gateway.policy.state import State
from gateway.wiring import Wiring

name_argument = click.argument("name", metavar="ID")
names_argument = click.argument("names", nargs=-1, required=True, metavar="ID...")


class Duration(click.ParamType[timedelta]):
    """A length of time as in the configuration: ``30d``, ``12h``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read it, or end with a usage error."""
        try:
            return duration(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


@click.group()
def cert() -> None:
    """Find, list, show, approve, pin, trust and delete certificates. ID: fingerprint or a beginning of it."""


@cert.command("list")
@click.option("--filter", "text", default="", metavar="TEXT", help="By address, subject, issuer or start of the ID.")
@click.option(
    "--state",
    type=click.Choice([state.value for state in State]),
    help="Only those in this state; waiting: keys alone.",
)
@click.option("--kind", type=click.Choice(["leaf", "ca"]), help="Only certificates of people, or of authorities.")
@click.option("--with-key", is_flag=True, help="Only those whose private key is here.")
@click.option("--expiring", type=Duration(), metavar="30d", help="Only those in use that expire within this time.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N.")
@click.option("--after", metavar="ID", help="Only those that follow ID in the list: the next page.")
@json_option
@click.pass_obj
def list_(
    wiring: Wiring,
    /,
    state: str | None,
    kind: str | None,
    after: str | None,
    limit: int | None,
    as_json: bool,
    **rest: Any,
) -> None:
    """List certificates, those that expire first at the top.

    Expiring are those in use: an own one whose successor serves does not count, one that has expired without does.
    """
    if state == State.WAITING:
        keys = certificates.waiting(wiring, after, limit).items
        _print(keys, map(telling.waiting_row, keys), as_json)
        return
    wanted = CertificateFilter(
        state=State(state) if state else None, kind=CertificateKind(kind) if kind else None, **rest
    )
    found = certificates.listed(wiring, wanted, after, limit).items
    _print(found, map(telling.row, found), as_json)


def _print(views: Sequence[Any], rows: Iterable[Sequence[str]], as_json: bool) -> None:
    if as_json:
        print_json(views)
    else:
        print_table(telling.COLUMNS, rows)


@cert.command()
@name_argument
@json_option
@click.pass_obj
def show(wiring: Wiring, name: str, as_json: bool) -> None:
    """Show all that is known of a certificate."""
    detail = certificates.shown(wiring, name)
    if as_json:
        print_json(detail)
        return
    for line in telling.lines(detail):
        click.echo(visible(line))


@cert.command()
@name_argument
@click.pass_obj
def export(wiring: Wiring, name: str) -> None:
    """Print a certificate as PEM."""
    click.echo(DER_cert_to_PEM_cert(certificates.exported(wiring, name)), nl=False)


@cert.command()
@doomed_argument
@yes_option
@json_option
@click.pass_obj
def delete(wiring: Wiring, names: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete certificates, and private keys that no other certificate has; mail does not bring them back.

    Where a key would go along, or the chain of an own certificate would break, it asks on a terminal, and elsewhere
    needs --yes. ID: at least 8 digits.
    """
    doomed = deletion.doomed(wiring, names)
    agree(_losses(doomed), yes=yes)
    gone = deletion.delete_certificates(wiring, this_user(), doomed.fingerprints)
    if as_json:
        print_results(gone)
        return
    for item in gone:
        with_key = "; it was the last one with its private key, which is deleted, too" if item.key_deleted else ""
        click.echo(f"deleted certificate {item.fingerprint}{with_key}")


def _losses(doomed: Doomed) -> list[str]:
    """What would be lost, a sentence each."""
    of_keys = [
        f"{_named(item)} is the last certificate of its private key, which would be lost, too:"
        " mail encrypted to it, old mail too, could never be opened again"
        for item in doomed.keys
    ]
    of_chains = [
        f"the chain of {_named(item.certificate)} would break: who does not have {item.missing} could not verify"
        " what it signs"
        for item in doomed.chains
    ]
    return of_keys + of_chains


def _named(certificate: NamedCertificate) -> str:
    return f"{certificate.fingerprint[:SHORT]} ({certificate.name})"


@cert.command()
@click.argument("address")
@json_option
@click.pass_obj
def find(wiring: Wiring, address: str, as_json: bool) -> None:
    """Ask every source that may know ADDRESS for certificates now, and say what each answers.

    What they have is stored and believed as discovery.sources says, as if a mail had asked.
    """
    found = finding.find(wiring, typed_address(address))
    if as_json:
        print_json(found)
        return
    rows = [(said.source, said.result, f"{said.at:%Y-%m-%d %H:%M:%S}") for said in found.sources]
    print_table(("source", "result", "at (UTC)"), rows)
    if found.certificates:
        print_table(telling.COLUMNS, map(telling.row, found.certificates))


@cert.command()
@names_argument
@json_option
@click.pass_obj
def approve(wiring: Wiring, names: tuple[str, ...], as_json: bool) -> None:
    """Have certificates that wait used to encrypt to; where another key is pinned, they take its place."""
    _print_marked(places.approve(wiring, this_user(), names), as_json)


@cert.command()
@names_argument
@json_option
@click.pass_obj
def pin(wiring: Wiring, names: tuple[str, ...], as_json: bool) -> None:
    """Have no other certificate come in the place of these, not even when they have expired."""
    _print_marked(places.pin(wiring, this_user(), names), as_json)


@cert.command()
@click.option("--dns", "form", flag_value=Form.DNS.value, default=True, help="SMIMEA records, and what the DNS has.")
@click.option("--ldif", "form", flag_value=Form.LDIF.value, help="Entries of a directory.")
@click.option("--vcard", "form", flag_value=Form.VCARD.value, help="vCards.")
@click.argument("addresses", nargs=-1, metavar="[ADDRESS...]")
@json_option
@click.pass_obj
def publish(wiring: Wiring, form: str, addresses: tuple[str, ...], as_json: bool) -> None:
    """Print what publishes our certificates, those that mail is encrypted to, for others to find."""
    found = publishing.published(wiring, Form(form), [typed_address(address) for address in addresses])
    if as_json:
        print_json(found)
        return
    for view in found:
        for line in telling.dns_notes(view):
            click.echo(visible(f"; {line}"))
        click.echo(view.text)


@cert.command()
@click.option("--none", "take_back", is_flag=True, help="Take trust or distrust back.")
@names_argument
@json_option
@click.pass_obj
def trust(wiring: Wiring, names: tuple[str, ...], take_back: bool, as_json: bool) -> None:
    """Trust leaves for themselves, ones learned from mail too, or make CA certificates trust anchors."""
    mark = trusting.untrust if take_back else trusting.trust
    _print_marked(mark(wiring, this_user(), names), as_json)


@cert.command()
@names_argument
@json_option
@click.pass_obj
def distrust(wiring: Wiring, names: tuple[str, ...], as_json: bool) -> None:
    """Use certificates for nothing until they are trusted again; `cert trust --none` takes it back."""
    for fall in trusting.falls(wiring, names):
        click.echo(visible(_fall(fall)), err=True)
    _print_marked(trusting.distrust(wiring, this_user(), names), as_json)


def _print_marked(marked: Sequence[CertificateView], as_json: bool) -> None:
    if as_json:
        print_results(marked)
        return
    for view in marked:
        click.echo(f"certificate {view.fingerprint}: {view.trust}{', pinned' if 'pinned' in view.notes else ''}")


def _fall(fall: Fall) -> str:
    """What falls with an authority that is distrusted."""
    fallen = f"{counted(fall.certificates, 'stored certificate')} and {counted(len(fall.groups), 'group')}"
    groups = f" ({', '.join(fall.groups)})" if fall.groups else ""
    return (
        f"with {_named(fall.authority)} fall {fallen}{groups}: signatures below it are not believed, what was learned"
        " below it is not used, and it goes along with no signature of ours"
    )
