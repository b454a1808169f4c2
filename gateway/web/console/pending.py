"""*Pending*: certificates that wait, each beside what is in use now; approved or dropped, several at once."""

from starlette.responses import HTMLResponse

from gateway.admin.pending import pending
from gateway.web.console.page_route import pages
from gateway.web.console.visit import Reading

PER_PAGE = 20

router = pages()


@router.get("/pending")
def waiting(visit: Reading, after: str | None = None) -> HTMLResponse:
    """Show a page of what waits."""
    found = pending(visit.wiring, after, PER_PAGE)
    return visit.page("pending.html", pairs=found.items, next=found.next, after=after)
