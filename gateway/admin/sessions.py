"""Signing in at the console: a name, a password, where it is asked for a one-time code, and the session after it.

A failure costs a pause, longer with each, for this name from this client's network only: nobody can lock somebody else
out. A name that does not exist is treated as one that does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.admin import passwords
from gateway.admin.accounts import plain_name
from gateway.admin.actor import Actor
from gateway.admin.changes import Effect, Kind, Verb, changing
from gateway.admin.permission import Grant, Role, of_role
from gateway.clock import now
from gateway.errors import Refused
from gateway.log import logger
from gateway.store.accounts.accounts import Account
from gateway.store.accounts.sessions import Session
from gateway.wiring import Wiring

NOTED_EVERY = timedelta(minutes=1)
"""How exactly it is known when a session was used last."""


class WrongCredentials(Refused):
    """Name, password or code are wrong, or the account is disabled: which of them is not told."""

    def __init__(self) -> None:
        super().__init__("name, password or code are wrong")


class TooOften(Refused):
    """So many sign-ins failed that the next has to wait for ``pause``."""

    def __init__(self, pause: timedelta) -> None:
        self.pause = pause
        super().__init__(f"too many failed sign-ins: try again in {max(1, round(pause.total_seconds()))} s")


@dataclass(frozen=True, slots=True)
class Client:
    """Where somebody comes from: an IP address, and what his browser says of itself."""

    address: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody with a session. ``owes_code``: it is good for nothing but ``enter_code`` yet.

    ``secret``: what the browser keeps, told at sign-in only; of one who comes again it is empty.
    """

    grant: Grant
    session: str
    owes_code: bool
    totp: bool
    secret: str = ""

    @property
    def name(self) -> str:
        """The account's."""
        return self.grant.actor.name


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session. ``used_at``: about when it was used last."""

    id: str
    account: str
    created_at: datetime
    used_at: datetime
    client: str
    agent: str


def sign_in(wiring: Wiring, name: str, password: str, client: Client) -> SignedIn:
    """Begin a session. Raises ``WrongCredentials``, ``TooOften``, ``Fault``."""
    account = _confirmed(wiring, name, password, client)
    if not account.totp:
        wiring.store.failed_sign_ins.succeeded(account.name, client.address)
    return _begin(wiring, account, client, complete=not account.totp)


def enter_code(wiring: Wiring, secret: str, code: str, client: Client) -> SignedIn:
    """Complete a session by a one-time code; it gets another secret. Raises as ``sign_in``."""
    store, at = wiring.store, now()
    session = store.sessions.find(secret, at)
    if session is None or session.complete:
        raise WrongCredentials
    _attempt(wiring, session.account, client)
    account, totp = store.accounts.find(session.account), store.accounts.totp_secret(session.account)
    step = None if totp is None else passwords.totp_step(totp, code, at)
    if account is None or account.disabled or step is None or not store.accounts.spend(account.name, step):
        logger.warning("sign-in: a wrong one-time code for account %s from %s", session.account, client.address)
        raise WrongCredentials
    store.failed_sign_ins.succeeded(account.name, client.address)
    store.sessions.forget(session.id)
    return _begin(wiring, account, client, complete=True)


def confirm(wiring: Wiring, name: str, password: str, client: Client) -> None:
    """Have somebody who is signed in show that he knows the password. Raises as ``sign_in``."""
    account = _confirmed(wiring, name, password, client)
    wiring.store.failed_sign_ins.succeeded(account.name, client.address)


def returning(wiring: Wiring, secret: str) -> SignedIn | None:
    """Return who has the session with that secret; None: it is over, or the account is disabled. Raises ``Fault``."""
    store, at = wiring.store, now()
    session = store.sessions.find(secret, at)
    account = None if session is None else store.accounts.find(session.account)
    if session is None or account is None or account.disabled:
        return None
    if at - session.used_at >= NOTED_EVERY:
        store.sessions.touch(session.id, at)
    return _signed_in(account, session)


def sign_out(wiring: Wiring, secret: str) -> None:
    """End the session with that secret, if there is one. Raises ``Fault``."""
    session = wiring.store.sessions.find(secret, now())
    if session is not None:
        wiring.store.sessions.forget(session.id)


def listed(wiring: Wiring, account: str | None = None) -> list[SessionView]:
    """Return the sessions of an account, or of all, last used first. Raises ``Fault``."""
    return [_view(item) for item in wiring.store.sessions.list(account, now()) if item.complete]


def end(wiring: Wiring, actor: Actor, name: str) -> SessionView:
    """End a session by its id; return what it was. Raises ``Fault``, ``Absent``."""
    with changing(wiring, actor, Verb.END_SESSION) as note:
        session = wiring.store.sessions.end(name)
        note(Effect(Kind.SESSION, session.id, "ended", f"account {session.account}"))
    return _view(session)


def _attempt(wiring: Wiring, name: str, client: Client) -> None:
    if pause := wiring.store.failed_sign_ins.attempt(name, client.address, now()):
        raise TooOften(pause)


def _confirmed(wiring: Wiring, name: str, password: str, client: Client) -> Account:
    """Return the account of that name and password; the failure that was noted before stays noted."""
    try:
        plain = plain_name(name)
    except Refused:
        plain = ""  # no account is called so; it takes as long as any other
    with passwords.in_line():  # before anything is written: a flood of sign-ins must not keep others from writing
        _attempt(wiring, plain or name, client)
        account = wiring.store.accounts.find(plain) if plain else None
        right = passwords.matches(password, account.password if account else None)
    if account is None or not right or account.disabled:
        # What is no account's name may be a password in the wrong field.
        who = f"account {account.name}" if account else "an unknown name"
        logger.warning("sign-in: %s from %s: wrong, or disabled", who, client.address)
        raise WrongCredentials
    return account


def _begin(wiring: Wiring, account: Account, client: Client, *, complete: bool) -> SignedIn:
    store, at = wiring.store, now()
    secret, session = store.sessions.begin(account.name, client.address, client.agent, at, complete=complete)
    if complete:
        store.accounts.signed_in(account.name, at)
        logger.info("sign-in: account %s from %s", account.name, client.address)
    return _signed_in(account, session, secret)


def _signed_in(account: Account, session: Session, secret: str = "") -> SignedIn:
    grant = of_role(account.name, Role(account.role))
    return SignedIn(grant, session.id, not session.complete, account.totp, secret)


def _view(session: Session) -> SessionView:
    return SessionView(session.id, session.account, session.created_at, session.used_at, session.client, session.agent)
