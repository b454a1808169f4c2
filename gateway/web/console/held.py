"""*Held*: mail that waits, what for and how long; tried again or deleted, several at once."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Query
from starlette.responses import HTMLResponse, Response

from gateway.admin import held
from gateway.admin.held import HeldView
from gateway.admin.reasons import Part, plain
from gateway.admin.sentence import Sentence
from gateway.pki.need import NeedKind
from gateway.store.held.message import State
from gateway.web.console.page_route import pages
from gateway.web.console.visit import Administering, Importing, Posted, Reading, Visit, known
from gateway.web.console.words import phrase

PER_PAGE = 50
MOST = 200
"""Messages at once."""
NEEDED = {
    NeedKind.RECIPIENT: phrase("the private key of certificate"),
    NeedKind.SIGNER: phrase("the certificate"),
    NeedKind.ISSUER: phrase("the authority, trusted:"),
    NeedKind.SETTING: phrase("another value of the setting"),
}
Names = Annotated[list[str], Query(max_length=MOST)]

router = pages()


@router.get("/held")
def listed(
    visit: Reading, filter: Annotated[str, Query(max_length=200)] = "", after: str | None = None
) -> HTMLResponse:
    """Show a page of the list."""
    found = held.listed(visit.wiring, filter.strip(), after, PER_PAGE)
    return visit.page("held.html", found=found, after=after, wanted=filter, needed=NEEDED, meaning=_meaning, idle=_idle)


@router.get("/held/delete")
def ask(visit: Administering, id: Names) -> HTMLResponse:
    """Ask whether one, or some, are to be deleted."""
    return visit.page("held_delete.html", items=_named(visit, id))


@router.post("/held/delete")
def delete(visit: Administering, form: Posted) -> Response:
    """Ask whether those that were picked are to be deleted, and then delete them."""
    items = _named(visit, [str(name) for name in form.getlist("id")][:MOST])
    if not form.get("sure"):
        return visit.page("held_delete.html", items=items)
    held.delete_held(visit.wiring, visit.actor, [view.id for view in items])
    return visit.to("/held", done="deleted")


@router.post("/held/retry")
def retry(visit: Importing, form: Posted) -> Response:
    """Have them tried again."""
    names = [str(name) for name in form.getlist("id")][:MOST]
    known(names or None)
    held.retry_held(visit.wiring, visit.actor, names)
    return visit.to(f"/held/{names[0]}" if len(names) == 1 else "/held", done="tried-again")


@router.get("/held/{name}")
def shown(visit: Reading, name: str) -> HTMLResponse:
    """Show one in full."""
    (view,) = _named(visit, [name])
    return visit.page("held_one.html", item=view, needed=NEEDED, meaning=_meaning, idle=_idle)


def _named(visit: Visit, names: Sequence[str]) -> list[HeldView]:
    return known(held.shown(visit.wiring, names) or None)


def _meaning(view: HeldView) -> Sentence:
    return Sentence(plain(Part.ARRIVED, view.reason).meaning)


def _idle(view: HeldView) -> bool:
    """Whether it can be tried again."""
    return view.state not in (State.TRYING, State.WITHHELD)
