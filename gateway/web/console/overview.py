"""*Overview*: is mail flowing, what became of it within a day, and what needs attention."""

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from starlette.responses import HTMLResponse

from gateway.admin.attention import Matter, Topic
from gateway.admin.overview import Result, overview
from gateway.engine.transaction import Direction
from gateway.web.console.chart import ceiling, chart
from gateway.web.console.page_route import pages
from gateway.web.console.visit import Reading
from gateway.web.console.words import phrase
from gateway.web.flow import Flow

router = pages()


def _query(path: str, **more: str) -> str:
    return f"{path}?{urlencode(more)}"


def _certificates(matter: Matter) -> str:
    if len(matter.names) == 1 and matter.count == 1:
        return f"/certificates/{matter.names[0]}"
    return _query("/certificates", expiring=str(matter.days or 7))


LEADS: Mapping[Topic, tuple[str, Callable[[Matter], str]]] = {
    Topic.GROUP: (phrase("See the group"), lambda matter: f"/groups#{matter.names[0]}"),
    Topic.CERTIFICATE: (phrase("See certificates"), _certificates),
    Topic.HELD: (phrase("See held mail"), lambda matter: _query("/held", filter=str(matter.reason))),
    Topic.DECRYPT: (
        phrase("See records"),
        lambda _: _query("/activity", direction=Direction.INBOUND, status="failed", within="24h"),
    ),
    Topic.REFUSED: (
        phrase("See records"),
        lambda _: _query("/activity", direction=Direction.OUTBOUND, status="reject", within="24h"),
    ),
    Topic.PENDING: (phrase("See what waits"), lambda _: "/pending"),
}
"""Where a matter is seen to: the words of the button, and the page behind it."""


@router.get("/overview")
def shown(visit: Reading, flow: Flow) -> HTMLResponse:
    """Show everything at a glance."""
    view = overview(visit.wiring, flow)
    sides = {
        Direction.OUTBOUND: [(hour.hour, hour.outbound) for hour in view.hours],
        Direction.INBOUND: [(hour.hour, hour.inbound) for hour in view.hours],
    }
    top = ceiling(max(sum(counts.values()) for hours in sides.values() for _, counts in hours))
    return visit.page(
        "overview.html",
        view=view,
        charts={direction: chart(hours, top) for direction, hours in sides.items()},
        totals={
            direction: {result: sum(counts[result] for _, counts in hours) for result in Result}
            for direction, hours in sides.items()
        },
        top=top,
        results=tuple(Result),
        leads={topic: lead for topic, lead in LEADS.items() if topic in {each.topic for each in view.attention}},
    )
