"""*Tokens*: what programs sign in with at the API; a secret is shown once."""

from datetime import UTC, datetime
from ipaddress import ip_network

from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, Response

from gateway.admin import tokens
from gateway.admin.permission import Permission
from gateway.admin.tokens import TokenWish
from gateway.errors import Refused
from gateway.web.console.page_route import pages
from gateway.web.console.visit import Administering, Posted, Visit, known
from gateway.web.console.words import phrase

router = pages()


@router.get("/tokens")
def listed(visit: Administering) -> HTMLResponse:
    """Show all."""
    return _list(visit)


def _list(visit: Visit, status: int = 200, **facts: object) -> HTMLResponse:
    groups = [group.name for group in visit.wiring.options.groups]
    found = tokens.listed(visit.wiring)
    return visit.page("tokens.html", status, tokens=found, scopes=tuple(Permission), groups=groups, **facts)


@router.post("/tokens")
def create(visit: Administering, form: Posted) -> Response:
    """Make one, and show its secret this once."""
    try:
        made = tokens.create(visit.wiring, visit.actor, _wish(visit, form))
    except Refused as error:
        return _list(visit, 422, problem=str(error))
    return _list(visit, secret=made.token)


def _wish(visit: Visit, form: FormData) -> TokenWish:
    """Return what the form asks for. Raises ``Refused``."""
    try:
        networks = [ip_network(text) for text in str(form.get("clients", "")).split()]
        until = str(form.get("until", ""))
        ends = datetime.fromisoformat(f"{until}T23:59:59").replace(tzinfo=UTC) if until else None
        scopes = [Permission(str(scope)) for scope in form.getlist("scope")]
    except ValueError as error:
        raise Refused(str(error)) from None
    if not scopes:
        raise Refused(visit.say(phrase("Choose at least one scope.")))
    groups = [str(group) for group in form.getlist("group")]
    return TokenWish(str(form.get("name", "")), scopes, groups, networks, ends)


@router.get("/tokens/{name}/delete")
def ask(visit: Administering, name: str) -> HTMLResponse:
    """Ask whether one is to be deleted."""
    found = known(next((token for token in tokens.listed(visit.wiring) if token.name == name), None))
    return visit.page(
        "delete_named.html",
        name=found.name,
        path=f"/tokens/{found.name}/delete",
        cancel="/tokens",
        text=visit.say(phrase("The program that has it is let in no more.")),
    )


@router.post("/tokens/{name}/delete")
def delete(visit: Administering, name: str, form: Posted) -> Response:
    """Delete one."""
    tokens.delete(visit.wiring, visit.actor, name)
    return visit.to("/tokens", done="token-deleted")
