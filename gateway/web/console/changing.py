"""What is done with certificates, one or several: asked first, with what goes along, then done.

A deed on several is one use-case with several names; who may not do it to one of them may do it to none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import HTMLResponse, Response

from gateway.admin import certificates, deletion, places, trust
from gateway.admin.actor import Actor
from gateway.admin.certificate_view import CertificateKind, CertificateView, TrustWord
from gateway.admin.permission import Permission
from gateway.policy.state import State
from gateway.web.console.page import local
from gateway.web.console.page_route import pages
from gateway.web.console.visit import Posted, Reading, Visit, known
from gateway.web.console.words import phrase
from gateway.wiring import Wiring

router = pages()
MOST = 200
"""Certificates at once."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that is done with certificates. ``one``, ``many``: the question; ``word``: on buttons.

    ``of_authorities``, ``of_people``: the permission it takes.
    """

    word: str
    one: str
    many: str
    done: str
    act: Callable[[Wiring, Actor, Sequence[str]], Any]
    of_people: Permission = Permission.IMPORT
    of_authorities: Permission = Permission.ADMIN
    danger: bool = False

    def needs(self, item: CertificateView) -> Permission:
        """Return what it takes to do this with that one."""
        return self.of_authorities if item.kind is CertificateKind.CA else self.of_people


DEEDS = {
    "approve": Deed(
        phrase("Approve"),
        phrase("Approve this certificate?"),
        phrase("Approve these certificates?"),
        "approved",
        places.approve,
    ),
    "pin": Deed(
        phrase("Pin"), phrase("Pin this certificate?"), phrase("Pin these certificates?"), "pinned", places.pin
    ),
    "trust": Deed(
        phrase("Trust"), phrase("Trust this certificate?"), phrase("Trust these certificates?"), "trusted", trust.trust
    ),
    "untrust": Deed(
        phrase("Take trust back"),
        phrase("Take back what was said of this certificate?"),
        phrase("Take back what was said of these certificates?"),
        "untrusted",
        trust.untrust,
    ),
    "distrust": Deed(
        phrase("Distrust"),
        phrase("Distrust this certificate?"),
        phrase("Distrust these certificates?"),
        "distrusted",
        trust.distrust,
        danger=True,
    ),
    "delete": Deed(
        phrase("Delete"),
        phrase("Delete this certificate?"),
        phrase("Delete these certificates?"),
        "deleted",
        deletion.delete_certificates,
        of_people=Permission.ADMIN,
        danger=True,
    ),
}


def possible(item: CertificateView) -> list[str]:
    """Return the deeds that change something of a certificate as it stands."""
    said = {
        "approve": item.state is State.PENDING,
        "pin": item.kind is CertificateKind.LEAF and not item.pinned and item.trust is not TrustWord.DISTRUSTED,
        "trust": item.trust not in (TrustWord.ANCHOR, TrustWord.TRUSTED),
        "untrust": item.trust in (TrustWord.ANCHOR, TrustWord.TRUSTED, TrustWord.DISTRUSTED),
        "distrust": item.trust is not TrustWord.DISTRUSTED,
        "delete": True,
    }
    return [deed for deed, changes in said.items() if changes]


@router.get("/certificates/change")
def ask(visit: Reading, do: str, id: Annotated[list[str], Query(max_length=MOST)], back: str = "") -> HTMLResponse:
    """Ask whether it is to be done, and say what goes along. ``back``: the page that asked."""
    return _asked(visit, do, *_meant(visit, do, id), back=back)


def _asked(
    visit: Visit, do: str, deed: Deed, items: Sequence[CertificateView], *, back: str, status: int = 200
) -> HTMLResponse:
    names = [item.fingerprint for item in items]
    return visit.page(
        "change.html",
        status,
        do=do,
        deed=deed,
        items=items,
        back=local(back or f"/certificates/{names[0]}"),
        falls=trust.falls(visit.wiring, names) if do in ("distrust", "untrust") else [],
        doomed=deletion.doomed(visit.wiring, names) if do == "delete" else None,
    )


@router.post("/certificates/change")
def change(visit: Reading, form: Posted) -> Response:
    """Do it."""
    do, back = str(form.get("do", "")), local(str(form.get("back", "")))
    deed, items = _meant(visit, do, [str(name) for name in form.getlist("id")][:MOST])
    names = [item.fingerprint for item in items]
    if do == "delete" and str(len(deletion.doomed(visit.wiring, names).keys)) != form.get("losing"):
        return _asked(visit, do, deed, items, back=back, status=409)  # a key would go that nobody was told of
    deed.act(visit.wiring, visit.actor, names)
    is_gone = do == "delete" and back == f"/certificates/{names[0]}"
    return visit.to("/certificates" if is_gone else back, done=deed.done)


def _meant(visit: Visit, do: str, names: Sequence[str]) -> tuple[Deed, list[CertificateView]]:
    """Return what is to be done with what. Raises ``Forbidden``, ``Refused``."""
    deed = known(DEEDS.get(do))
    items = certificates.named(visit.wiring, names)
    for item in items:
        visit.require(deed.needs(item))
    return known(deed if items else None), items
