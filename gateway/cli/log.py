"""``log``: what became of recent messages, from the journal, newest last."""

import json
from datetime import UTC, datetime
from typing import Any

import click

from gateway.cli.printing import json_option, moment
from gateway.clock import now
from gateway.config.values import duration
from gateway.engine.record import from_json
from gateway.engine.transaction import Direction, Verdict
from gateway.house import House
from gateway.log import line
from gateway.smime.finding import Encryption, Status
from gateway.store.journal import Document, Query

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


@click.command()
@click.option("--follow", is_flag=True, help="Go on with new messages until interrupted.")
@click.option("--direction", type=click.Choice([direction.value for direction in Direction]))
@click.option(
    "--status",
    type=click.Choice(STATUSES),
    metavar="S",
    help="Signature status, encryption status or verdict, e.g. signed, reject.",
)
@click.option("--address", metavar="A", help="Sender, From or a recipient; @DOMAIN: anybody there.")
@click.option("--since", type=Since(), metavar="T", help="A time (RFC 3339), or how long ago, e.g. 2h.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, metavar="N")
@json_option
@click.pass_obj
def log(
    house: House,
    follow: bool,
    direction: str | None,
    status: str | None,
    address: str | None,
    since: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show recent messages, newest last."""
    query = Query(direction, status, address, since)
    journal = house.store.journal
    try:
        for document in journal.follow(query, limit) if follow else journal.recent(query, limit):
            click.echo(json.dumps(document) if as_json else _line(document))
    except KeyboardInterrupt:
        if not follow:
            raise


def _line(document: Document) -> str:
    record = from_json(document)
    return f"{moment(record.received_at)} {line(record)}"
