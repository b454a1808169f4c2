"""A page: a template in the reader's language, with what every template may ask for."""

from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse

from gateway.web.console.language import COOKIE, catalogue, chosen
from gateway.web.console.rendering import environment
from gateway.web.console.words import DONE


def page(request: Request, template: str, status: int = 200, **facts: Any) -> HTMLResponse:
    """Return a page; ``facts`` are the template's, among them ``visit`` where somebody is signed in."""
    done = DONE.get(request.query_params.get("done", ""))
    frame = {
        "visit": None,
        "hostname": "",
        "problem": "",
        "link": lambda **changes: _link(request, changes),
        "language_link": lambda code: _language_link(request, code),
        "done": done and translated(request, done),
    }
    made = environment(language_of(request)).get_template(template)
    return HTMLResponse(made.render(frame | facts), status)


def translated(request: Request, phrase: str) -> str:
    """Return a phrase of the catalogue in the reader's language."""
    return catalogue(language_of(request)).gettext(phrase)


def language_of(request: Request) -> str:
    """Return the reader's language."""
    return chosen(request.cookies.get(COOKIE), request.headers.get("accept-language", ""))


def local(path: str) -> str:
    """Return a path of ours as it is; what may lead elsewhere becomes the first page."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_ours else "/"


def _link(request: Request, changes: dict[str, object]) -> str:
    """Return the address of this page with other parameters; None takes one away."""
    kept = {name: value for name, value in request.query_params.items() if name != "done"} | changes
    query = urlencode({name: value for name, value in kept.items() if value not in (None, "")})
    return f"{request.url.path}?{query}" if query else request.url.path


def _language_link(request: Request, code: str) -> str:
    back = _link(request, {}) if request.method == "GET" else "/"
    return f"/language/{code}?next={quote(back, safe='')}"
