"""``log``: what became of recent messages, from the journal, newest last; ``log show``: all that is known of one."""

import json
import sys
from datetime import UTC, datetime
from typing import Any

import click

from gateway.admin import activity
from gateway.admin.activity import Document, Query
from gateway.cli.printing import json_option, print_json, print_table, visible
from gateway.cli.records import COLUMNS, details, row
from gateway.clock import now, rfc3339
from gateway.config.values import duration
from gateway.engine.record import from_json
from gateway.engine.transaction import Direction, Verdict
from gateway.errors import Malformed
from gateway.log import line
from gateway.mail.address import parse_path
from gateway.smime.finding import Encryption, Status
from gateway.wiring import Wiring

STATUSES = tuple(
    dict.fromkeys(
        str(word) for word in ("signed", "not-signed", "encrypted", "not-encrypted", *Status, *Encryption, *Verdict)
    )
)


class Since(click.ParamType[datetime]):
    """A time (RFC 3339; UTC where it says nothing else), or how long ago: ``2h``."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it, or end with a usage error."""
        if isinstance(value, datetime):
            return value
        try:
            return now() - duration(value)
        except ValueError:
            pass
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-01-31T12:00:00Z, 2026-01-31, or 2h for two hours ago")
        return at if at.tzinfo else at.replace(tzinfo=UTC)


class Address(click.ParamType[str]):
    """A mail address, or all of a domain: ``@example.org``."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it, or end with a usage error."""
        if value.startswith("*@"):
            self.fail(f"{value!r}: everybody there is written {value[1:]}")
        try:
            return parse_path(f"anybody{value}").removeprefix("anybody") if value.startswith("@") else parse_path(value)
        except Malformed as error:
            self.fail(f"{value!r}: {error}; write user@example.org, or @example.org for everybody there")


@click.group(invoke_without_command=True)
@click.option("--follow", is_flag=True, help="Go on with new messages until interrupted.")
@click.option("--direction", type=click.Choice([direction.value for direction in Direction]))
@click.option(
    "--status",
    type=click.Choice(STATUSES),
    metavar="S",
    help="Signature status, encryption status or verdict, e.g. signed, reject.",
)
@click.option("--address", type=Address(), metavar="A", help="Sender, From or a recipient; @DOMAIN: anybody there.")
@click.option("--id", "id_", metavar="I", help="All records of one mail: arrival, hold, retries. Or a beginning of it.")
@click.option("--message-id", metavar="M", help="The mail's own Message-ID, with or without <>.")
@click.option("--queue-id", metavar="Q", help="The mail server's queue id.")
@click.option("--since", type=Since(), metavar="T", help="A time (RFC 3339), or how long ago, e.g. 2h.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, metavar="N")
@click.option("--long", is_flag=True, help="On a terminal, too: one long line for each, as in the service's own log.")
@json_option
@click.pass_context
def log(
    context: click.Context,
    follow: bool,
    direction: str | None,
    status: str | None,
    address: str | None,
    id_: str | None,
    message_id: str | None,
    queue_id: str | None,
    since: datetime | None,
    limit: int,
    long: bool,
    as_json: bool,
) -> None:
    """Show recent messages, newest last: a table on a terminal, else one line each. `log show ID`: one in full."""
    if context.invoked_subcommand is not None:
        return
    query = Query(direction, status, address, since, id_, message_id, queue_id)
    wiring: Wiring = context.obj
    if sys.stdout.isatty() and not (follow or long or as_json):
        print_table(COLUMNS, (row(from_json(document)) for document in activity.recent(wiring, query, limit)))
        return
    try:
        for document in activity.followed(wiring, query, limit) if follow else activity.recent(wiring, query, limit):
            click.echo(json.dumps(document) if as_json else _line(document))
    except KeyboardInterrupt:
        if not follow:
            raise


@log.command()
@click.argument("name", metavar="ID")
@json_option
@click.pass_obj
def show(wiring: Wiring, name: str, as_json: bool) -> None:
    """Show all that is known of one message. ID: of its record, or of held mail, or a beginning of it."""
    mail = activity.shown(wiring, name)
    if as_json:
        print_json(mail.record)
        return
    for text in details(mail.record):
        click.echo(visible(text))
    if len(mail.records) > 1:
        click.echo(f"records of this mail: {', '.join(mail.records)}")


def _line(document: Document) -> str:
    record = from_json(document)
    return f"{rfc3339(record.received_at)} {line(record)}"
