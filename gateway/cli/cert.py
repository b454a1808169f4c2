"""``cert``: the stored certificates, seen, exported, trusted, distrusted, deleted."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from ssl import DER_cert_to_PEM_cert
from typing import Any

import click

from gateway.cli import certificate as telling
from gateway.cli.certificate import Told, told
from gateway.cli.deletion import agree, doomed_argument, print_results, yes_option
from gateway.cli.printing import SHORT, counted, json_option, print_json, print_table, visible
from gateway.clock import now
from gateway.config.values import duration
from gateway.pki.certificate import Certificate
from gateway.policy.state import State, Status
from gateway.store.certificates.consequences import Loss, below, loss
from gateway.store.certificates.said import Trust
from gateway.store.certificates.stored import Deleted
from gateway.wiring import Wiring, build_rules

STATES = [state.value for state in State]
PAGE = 100
"""Certificates that are read and judged at once."""
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
            self.fail(str(error), param, ctx)


@click.group()
def cert() -> None:
    """List, show, export, trust, distrust and delete certificates. ID: fingerprint or a beginning of it."""


@cert.command("list")
@click.option("--filter", "text", default="", metavar="TEXT", help="Only with TEXT in address, subject, issuer or ID.")
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
def list_(wiring: Wiring, /, limit: int | None, as_json: bool, **wanted: Any) -> None:
    """List certificates, those that expire first at the top.

    Expiring are those in use: an own one whose successor serves does not count, one that has expired without does.
    """
    if wanted["state"] == State.WAITING:
        _list_waiting(wiring, limit, as_json)
        return
    found = list(islice(_found(wiring, Wanted(**wanted)), limit))
    if as_json:
        print_json([telling.as_json(item) for item in found])
    else:
        print_table(telling.COLUMNS, map(telling.row, found))


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of the list."""

    text: str
    state: str | None
    kind: str | None
    with_key: bool
    expiring: timedelta | None
    after: str | None

    def fits(self, status: Status) -> bool:
        """Whether a certificate that stands so is to be listed."""
        return self.state in (None, status.state) and (self.expiring is None or status.ends)


def _found(wiring: Wiring, wanted: Wanted) -> Iterator[Told]:
    """Yield what is to be listed, asking the store for a page whenever one is used up."""
    at, stored = now(), wiring.store.certificates
    is_ca = None if wanted.kind is None else wanted.kind == "ca"
    ends = None if wanted.expiring is None else (datetime.min.replace(tzinfo=UTC), at + wanted.expiring)
    last = None if wanted.after is None else stored.get(wanted.after).certificate
    while page := stored.list(wanted.text, ends, is_ca=is_ca, with_key=wanted.with_key, after=last, limit=PAGE):
        yield from (item for item in told(wiring, page, at) if wanted.fits(item.status))
        last = page[-1].certificate


def _list_waiting(wiring: Wiring, limit: int | None, as_json: bool) -> None:
    keys = [key for key in wiring.store.keys.list() if not key.certificates][:limit]
    if as_json:
        print_json([telling.waiting_json(key) for key in keys])
    else:
        print_table(telling.COLUMNS, map(telling.waiting_row, keys))


@cert.command()
@name_argument
@json_option
@click.pass_obj
def show(wiring: Wiring, name: str, as_json: bool) -> None:
    """Show all that is known of a certificate."""
    stored = wiring.store.certificates
    (item,) = told(wiring, [stored.get(name)], now())
    chain = stored.whole_chain(item.certificate)
    path, anchored = wiring.store.evidence.path(item.certificate, now())
    if as_json:
        facts = {"chain": [issuer.fingerprint for issuer in chain.issuers], "chain_gap": chain.gap}
        print_json(
            telling.as_json(item) | facts | {"path": [issuer.fingerprint for issuer in path], "anchored": anchored}
        )
        return
    key = wiring.store.keys.get(item.certificate.public_key_id) if item.holding.has_key else None
    for line in telling.lines(item, path, key, anchored=anchored, gap=chain.gap):
        click.echo(visible(line))


@cert.command()
@name_argument
@click.pass_obj
def export(wiring: Wiring, name: str) -> None:
    """Print a certificate as PEM."""
    der = wiring.store.certificates.get(name).certificate.der
    click.echo(DER_cert_to_PEM_cert(der), nl=False)


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
    certificates = wiring.store.certificates
    doomed = dict.fromkeys(certificates.get(name).certificate for name in names)
    agree(_losses(loss(wiring.store.database, doomed)), yes=yes)
    gone = [certificates.delete(item.fingerprint) for item in doomed]
    if as_json:
        print_results([_gone(item) for item in gone])
        return
    for item in gone:
        with_key = "; it was the last one with its private key, which is deleted, too" if item.with_key else ""
        click.echo(f"deleted certificate {item.certificate.fingerprint}{with_key}")


def _losses(lost: Loss) -> list[str]:
    """What would be lost, a sentence each."""
    of_keys = [
        f"{_named(item)} is the last certificate of its private key, which would be lost, too:"
        " mail encrypted to it, old mail too, could never be opened again"
        for item in lost.keys
    ]
    of_chains = [
        f"the chain of {_named(item)} would break: who does not have {issuer} could not verify what it signs"
        for item, issuer in lost.chains
    ]
    return of_keys + of_chains


def _named(certificate: Certificate) -> str:
    return f"{certificate.fingerprint[:SHORT]} ({', '.join(certificate.addresses) or certificate.subject})"


def _gone(item: Deleted) -> dict[str, Any]:
    return {"fingerprint": item.certificate.fingerprint, "deleted": True, "key_deleted": item.with_key}


@cert.command()
@click.option("--none", "take_back", is_flag=True, help="Take trust or distrust back.")
@names_argument
@json_option
@click.pass_obj
def trust(wiring: Wiring, names: tuple[str, ...], take_back: bool, as_json: bool) -> None:
    """Trust leaves for themselves, ones learned from mail too, or make CA certificates trust anchors."""
    _mark(wiring, names, Trust.NONE if take_back else Trust.TRUSTED, as_json)


@cert.command()
@names_argument
@json_option
@click.pass_obj
def distrust(wiring: Wiring, names: tuple[str, ...], as_json: bool) -> None:
    """Use certificates for nothing until they are trusted again; `cert trust --none` takes it back."""
    _mark(wiring, names, Trust.DISTRUSTED, as_json)


def _mark(wiring: Wiring, names: tuple[str, ...], trust: Trust, as_json: bool) -> None:
    certificates = wiring.store.certificates
    meant = list(dict.fromkeys(certificates.get(name).certificate for name in names))
    if trust is Trust.DISTRUSTED:
        for certificate in meant:
            if certificate.is_ca:
                click.echo(visible(_fall(wiring, certificate)), err=True)
    marked = [certificates.set_trust(certificate.fingerprint, trust) for certificate in meant]
    if as_json:
        print_results([telling.as_json(item) for item in told(wiring, marked, now())])
        return
    for holding in marked:
        click.echo(f"certificate {holding.certificate.fingerprint}: {telling.trust(holding)}")


def _fall(wiring: Wiring, authority: Certificate) -> str:
    """What falls with an authority that is distrusted."""
    under, rules = below(wiring.store.database, authority), build_rules(wiring.options)
    own = [item.certificate for item in under if item.has_key and not item.certificate.is_ca]
    groups = {group.name for item in own for name in item.addresses if (group := rules.group_of(name)) is not None}
    fallen = f"{counted(len(under), 'stored certificate')} and {counted(len(groups), 'group')}"
    named = f" ({', '.join(sorted(groups))})" if groups else ""
    return (
        f"with {_named(authority)} fall {fallen}{named}: signatures below it are not believed, what was learned below"
        " it is not used, and it goes along with no signature of ours"
    )
