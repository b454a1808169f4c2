"""Tokens of programs at the API: made, listed, deleted, and known again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from gateway.admin.accounts import plain_name
from gateway.admin.actor import Actor
from gateway.admin.changes import Effect, Kind, Verb, changing
from gateway.admin.permission import Grant, Permission, of_token
from gateway.clock import now, rfc3339
from gateway.errors import Absent, Fault, Refused
from gateway.log import logger
from gateway.store.accounts.secret import new_secret
from gateway.store.accounts.tokens import Token
from gateway.wiring import Wiring

PREFIX = "smgw_"
"""What secrets begin with, so that whoever finds one, or scans for them, knows what it is."""
NOTED_EVERY = timedelta(minutes=1)
"""How exactly it is known when a token was used last."""


@dataclass(frozen=True, slots=True)
class TokenWish:
    """What a token is to allow. ``groups``, ``clients``: none means all; ``until``: aware; None: for ever."""

    name: str
    scopes: Sequence[Permission]
    groups: Sequence[str] = ()
    clients: Sequence[IPv4Network | IPv6Network] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token. ``clients``: networks; ``used_at``: about when it was used last."""

    name: str
    scopes: tuple[Permission, ...]
    groups: tuple[str, ...]
    clients: tuple[str, ...]
    until: datetime | None
    created_at: datetime
    created_by: str
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class TokenCreated:
    """A new token and its secret (``token``), which is told this once."""

    name: str
    token: str
    scopes: tuple[Permission, ...]
    groups: tuple[str, ...]
    clients: tuple[str, ...]
    until: datetime | None


@dataclass(frozen=True, slots=True)
class TokenDeleted:
    """A token that is gone."""

    name: str
    deleted: bool


def listed(wiring: Wiring) -> list[TokenView]:
    """Return all tokens, by name, those that are over, too. Raises ``Fault``."""
    return list(map(_view, wiring.store.tokens.list()))


def create(wiring: Wiring, actor: Actor, wish: TokenWish) -> TokenCreated:
    """Make a token. Raises ``Fault``, ``Conflict``, ``Refused``."""
    at = now()
    scopes = tuple(scope for scope in Permission if scope in wish.scopes)
    _check(wiring, wish, at)
    token = Token(
        name=plain_name(wish.name),
        scopes=scopes,
        groups=tuple(dict.fromkeys(wish.groups)),
        clients=tuple(dict.fromkeys(map(str, wish.clients))),
        until=wish.until,
        created_at=at,
        created_by=str(actor),
    )
    secret = new_secret(PREFIX)
    with changing(wiring, actor, Verb.CREATE_TOKEN) as note:
        wiring.store.tokens.issue(token, secret)
        note(Effect(Kind.TOKEN, token.name, "created", _told(token)))
    return TokenCreated(token.name, secret, scopes, token.groups, token.clients, token.until)


def delete(wiring: Wiring, actor: Actor, name: str) -> TokenDeleted:
    """Delete a token: its secret opens nothing from now on. Raises ``Fault``, ``Absent``, ``Refused``."""
    plain = plain_name(name)
    with changing(wiring, actor, Verb.DELETE_TOKEN) as note:
        wiring.store.tokens.revoke(plain)
        note(Effect(Kind.TOKEN, plain, "deleted"))
    return TokenDeleted(plain, True)


def authenticate(wiring: Wiring, secret: str, client: str) -> Grant | None:
    """Return what the token with that secret allows a client (an IP address); None: nothing. Raises ``Fault``.

    A token that is over, or not for this client, is told from one that does not exist in the log only.
    """
    token, at = wiring.store.tokens.find(secret), now()
    if token is None:
        return None
    if (token.until is not None and token.until <= at) or not _is_for(token, client):
        logger.warning("token %s: refused from %s: it is over, or not for that client", token.name, client)
        return None
    if token.used_at is None or at - token.used_at >= NOTED_EVERY:
        _note_use(wiring, token, at)
    return of_token(token)


def _check(wiring: Wiring, wish: TokenWish, at: datetime) -> None:
    if not wish.scopes:
        raise Refused(f"a token needs a scope: {', '.join(Permission)}")
    known = [group.name for group in wiring.options.groups]
    for name in wish.groups:
        if name not in known:
            raise Absent(f"there is no group {name!r} in the configuration: {', '.join(known) or 'it has none'}")
    if wish.until is not None and wish.until <= at:
        raise Refused(f"a token until {rfc3339(wish.until)} would be over already")


def _is_for(token: Token, client: str) -> bool:
    if not token.clients:
        return True
    try:
        address = ip_address(client)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in ip_network(network) for network in token.clients)


def _note_use(wiring: Wiring, token: Token, at: datetime) -> None:
    try:
        wiring.store.tokens.used(token.name, at)
    except Fault as error:  # what it is used for may well be possible
        logger.warning("token %s: %s", token.name, error)


def _told(token: Token) -> str:
    parts = {"scopes": token.scopes, "groups": token.groups, "clients": token.clients}
    told = [f"{name} {', '.join(values)}" for name, values in parts.items() if values]
    return "; ".join((*told, *([] if token.until is None else [f"until {rfc3339(token.until)}"])))


def _view(token: Token) -> TokenView:
    return TokenView(
        name=token.name,
        scopes=tuple(map(Permission, token.scopes)),
        groups=token.groups,
        clients=token.clients,
        until=token.until,
        created_at=token.created_at,
        created_by=token.created_by,
        used_at=token.used_at,
    )
