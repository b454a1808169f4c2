"""``token``: what programs sign in with at the API."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import click

from gateway.admin import tokens
from gateway.admin.permission import Permission
from gateway.admin.tokens import TokenView, TokenWish
from gateway.cli.actor import this_user
from gateway.cli.printing import day, json_option, print_json, print_table
from gateway.clock import now, rfc3339
from gateway.config.values import Network, duration, network
from gateway.wiring import Wiring


class NetworkType(click.ParamType[Network]):
    """A network in CIDR notation, or an address."""

    name = "network"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Network:
        """Read it, or end with a usage error."""
        try:
            return network(value)
        except ValueError as error:
            self.fail(str(error))


class Until(click.ParamType[datetime]):
    """A day, to its end (UTC), a time (RFC 3339; UTC where it says nothing else), or how long from now: ``90d``."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it, or end with a usage error."""
        if isinstance(value, datetime):
            return value
        try:
            return _until(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no date; write 2026-12-31, 2026-12-31T12:00:00Z, or 90d for 90 days from now")


def _until(value: str) -> datetime:
    try:
        return now() + duration(value)
    except ValueError:
        pass
    try:
        return datetime.combine(date.fromisoformat(value) + timedelta(days=1), time(tzinfo=UTC))
    except ValueError:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


@click.group()
def token() -> None:
    """Tokens of programs at the API."""


@token.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([permission.value for permission in Permission]),
    multiple=True,
    required=True,
    help="What it allows; may be given several times. admin allows everything.",
)
@click.option("--group", "groups", multiple=True, metavar="G", help="Only what concerns this group of the helpdesk.")
@click.option("--client", "clients", type=NetworkType(), multiple=True, metavar="CIDR", help="Only from this network.")
@click.option("--until", type=Until(), metavar="DATE", help="The last day, a time, or how long, e.g. 90d.")
@json_option
@click.pass_obj
def create(
    wiring: Wiring,
    name: str,
    scopes: tuple[str, ...],
    groups: tuple[str, ...],
    clients: tuple[Network, ...],
    until: datetime | None,
    as_json: bool,
) -> None:
    """Make a token, and print it: this once, for only its hash is kept."""
    wish = TokenWish(name, [Permission(scope) for scope in scopes], groups, clients, until)
    made = tokens.create(wiring, this_user(), wish)
    if as_json:
        print_json(made)
    else:
        click.echo(made.token)
        click.echo(f"token {made.name}: keep it; it is not shown again", err=True)


@token.command("list")
@json_option
@click.pass_obj
def list_(wiring: Wiring, as_json: bool) -> None:
    """List tokens, without their secrets."""
    found = tokens.listed(wiring)
    if as_json:
        print_json(found)
    else:
        print_table(("name", "scopes", "groups", "clients", "until", "made", "by", "used"), map(_row, found))


@token.command()
@click.argument("name")
@json_option
@click.pass_obj
def delete(wiring: Wiring, name: str, as_json: bool) -> None:
    """Delete a token: it opens nothing from now on."""
    gone = tokens.delete(wiring, this_user(), name)
    if as_json:
        print_json(gone)
    else:
        click.echo(f"deleted token {gone.name}")


def _row(view: TokenView) -> tuple[str, ...]:
    return (
        view.name,
        ", ".join(view.scopes),
        ", ".join(view.groups) or "all",
        ", ".join(view.clients) or "all",
        "" if view.until is None else rfc3339(view.until),
        day(view.created_at),
        view.created_by,
        "never" if view.used_at is None else day(view.used_at),
    )
