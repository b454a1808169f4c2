"""*Activity*: what became of messages, newest first; one in full; its question asked again; lists as files."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal

from fastapi import Query as Parameter
from pydantic import BaseModel
from starlette.responses import HTMLResponse, StreamingResponse

from gateway.admin import activity, export
from gateway.admin.activity import Query
from gateway.admin.cure import part_of
from gateway.admin.reasons import plain
from gateway.admin.replay import replayed
from gateway.admin.sentence import Sentence
from gateway.clock import now
from gateway.engine.record import Record, from_json
from gateway.engine.transaction import Direction, Verdict
from gateway.reason import Reason
from gateway.smime.finding import Encryption, Status
from gateway.web.console.page_route import pages
from gateway.web.console.visit import Reading
from gateway.wiring import Wiring

PER_PAGE = 50
WITHIN: Mapping[str, timedelta] = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
STATUSES = (
    *(Verdict.REJECT, Verdict.DEFER),
    *("signed", "not-signed", "encrypted", "not-encrypted"),
    *(status for status in Status if status is not Status.NONE),
    *(Encryption.DECRYPTED, Encryption.FAILED, Encryption.PARTIAL),
)
FILES: Mapping[str, tuple[Callable[[Wiring, Query], Iterator[str]], str]] = {
    "csv": (export.as_csv, "text/csv; charset=utf-8"),
    "json": (export.as_json, "application/json"),
}
Text = Annotated[str, Parameter(max_length=400)]

router = pages()


class Wanted(BaseModel):
    """What the form of the list says; empty: all. Days begin in UTC, and the last one counts."""

    direction: Direction | Literal[""] = ""
    status: Text = ""
    address: Text = ""
    within: Text = ""
    group: Text = ""
    id: Text = ""
    message_id: Text = ""
    queue_id: Text = ""
    since: date | Literal[""] = ""
    until: date | Literal[""] = ""

    def query(self) -> Query:
        """Return which records are meant."""
        begin = _midnight(self.since) if self.since else None
        return Query(
            direction=self.direction or None,
            status=self.status or None,
            address=self.address.strip() or None,
            since=now() - WITHIN[self.within] if self.within in WITHIN else begin,
            id=self.id.strip() or None,
            message_id=self.message_id.strip() or None,
            queue_id=self.queue_id.strip() or None,
            until=_midnight(self.until) + timedelta(days=1) if self.until else None,
            groups=(self.group,) if self.group else None,
        )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


FIRST = ("direction", "status", "address", "within")
"""Fields that the form always shows."""


@router.get("/activity")
def listed(visit: Reading, wanted: Annotated[Wanted, Parameter()], after: str | None = None) -> HTMLResponse:
    """Show a page of the list."""
    found = activity.listed(visit.wiring, wanted.query(), after, PER_PAGE)
    given = {name: str(value) for name, value in wanted}
    return visit.page(
        "activity.html",
        records=[from_json(document) for document in found.items],
        next=found.next,
        after=after,
        given=given,
        narrowed=any(given.values()),
        more=any(value for name, value in given.items() if name not in FIRST),
        directions=tuple(Direction),
        statuses=STATUSES,
        groups=[group.name for group in visit.wiring.options.groups],
        spans=tuple(WITHIN),
    )


@router.get("/activity/file")
def file(
    visit: Reading, wanted: Annotated[Wanted, Parameter()], form: Literal["csv", "json"] = "csv"
) -> StreamingResponse:
    """Download all that fit, piece by piece."""
    (way, kind), query = FILES[form], wanted.query()
    activity.listed(visit.wiring, query, None, 1)  # what is wrong with the question is said before the file begins
    name = f"activity-{now():%Y%m%d-%H%M%S}.{form}"
    fields = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(way(visit.wiring, query), media_type=kind, headers=fields)


@router.get("/activity/{name}")
def shown(visit: Reading, name: str) -> HTMLResponse:
    """Show one record in full."""
    mail = activity.shown(visit.wiring, name)
    record = from_json(mail.record)
    return visit.page(
        "record.html",
        record=record,
        others=[each for each in mail.records if each != record.id],
        cure=mail.cure,
        meaning=meanings(record),
    )


@router.get("/activity/{name}/replay")
def again(visit: Reading, name: str) -> HTMLResponse:
    """Show what would become of it today."""
    return visit.page("replay.html", view=replayed(visit.wiring, name))


def meanings(record: Record) -> Callable[[Reason], Sentence]:
    """Return what says the reasons of a record in plain words."""
    part = part_of(record)

    def meaning(reason: Reason) -> Sentence:
        return Sentence(plain(part, reason).meaning)

    return meaning
