"""*Add*: one form for everything that an import takes; looked at first, then done.

Between the two the page carries the file back, sealed (``sealed``): so it works without a script, a passphrase and a
key are in no page in clear, and nothing waits on the server.
"""

import base64
import json
from dataclasses import replace
from enum import Enum
from typing import Any, TypeVar

from starlette.datastructures import FormData, UploadFile
from starlette.responses import HTMLResponse

from gateway.admin.imports import Bundle, Result, TrustWish, Wishes, import_bundle
from gateway.admin.permission import Permission
from gateway.clock import now
from gateway.pki.self_issued import Whose
from gateway.reason import Reason
from gateway.web.console.page_route import pages
from gateway.web.console.sealed import seal, unseal
from gateway.web.console.visit import LARGEST_FILE, Importing, Posted, Visit, known
from gateway.web.console.words import phrase

E = TypeVar("E", bound=Enum)
_PURPOSE = "import"

router = pages()


@router.get("/add")
def form(visit: Importing) -> HTMLResponse:
    """Show the form."""
    return visit.page("add.html")


@router.post("/add")
def look(visit: Importing, form: Posted) -> HTMLResponse:
    """Show what a file holds, and what would become of it."""
    brought = _again(visit, form) if form.get("sealed") else _brought(visit, form)
    if brought is None:
        return visit.page("add.html", 422, problem=visit.say(phrase("Choose a file or paste something.")))
    bundle, wishes = brought
    if len(bundle.data) > LARGEST_FILE:
        return visit.page("add.html", 413, problem=visit.say(phrase("This is more than 8 MB: split it.")))
    lines = import_bundle(visit.wiring, visit.actor, bundle, replace(wishes, dry_run=True))
    return visit.page(
        "preview.html",
        lines=lines,
        sealed=_sealed(visit, bundle, wishes),
        ambiguous=any(line.reason is Reason.AMBIGUOUS for line in lines),
        useful=sum(line.result is not Result.REFUSED for line in lines),
        forbidden=not wishes.anchors and any(line.anchor for line in lines),
    )


@router.post("/add/now")
def do(visit: Importing, form: Posted) -> HTMLResponse:
    """Store what was looked at."""
    bundle, wishes = _again(visit, form)
    return visit.page("imported.html", lines=import_bundle(visit.wiring, visit.actor, bundle, wishes))


def _brought(visit: Visit, form: FormData) -> tuple[Bundle, Wishes] | None:
    """Return what somebody chose or pasted; None: nothing."""
    file, text = form.get("file"), form.get("text")
    if isinstance(file, UploadFile) and file.size:
        name, data = file.filename or "", file.file.read()
    elif isinstance(text, str) and text.strip():
        name, data = "", text.encode("utf-8", "surrogatepass")
    else:
        return None
    passphrase = str(form.get("passphrase") or "")
    trust = _chosen(TrustWish, form, "trust") or TrustWish.DEFAULT
    wishes = _wishes(visit, trust, _chosen(Whose, form, "whose"))
    return Bundle(name, data, [passphrase.encode()] if passphrase else []), wishes


def _wishes(visit: Visit, trust: TrustWish, whose: Whose | None) -> Wishes:
    """Return how to import; anchors are an administrator's to make."""
    return Wishes(trust, whose, anchors=visit.may(Permission.ADMIN))


def _chosen(choices: type[E], form: FormData, name: str) -> E | None:
    """Return what was chosen; None: nothing. Raises ``Absent``."""
    value = form.get(name)
    return known(next((choice for choice in choices if choice.value == value), None)) if value else None


def _sealed(visit: Visit, bundle: Bundle, wishes: Wishes) -> str:
    head = {
        "name": bundle.name,
        "passphrases": [base64.b64encode(item).decode() for item in bundle.passphrases],
        "trust": wishes.trust,
        "whose": wishes.whose,
    }
    data = json.dumps(head).encode() + b"\n" + bundle.data
    return seal(visit.wiring, _PURPOSE, visit.token, data, now())


def _again(visit: Visit, form: FormData) -> tuple[Bundle, Wishes]:
    """Return what was looked at, with what has been said since. Raises ``Stale``."""
    opened = unseal(visit.wiring, _PURPOSE, visit.token, str(form.get("sealed")), now())
    line, _, data = opened.partition(b"\n")
    head: dict[str, Any] = json.loads(line)
    passphrases = [base64.b64decode(item) for item in head["passphrases"]]
    whose = _chosen(Whose, form, "whose") or (Whose(head["whose"]) if head["whose"] else None)
    return Bundle(head["name"], data, passphrases), _wishes(visit, TrustWish(head["trust"]), whose)
