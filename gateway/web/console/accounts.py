"""*Accounts*: who may sign in, made and changed by administrators; nobody changes what he may himself."""

from starlette.responses import HTMLResponse, Response

from gateway.admin import accounts, sessions
from gateway.admin.passwords import LEAST
from gateway.admin.permission import Role
from gateway.errors import Refused
from gateway.web.console.page_route import pages
from gateway.web.console.visit import Administering, Forbidden, Posted, Visit, known
from gateway.web.console.words import phrase

router = pages()
ROLES = tuple(Role)


@router.get("/accounts")
def listed(visit: Administering) -> HTMLResponse:
    """Show all."""
    return _list(visit)


def _list(visit: Visit, status: int = 200, **facts: object) -> HTMLResponse:
    found = accounts.listed(visit.wiring)
    return visit.page("accounts.html", status, accounts=found, roles=ROLES, shortest=LEAST, **facts)


@router.post("/accounts")
def add(visit: Administering, form: Posted) -> Response:
    """Make one."""
    name, password = str(form.get("name", "")), str(form.get("password", ""))
    try:
        made = accounts.add(visit.wiring, visit.actor, name, _role(str(form.get("role"))), password)
    except Refused as error:
        return _list(visit, 422, problem=str(error))
    return visit.to(f"/accounts/{made.name}", done="account-added")


@router.get("/accounts/{name}")
def shown(visit: Administering, name: str) -> HTMLResponse:
    """Show one."""
    return _one(visit, name)


def _one(visit: Visit, name: str, status: int = 200, **facts: object) -> HTMLResponse:
    account = accounts.shown(visit.wiring, name)
    return visit.page(
        "account.html",
        status,
        account=account,
        own=account.name == visit.actor.name,
        sessions=sessions.listed(visit.wiring, account.name),
        roles=ROLES,
        shortest=LEAST,
        **facts,
    )


@router.post("/accounts/{name}")
def change(visit: Administering, name: str, form: Posted) -> Response:
    """Disable one or let it sign in again, or forget its one-time codes."""
    _not_own(visit, name)
    match form.get("do"):
        case "disable":
            accounts.set_disabled(visit.wiring, visit.actor, name, True)
        case "enable":
            accounts.set_disabled(visit.wiring, visit.actor, name, False)
        case "codes-off":
            accounts.turn_totp_off(visit.wiring, visit.actor, name)
        case _:
            known(None)
    return visit.to(f"/accounts/{name}", done="changed")


@router.post("/accounts/{name}/role")
def set_role(visit: Administering, name: str, form: Posted) -> Response:
    """Give one another role."""
    _not_own(visit, name)
    accounts.set_role(visit.wiring, visit.actor, name, _role(str(form.get("role"))))
    return visit.to(f"/accounts/{name}", done="changed")


@router.post("/accounts/{name}/password")
def set_password(visit: Administering, name: str, form: Posted) -> Response:
    """Give one another password."""
    _not_own(visit, name)
    try:
        accounts.set_password(visit.wiring, visit.actor, name, str(form.get("password", "")))
    except Refused as error:
        return _one(visit, name, 422, problem=str(error))
    return visit.to(f"/accounts/{name}", done="password")


@router.get("/accounts/{name}/delete")
def ask(visit: Administering, name: str) -> HTMLResponse:
    """Ask whether one is to be deleted."""
    _not_own(visit, name)
    found = accounts.shown(visit.wiring, name)
    return visit.page(
        "delete_named.html",
        name=found.name,
        path=f"/accounts/{found.name}/delete",
        cancel=f"/accounts/{found.name}",
        text=visit.say(phrase("All its sessions end. What it did stays in the audit log.")),
    )


@router.post("/accounts/{name}/delete")
def delete(visit: Administering, name: str, form: Posted) -> Response:
    """Delete one."""
    _not_own(visit, name)
    accounts.delete(visit.wiring, visit.actor, name)
    return visit.to("/accounts", done="account-deleted")


def _role(text: str) -> Role:
    return known(next((role for role in Role if role == text), None))


def _not_own(visit: Visit, name: str) -> None:
    """Raise ``Forbidden`` where it is one's own: an administrator who locks himself out may lock out everybody."""
    if accounts.plain_name(name) == visit.actor.name:
        raise Forbidden
