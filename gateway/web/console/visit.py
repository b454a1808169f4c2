"""A visit: one request of somebody who is signed in, and what its page needs; nobody gets a page without one.

A route asks for what it needs by the type of a parameter: ``Reading``, ``Checking``, ``Importing``, ``Administering``.
Without a session, or without that permission, it is never called. One that changes something also asks for ``Posted``,
the form, which is there only where it came from a page of this session (``forgery``).
"""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Request
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import HTMLResponse, RedirectResponse

from gateway.admin.actor import Actor
from gateway.admin.permission import ROLES, Permission, Role
from gateway.admin.sessions import Client, SignedIn, returning
from gateway.errors import Absent
from gateway.web.console import cookie, forgery
from gateway.web.console.navigation import NAVIGATION, Entry, here
from gateway.web.console.page import page, translated
from gateway.web.identity import client
from gateway.web.site import InForce
from gateway.wiring import Wiring

T = TypeVar("T")

LARGEST_FILE = 8 * 1024 * 1024
"""Octets of a file on a page: some 5,000 certificates; more is for the command."""
LARGEST_FIELD = LARGEST_FILE * 3 // 2
"""Octets of a field: such a file comes back sealed."""
FIELDS = 1000


class NotSignedIn(Exception):
    """Nobody is signed in, or not any more."""


class CodeOwed(Exception):
    """The password was right, and a one-time code is still owed."""


class Forbidden(Exception):
    """Somebody is signed in who may not do this."""


class Visit:
    """One request of somebody who is signed in."""

    def __init__(self, request: Request, wiring: Wiring, session: SignedIn) -> None:
        self.request = request
        self.wiring = wiring
        self.session = session

    @property
    def actor(self) -> Actor:
        """Who it is, for the audit log."""
        return self.session.grant.actor

    @property
    def role(self) -> Role:
        """What the account is."""
        return next(role for role, permissions in ROLES.items() if permissions == self.session.grant.permissions)

    @property
    def token(self) -> str:
        """What the session's forms carry."""
        return forgery.form_token(cookie.secret(self.request) or "")

    @property
    def client(self) -> Client:
        """Where the request comes from."""
        return caller(self.request)

    @property
    def navigation(self) -> list[list[Entry]]:
        """The pages that this person may see."""
        found = [[entry for entry in section if self.may(entry.needs)] for section in NAVIGATION]
        return [section for section in found if section]

    @property
    def here(self) -> str:
        """The one of them that is shown."""
        return here(self.request.url.path)

    def may(self, permission: Permission) -> bool:
        """Whether this person may do that."""
        return self.session.grant.may(permission)

    def require(self, permission: Permission) -> None:
        """Raise ``Forbidden`` where this person may not."""
        if not self.may(permission):
            raise Forbidden

    def page(self, template: str, status: int = 200, **facts: Any) -> HTMLResponse:
        """Return a page with the frame of who is signed in."""
        return page(self.request, template, status, visit=self, hostname=self.wiring.options.hostname, **facts)

    def say(self, phrase: str) -> str:
        """Return a phrase of the catalogue in the reader's language."""
        return translated(self.request, phrase)

    def to(self, path: str, done: str = "") -> RedirectResponse:
        """Lead to a page of ours after a change; ``done``: a word of ``words.DONE``, said there."""
        mark = "&" if "?" in path else "?"
        return RedirectResponse(f"{path}{mark}{urlencode({'done': done})}" if done else path, 303)


def known(found: T | None) -> T:
    """Return what was found. Raises ``Absent``."""
    if found is None:
        raise Absent("there is no such thing here")
    return found


def caller(request: Request) -> Client:
    """Return where a request comes from."""
    return Client(str(client(request) or ""), request.headers.get("user-agent", ""))


def visitor(permission: Permission) -> Callable[[Request, Wiring], Visit]:
    """Return what gives a route its visit, or does not let it be called."""

    def visit(request: Request, wiring: InForce) -> Visit:
        secret = cookie.secret(request)
        session = returning(wiring, secret) if secret else None
        if session is None:
            raise NotSignedIn
        if session.owes_code:
            raise CodeOwed
        found = Visit(request, wiring, session)
        found.require(permission)
        return found

    return visit


Reading = Annotated[Visit, Depends(visitor(Permission.READ))]
Checking = Annotated[Visit, Depends(visitor(Permission.CHECK))]
Importing = Annotated[Visit, Depends(visitor(Permission.IMPORT))]
Administering = Annotated[Visit, Depends(visitor(Permission.ADMIN))]


async def filled(request: Request) -> AsyncIterator[FormData]:
    """Give the form that came."""
    form = await _form(request)
    try:
        yield form
    finally:
        await form.close()


async def _form(request: Request) -> FormData:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await request.form(max_fields=FIELDS)
    parser = MultiPartParser(
        request.headers, request.stream(), max_files=1, max_fields=FIELDS, max_part_size=LARGEST_FIELD
    )
    return await parser.parse()


def posted(request: Request, form: Annotated[FormData, Depends(filled)]) -> FormData:
    """Return the form that came, from a page of this session."""
    forgery.check_token(form, cookie.secret(request) or "")
    return form


async def short(request: Request) -> FormData:
    """Return a form without files: of whom nobody knows yet no large one is taken into memory (``body.SMALL``)."""
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise MultiPartException("no files are taken here")
    return await request.form(max_fields=FIELDS)


def own(request: Request, form: Annotated[FormData, Depends(short)]) -> FormData:
    """Return such a form, from a page of this session."""
    forgery.check_token(form, cookie.secret(request) or "")
    return form


Short = Annotated[FormData, Depends(short)]
"""A form of who has no session yet."""
Own = Annotated[FormData, Depends(own)]
"""A form of a session, which may owe a code yet: for routes without a ``Visit``."""
Posted = Annotated[FormData, Depends(posted)]
