"""*Audit*: who changed what, newest first; and whether the log is whole."""

from starlette.responses import HTMLResponse

from gateway.admin import audit
from gateway.web.console.page_route import pages
from gateway.web.console.visit import Administering, Posted

router = pages()


@router.get("/audit")
def listed(visit: Administering, after: str | None = None) -> HTMLResponse:
    """Show a page of the log."""
    return visit.page("audit.html", found=audit.listed(visit.wiring, after), after=after)


@router.post("/audit")
def verify(visit: Administering, form: Posted) -> HTMLResponse:
    """Follow the chain from its beginning to its end, and say what came of it."""
    verified = audit.verified(visit.wiring)
    return visit.page("audit.html", found=audit.listed(visit.wiring), after=None, verified=verified)
