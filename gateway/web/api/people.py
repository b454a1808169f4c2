"""``/users``, ``/tokens``, ``/audit``: who may do what, and who did what."""

from collections.abc import Mapping
from datetime import UTC
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, IPvAnyNetwork
from starlette.responses import Response

from gateway.admin import accounts, audit, tokens
from gateway.admin.accounts import AccountDeleted, AccountView
from gateway.admin.audit import AuditView
from gateway.admin.permission import Grant, Permission, Role
from gateway.admin.tokens import TokenCreated, TokenDeleted, TokenView, TokenWish
from gateway.errors import Absent, Refused
from gateway.web.api.answer import USUAL, After, Items, Limit, given, told, whole
from gateway.web.api.route import Guarded, Who, needs
from gateway.web.site import InForce
from gateway.wiring import Wiring

router = APIRouter(route_class=Guarded, tags=["people"])

Name = Annotated[str, Field(min_length=1, max_length=64, examples=["ada"])]
Password = Annotated[str, Field(max_length=1024, examples=["correct horse battery staple"])]
Moment = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]


class NewAccount(BaseModel):
    """An account that is to be."""

    name: Name
    role: Role
    password: Password


class ChangedAccount(BaseModel):
    """What is to change; what is left out stays."""

    role: Role | None = None
    password: Password | None = None
    disabled: bool | None = None


class NewToken(BaseModel):
    """A token that is to be. `groups`, `clients`: none means all; `until`: null: for ever."""

    name: Name
    scopes: list[Permission] = Field(min_length=1, max_length=4, examples=[["check"]])
    groups: list[Annotated[str, Field(max_length=64)]] = Field([], max_length=1000, examples=[["support"]])
    clients: list[IPvAnyNetwork] = Field([], max_length=100, examples=[["192.0.2.0/24"]])
    until: Moment | None = Field(None, examples=["2030-01-01T00:00:00Z"])


def account(wiring: Wiring, _who: Grant, path: Mapping[str, str]) -> object:
    """See that there is such an account."""
    try:
        return accounts.shown(wiring, path["name"])
    except Refused as error:
        raise Absent("there is no such account") from error


def token(wiring: Wiring, _who: Grant, path: Mapping[str, str]) -> object:
    """See that there is such a token."""
    if all(view.name != path["name"] for view in tokens.listed(wiring)):
        raise Absent("there is no such token")
    return None


@router.get("/users", response_model=Items[AccountView])
@needs(Permission.ADMIN, whole=True)
def list_users(request: Request, wiring: InForce) -> Response:
    """List accounts, by name."""
    return told(request, whole(accounts.listed(wiring)))


@router.post("/users", response_model=AccountView, status_code=201)
@needs(Permission.ADMIN, whole=True)
def add_user(request: Request, wiring: InForce, who: Who, new: NewAccount) -> Response:
    """Make an account."""
    return told(request, accounts.add(wiring, who.actor, new.name, new.role, new.password), 201)


@router.patch("/users/{name}", response_model=AccountView)
@needs(Permission.ADMIN, account, whole=True)
def change_user(request: Request, wiring: InForce, who: Who, name: str, new: ChangedAccount) -> Response:
    """Give an account another role or password, disable or enable it; another password ends its sessions."""
    if new.password is not None:
        accounts.set_password(wiring, who.actor, name, new.password)
    if new.role is not None:
        accounts.set_role(wiring, who.actor, name, new.role)
    if new.disabled is not None:
        accounts.set_disabled(wiring, who.actor, name, new.disabled)
    return told(request, accounts.shown(wiring, name))


@router.delete("/users/{name}", response_model=AccountDeleted)
@needs(Permission.ADMIN, account, whole=True)
def delete_user(request: Request, wiring: InForce, who: Who, name: str) -> Response:
    """Delete an account, and end its sessions."""
    return told(request, accounts.delete(wiring, who.actor, name))


@router.get("/tokens", response_model=Items[TokenView])
@needs(Permission.ADMIN, whole=True)
def list_tokens(request: Request, wiring: InForce) -> Response:
    """List tokens, by name; no secret is told."""
    return told(request, whole(tokens.listed(wiring)))


@router.post("/tokens", response_model=TokenCreated, status_code=201)
@needs(Permission.ADMIN, whole=True)
def create_token(request: Request, wiring: InForce, who: Who, new: NewToken) -> Response:
    """Make a token. `token` is its secret, which is told this once."""
    wish = TokenWish(new.name, new.scopes, new.groups, new.clients, new.until)
    with given("groups"):
        return told(request, tokens.create(wiring, who.actor, wish), 201)


@router.delete("/tokens/{name}", response_model=TokenDeleted)
@needs(Permission.ADMIN, token, whole=True)
def delete_token(request: Request, wiring: InForce, who: Who, name: str) -> Response:
    """Delete a token: its secret opens nothing from now on."""
    return told(request, tokens.delete(wiring, who.actor, name))


@router.get("/audit", response_model=Items[AuditView])
@needs(Permission.ADMIN, whole=True)
def list_audit(request: Request, wiring: InForce, limit: Limit = USUAL, after: After = None) -> Response:
    """List what was changed and by whom, newest first."""
    with given("after"):
        return told(request, audit.listed(wiring, after, limit))
