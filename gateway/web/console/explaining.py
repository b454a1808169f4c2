"""*Explain*: what would become of a message, rule by rule and why; nothing is sent, and nothing remembered."""

from starlette.datastructures import FormData, UploadFile
from starlette.responses import HTMLResponse

from gateway.admin.explain import Question, explained
from gateway.admin.permission import Permission
from gateway.engine.transaction import Direction
from gateway.errors import Refused
from gateway.web.console.page_route import pages
from gateway.web.console.visit import Checking, Posted

router = pages()


@router.get("/explain")
def form(visit: Checking, direction: str = "", sender: str = "", recipients: str = "") -> HTMLResponse:
    """Show the form."""
    given = {"direction": direction, "sender": sender, "recipients": recipients, "text": ""}
    return visit.page("explain.html", given=given, view=None, directions=tuple(Direction))


@router.post("/explain")
def explain(visit: Checking, form: Posted) -> HTMLResponse:
    """Explain a message, or one of which only the envelope is known."""
    given = {name: str(form.get(name) or "") for name in ("direction", "sender", "recipients", "text")}
    opens = bool(form.get("open")) and visit.may(Permission.ADMIN)
    try:
        view = explained(visit.wiring, _question(form, given), visit.actor if opens else None)
    except Refused as error:
        return visit.page("explain.html", 422, given=given, view=None, problem=str(error), directions=tuple(Direction))
    return visit.page("explain.html", given=given, view=view, directions=tuple(Direction))


def _question(form: FormData, given: dict[str, str]) -> Question:
    """Return what is asked. Raises ``Refused``."""
    file, content = form.get("file"), None
    if isinstance(file, UploadFile) and file.size:
        content = file.file.read()
    elif given["text"].strip():
        content = given["text"].encode("utf-8", "surrogatepass")
    return Question(
        direction=Direction(given["direction"]) if given["direction"] in tuple(Direction) else None,
        sender=given["sender"].strip() or None,
        recipients=tuple(given["recipients"].replace(",", " ").split()),
        content=content,
    )
