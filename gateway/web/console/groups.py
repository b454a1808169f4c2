"""*Groups*: the policy that is effective for each, and what would leave now."""

from starlette.responses import HTMLResponse

from gateway.admin import groups
from gateway.clock import now
from gateway.web.console.page_route import pages
from gateway.web.console.visit import Reading

router = pages()


@router.get("/groups")
def listed(visit: Reading) -> HTMLResponse:
    """Show all, in the order in which they match."""
    return visit.page("groups.html", groups=groups.listed(visit.wiring), at=now())
