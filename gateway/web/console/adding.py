"""*Add*: one form for everything that an import takes; looked at first, then done.

Between the two the page carries the file back, sealed (``sealed``): so it works without a script, a passphrase and a
key are in no page in clear, and nothing waits on the server.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.responses import HTMLResponse

from gateway.admin.imports import Bundle, ImportedView, Result, TrustWish, Wishes, import_bundle
from gateway.admin.permission import Permission
from gateway.clock import now
from gateway.pki.self_issued import Whose
from gateway.reason import Reason
from gateway.web.console.page_route import pages
from gateway.web.console.sealed import seal, unseal
from gateway.web.console.visit import LARGEST_FILE, Forbidden, Importing, Posted, Visit
from gateway.web.console.words import phrase

_PURPOSE = "import"

router = pages()


@router.get("/add")
def form(visit: Importing) -> HTMLResponse:
    """Show the form."""
    return visit.page("add.html")


@router.post("/add")
def look(visit: Importing, form: Posted) -> HTMLResponse:
    """Show what a file holds, and what would become of it."""
    brought = _again(visit, form) if form.get("sealed") else _brought(form)
    if brought is None:
        return visit.page("add.html", 422, problem=visit.say(phrase("Choose a file or paste something.")))
    bundle, wishes = brought
    if len(bundle.data) > LARGEST_FILE:
        return visit.page("add.html", 413, problem=visit.say(phrase("This is more than 8 MB: split it.")))
    lines = _look(visit, bundle, wishes)
    return visit.page(
        "preview.html",
        lines=lines,
        sealed=_sealed(visit, bundle, wishes),
        ambiguous=any(line.reason is Reason.AMBIGUOUS for line in lines),
        useful=sum(line.result is not Result.REFUSED for line in lines),
        forbidden=not _may(visit, lines),
    )


@router.post("/add/now")
def do(visit: Importing, form: Posted) -> HTMLResponse:
    """Store what was looked at."""
    bundle, wishes = _again(visit, form)
    if not _may(visit, _look(visit, bundle, wishes)):
        raise Forbidden
    return visit.page("imported.html", lines=import_bundle(visit.wiring, visit.actor, bundle, wishes))


def _may(visit: Visit, lines: Sequence[ImportedView]) -> bool:
    """Whether somebody may import this: anchors are an administrator's to make."""
    return visit.may(Permission.ADMIN) or not any(line.anchor for line in lines)


def _look(visit: Visit, bundle: Bundle, wishes: Wishes) -> list[ImportedView]:
    """Return what would become of it, with nothing stored."""
    return import_bundle(visit.wiring, visit.actor, bundle, replace(wishes, dry_run=True))


def _brought(form: FormData) -> tuple[Bundle, Wishes] | None:
    """Return what somebody chose or pasted; None: nothing."""
    file, text = form.get("file"), form.get("text")
    if isinstance(file, UploadFile) and file.size:
        name, data = file.filename or "", file.file.read()
    elif isinstance(text, str) and text.strip():
        name, data = "", text.encode("utf-8", "surrogatepass")
    else:
        return None
    passphrase = str(form.get("passphrase") or "")
    trust = TrustWish(str(form.get("trust") or TrustWish.DEFAULT))
    return Bundle(name, data, [passphrase.encode()] if passphrase else []), Wishes(trust, _whose(form))


def _whose(form: FormData) -> Whose | None:
    return Whose(str(form["whose"])) if form.get("whose") else None


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
    whose = _whose(form) or (Whose(head["whose"]) if head["whose"] else None)
    return Bundle(head["name"], data, passphrases), Wishes(TrustWish(head["trust"]), whose)
