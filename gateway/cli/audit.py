"""``audit``: who changed what, and whether the log of it is whole."""

import click

from gateway.admin import audit as log
from gateway.admin.audit import AuditVerified, AuditView
from gateway.cli.printing import counted, json_option, print_json, print_table
from gateway.clock import rfc3339
from gateway.wiring import Wiring

BROKEN = 65
NAMED = 3
"""Effects that a line of the table names."""


@click.group()
def audit() -> None:
    """The log of changes to certificates, keys, trust, accounts, tokens, held mail and configuration."""


@audit.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, metavar="N")
@click.option("--after", metavar="ROW", help="Only rows older than this one.")
@json_option
@click.pass_obj
def list_(wiring: Wiring, limit: int, after: str | None, as_json: bool) -> None:
    """List changes, newest last."""
    found = log.listed(wiring, after, limit).items[::-1]
    if as_json:
        print_json(found)
    else:
        print_table(("row", "at", "who", "did", "to"), map(_row, found))


@audit.command()
@json_option
@click.pass_context
def verify(context: click.Context, as_json: bool) -> None:
    """Follow the chain from row to row, and name the first that does not hold (exit code 65)."""
    found = log.verified(context.obj)
    if as_json:
        print_json(found)
    else:
        _report(found)
    if not found.valid:
        context.exit(BROKEN)


def _report(found: AuditVerified) -> None:
    before = f" behind {found.pruned} that went by age" if found.pruned else ""
    click.echo(f"{counted(found.rows, 'row')} hold{'s' if found.rows == 1 else ''}{before}")
    if found.sequence:
        click.echo(f"the last is row {found.sequence}, hash {found.hash}")
    if not found.valid:
        click.echo(f"row {found.broken} {found.fault}", err=True)


def _row(view: AuditView) -> tuple[str, ...]:
    effects = [*map(str, view.effects[:NAMED])]
    if (more := len(view.effects) - NAMED) > 0:
        effects.append(f"and {more} more")
    who = f"{view.actor.kind} {view.actor.name}"
    return str(view.sequence), rfc3339(view.at), who, view.verb, ", ".join(effects)
