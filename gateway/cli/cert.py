"""``cert``: the stored certificates, seen, exported, trusted, distrusted, deleted."""

from datetime import datetime, timedelta
from ssl import DER_cert_to_PEM_cert
from typing import Any

import click

from gateway.cli.deletion import agree, doomed_argument, print_results, yes_option
from gateway.cli.printing import SHORT, counted, day, json_option, moment, print_json, print_table, visible
from gateway.clock import now
from gateway.config.values import duration
from gateway.house import House, build_rules
from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding
from gateway.store.certificates import Deleted, Trust
from gateway.store.consequences import Loss, below, loss

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
@click.option("--expiring", type=Duration(), metavar="30d", help="Only those that expire within this time.")
@json_option
@click.pass_obj
def list_(house: House, text: str, expiring: timedelta | None, as_json: bool) -> None:
    """List certificates, those that expire first at the top."""
    at = now()
    found = house.store.certificates.list(text, None if expiring is None else (at, at + expiring))
    if as_json:
        print_json([_json(holding, at) for holding in found])
    else:
        print_table(("id", "for", "key", "use", "trust", "expires"), (_row(holding, at) for holding in found))


@cert.command()
@name_argument
@json_option
@click.pass_obj
def show(house: House, name: str, as_json: bool) -> None:
    """Show all that is known of a certificate."""
    holding = house.store.certificates.get(name)
    chain = house.store.certificates.whole_chain(holding.certificate)
    facts = _json(holding, now())
    facts["chain"] = [issuer.fingerprint for issuer in chain.issuers]
    facts["chain_gap"] = chain.gap
    if as_json:
        print_json(facts)
    else:
        for key, value in facts.items():
            shown = ", ".join(value) if isinstance(value, list) else value
            click.echo(visible(f"{key}: {'' if shown is None else shown}"))


@cert.command()
@name_argument
@click.pass_obj
def export(house: House, name: str) -> None:
    """Print a certificate as PEM."""
    der = house.store.certificates.get(name).certificate.der
    click.echo(DER_cert_to_PEM_cert(der), nl=False)


@cert.command()
@doomed_argument
@yes_option
@json_option
@click.pass_obj
def delete(house: House, names: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete certificates, and private keys that no other certificate has; mail does not bring them back.

    Where a key would go along, or the chain of an own certificate would break, it asks on a terminal, and elsewhere
    needs --yes. ID: at least 8 digits.
    """
    certificates = house.store.certificates
    doomed = dict.fromkeys(certificates.get(name).certificate for name in names)
    agree(_losses(loss(house.store.database, doomed)), yes=yes)
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
def trust(house: House, names: tuple[str, ...], take_back: bool, as_json: bool) -> None:
    """Trust leaves for themselves, ones learned from mail too, or make CA certificates trust anchors."""
    _mark(house, names, Trust.NONE if take_back else Trust.TRUSTED, as_json)


@cert.command()
@names_argument
@json_option
@click.pass_obj
def distrust(house: House, names: tuple[str, ...], as_json: bool) -> None:
    """Use certificates for nothing until they are trusted again; `cert trust --none` takes it back."""
    _mark(house, names, Trust.DISTRUSTED, as_json)


def _mark(house: House, names: tuple[str, ...], trust: Trust, as_json: bool) -> None:
    certificates = house.store.certificates
    meant = list(dict.fromkeys(certificates.get(name).certificate for name in names))
    if trust is Trust.DISTRUSTED:
        for certificate in meant:
            if certificate.is_ca:
                click.echo(visible(_fall(house, certificate)), err=True)
    marked = [certificates.set_trust(certificate.fingerprint, trust) for certificate in meant]
    if as_json:
        print_results([_json(holding, now()) for holding in marked])
        return
    for holding in marked:
        click.echo(f"certificate {holding.certificate.fingerprint}: {_trust(holding)}")


def _fall(house: House, authority: Certificate) -> str:
    """What falls with an authority that is distrusted."""
    under, rules = below(house.store.database, authority), build_rules(house.options)
    own = [item.certificate for item in under if item.has_key and not item.certificate.is_ca]
    groups = {group.name for item in own for name in item.addresses if (group := rules.group_of(name)) is not None}
    fallen = f"{counted(len(under), 'stored certificate')} and {counted(len(groups), 'group')}"
    named = f" ({', '.join(sorted(groups))})" if groups else ""
    return (
        f"with {_named(authority)} fall {fallen}{named}: signatures below it are not believed, what was learned below"
        " it is not used, and it goes along with no signature of ours"
    )


def _row(holding: Holding, at: datetime) -> tuple[str, ...]:
    certificate = holding.certificate
    names = ", ".join(certificate.addresses) or certificate.subject
    expired = f" {reason}" if (reason := certificate.fault_at(at)) else ""
    return (
        certificate.fingerprint[:SHORT],
        names,
        "yes" if holding.has_key else "",
        ", ".join(_uses(holding)),
        _trust(holding),
        day(certificate.not_after) + expired,
    )


def _uses(holding: Holding) -> list[str]:
    certificate = holding.certificate
    possible = {"ca": certificate.is_ca, "sign": certificate.may_sign, "encrypt": certificate.may_encrypt}
    return [use for use, may in possible.items() if may]


def _trust(holding: Holding) -> str:
    if holding.learned:
        return "learned" if holding.trusted else "quarantined"
    if holding.distrusted:
        return "distrusted"
    if not holding.trusted:
        return "none"
    return "anchor" if holding.certificate.is_ca else "trusted"


def _json(holding: Holding, at: datetime) -> dict[str, Any]:
    certificate = holding.certificate
    return {
        "fingerprint": certificate.fingerprint,
        "addresses": list(certificate.addresses),
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial": f"{certificate.serial:x}",
        "not_before": moment(certificate.not_before),
        "not_after": moment(certificate.not_after),
        "validity": certificate.fault_at(at) or "valid",
        "is_ca": certificate.is_ca,
        "algorithm": certificate.key_kind,
        "key_size": certificate.key_size,
        "curve": certificate.curve,
        "has_key": holding.has_key,
        "uses": _uses(holding),
        "trust": _trust(holding),
    }
