"""Signing in and out, and the language, which anybody may choose: the only pages for who is not signed in."""

from fastapi import Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from gateway.admin import sessions
from gateway.admin.sessions import SignedIn, TooOften, WrongCredentials
from gateway.web.console import cookie, forgery
from gateway.web.console.language import COOKIE, LANGUAGES
from gateway.web.console.page import local, page, translated
from gateway.web.console.page_route import pages
from gateway.web.console.visit import Own, Short, caller
from gateway.web.console.words import phrase
from gateway.web.site import InForce

YEAR = 365 * 24 * 3600

router = pages()


@router.post("/sign-in")
def sign_in(request: Request, wiring: InForce, form: Short) -> Response:
    """Begin a session; the form has no token, for there is no session yet."""
    name = str(form.get("name", ""))
    try:
        begun = sessions.sign_in(wiring, name, str(form.get("password", "")), caller(request))
    except (WrongCredentials, TooOften) as error:
        facts = {"name": name[:64], "next": _next(form), "problem": _said(request, error)}
        return page(request, "sign_in.html", _status(error), **facts)
    return _begun(request, begun, form)


@router.post("/sign-in/code")
def enter_code(request: Request, wiring: InForce, form: Own) -> Response:
    """Complete a session by a one-time code."""
    secret = cookie.secret(request) or ""
    try:
        begun = sessions.enter_code(wiring, secret, str(form.get("code", "")), caller(request))
    except (WrongCredentials, TooOften) as error:
        facts = {"token": forgery.form_token(secret), "next": _next(form), "problem": _said(request, error)}
        return page(request, "code.html", _status(error), **facts)
    return _begun(request, begun, form)


@router.post("/sign-out")
def sign_out(request: Request, wiring: InForce, form: Own) -> Response:
    """End the session."""
    sessions.sign_out(wiring, cookie.secret(request) or "")
    answer = RedirectResponse("/", 303)
    cookie.take(request, answer)
    return answer


@router.get("/language/{code}")
def speak(request: Request, code: str, next: str = "/") -> Response:
    """Speak another language from now on."""
    answer = RedirectResponse(local(next), 303)
    if code in LANGUAGES:
        answer.set_cookie(COOKIE, code, max_age=YEAR, httponly=True, samesite="lax")
    return answer


def _next(form: FormData) -> str:
    return local(str(form.get("next", "/")))


def _begun(request: Request, begun: SignedIn, form: FormData) -> Response:
    """Lead to where somebody wanted to go, with the session in the browser; a code that is owed is asked for there."""
    answer = RedirectResponse(_next(form), 303)
    cookie.give(request, answer, begun.secret)
    return answer


def _status(error: Exception) -> int:
    return 429 if isinstance(error, TooOften) else 401


def _said(request: Request, error: Exception) -> str:
    if isinstance(error, TooOften):
        seconds = max(1, round(error.pause.total_seconds()))
        return translated(request, phrase("Too many failed attempts. Try again in %(num)d s.")) % {"num": seconds}
    return translated(request, phrase("Name, password or code are wrong."))
