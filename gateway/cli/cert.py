"""``cert``: the stored certificates, seen, exported, trusted, distrusted, deleted."""

from datetime import datetime, timedelta
from ssl import DER_cert_to_PEM_cert
from typing import Any

import click

from gateway.cli.printing import SHORT, day, json_option, moment, print_json, print_table, visible
from gateway.clock import now
from gateway.config.values import duration
from gateway.house import House
from gateway.pki.holding import Holding
from gateway.store.certificates import Trust

name_argument = click.argument("name", metavar="ID")


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
@name_argument
@json_option
@click.pass_obj
def delete(house: House, name: str, as_json: bool) -> None:
    """Delete a certificate, and its private key where no other certificate has it; mail does not bring it back."""
    gone = house.store.certificates.delete(name)
    if as_json:
        print_json({"fingerprint": gone.certificate.fingerprint, "deleted": True, "key_deleted": gone.with_key})
        return
    with_key = "; it was the last one with its private key, which is deleted, too" if gone.with_key else ""
    click.echo(f"deleted certificate {gone.certificate.fingerprint}{with_key}")


@cert.command()
@name_argument
@json_option
@click.pass_obj
def trust(house: House, name: str, as_json: bool) -> None:
    """Trust a leaf for itself, one learned from mail too, or make a CA certificate a trust anchor."""
    _mark(house, name, Trust.TRUSTED, as_json)


@cert.command()
@name_argument
@json_option
@click.pass_obj
def distrust(house: House, name: str, as_json: bool) -> None:
    """Use a certificate for nothing until it is trusted again."""
    _mark(house, name, Trust.DISTRUSTED, as_json)


def _mark(house: House, name: str, trust: Trust, as_json: bool) -> None:
    holding = house.store.certificates.set_trust(name, trust)
    if as_json:
        print_json(_json(holding, now()))
    else:
        click.echo(f"certificate {holding.certificate.fingerprint}: {_trust(holding)}")


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
