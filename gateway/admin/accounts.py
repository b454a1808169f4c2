"""Accounts of people: made, listed, changed, deleted. How somebody signs in with one is in ``sessions``."""

import re
from dataclasses import dataclass
from datetime import datetime

from gateway.admin import passwords
from gateway.admin.actor import Actor
from gateway.admin.changes import Effect, Kind, Verb, changing
from gateway.admin.permission import Role
from gateway.clock import now
from gateway.errors import Refused
from gateway.store.accounts.accounts import Account
from gateway.wiring import Wiring

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._@-]{0,62}[a-z0-9])?+")


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account. ``totp``: one-time codes are asked for; ``signed_in_at``: last."""

    name: str
    role: Role
    totp: bool
    disabled: bool
    created_at: datetime
    signed_in_at: datetime | None


@dataclass(frozen=True, slots=True)
class AccountDeleted:
    """An account that is gone."""

    name: str
    deleted: bool


@dataclass(frozen=True, slots=True)
class TotpProposal:
    """A new secret of one-time codes, as people type it, and as authenticators read it (``otpauth://``)."""

    secret: str
    uri: str


def plain_name(name: str) -> str:
    """Return a name of an account or token as it is stored: lower case. Raises ``Refused`` where it is none."""
    plain = name.strip().lower()
    if not _NAME.fullmatch(plain):
        raise Refused(f"{name!r} is no name: write at most 64 letters, digits, . _ @ -, such as ada")
    return plain


def listed(wiring: Wiring) -> list[AccountView]:
    """Return all accounts, by name. Raises ``Fault``."""
    return list(map(_view, wiring.store.accounts.list()))


def shown(wiring: Wiring, name: str) -> AccountView:
    """Return one account. Raises ``Fault``, ``Absent``, ``Refused``."""
    return _view(wiring.store.accounts.get(plain_name(name)))


def add(wiring: Wiring, actor: Actor, name: str, role: Role, password: str) -> AccountView:
    """Make an account. Raises ``Fault``, ``Conflict``, ``Refused``."""
    plain = plain_name(name)
    hashed = passwords.hashed(password, plain)
    with changing(wiring, actor, Verb.ADD_ACCOUNT) as note:
        wiring.store.accounts.introduce(plain, hashed, role, now())
        note(Effect(Kind.ACCOUNT, plain, "added", role))
    return shown(wiring, plain)


def set_role(wiring: Wiring, actor: Actor, name: str, role: Role) -> AccountView:
    """Give an account another role, which counts at once. Raises ``Fault``, ``Absent``, ``Refused``."""
    plain = plain_name(name)
    with changing(wiring, actor, Verb.SET_ROLE) as note:
        wiring.store.accounts.set_role(plain, role)
        note(Effect(Kind.ACCOUNT, plain, "changed", role))
    return shown(wiring, plain)


def set_password(wiring: Wiring, actor: Actor, name: str, password: str, keep: str = "") -> AccountView:
    """Give an account another password, and end its sessions; ``keep``: the id of one that goes on.

    Raises ``Fault``, ``Absent``, ``Refused``.
    """
    plain = shown(wiring, name).name
    hashed = passwords.hashed(password, plain)
    with changing(wiring, actor, Verb.SET_PASSWORD) as note:
        wiring.store.accounts.set_password(plain, hashed)
        wiring.store.sessions.end_of(plain, keep)
        note(Effect(Kind.ACCOUNT, plain, "changed"))
    return shown(wiring, plain)


def set_disabled(wiring: Wiring, actor: Actor, name: str, disabled: bool) -> AccountView:
    """Let nobody sign in with an account, and end its sessions; or let him again.

    Raises ``Fault``, ``Absent``, ``Refused``.
    """
    plain = plain_name(name)
    with changing(wiring, actor, Verb.DISABLE_ACCOUNT if disabled else Verb.ENABLE_ACCOUNT) as note:
        wiring.store.accounts.set_disabled(plain, disabled)
        wiring.store.sessions.end_of(plain)
        note(Effect(Kind.ACCOUNT, plain, "disabled" if disabled else "enabled"))
    return shown(wiring, plain)


def delete(wiring: Wiring, actor: Actor, name: str) -> AccountDeleted:
    """Delete an account, and end its sessions. Raises ``Fault``, ``Absent``, ``Refused``."""
    plain = plain_name(name)
    with changing(wiring, actor, Verb.DELETE_ACCOUNT) as note:
        wiring.store.accounts.remove(plain)
        note(Effect(Kind.ACCOUNT, plain, "deleted"))
    return AccountDeleted(plain, True)


def propose_totp(wiring: Wiring, name: str) -> TotpProposal:
    """Return a secret that an account's one-time codes may come from; nothing is stored before ``turn_totp_on``.

    Raises ``Fault``, ``Absent``, ``Refused``.
    """
    plain, secret = shown(wiring, name).name, passwords.new_totp_secret()
    return TotpProposal(secret, passwords.totp_uri(secret, plain, f"smime-gateway {wiring.options.hostname}"))


def turn_totp_on(wiring: Wiring, actor: Actor, name: str, secret: str, code: str) -> AccountView:
    """Ask an account for one-time codes of a secret from now on, once a code shows that somebody has it.

    Raises ``Fault``, ``Absent``, and ``Refused`` where the code is wrong.
    """
    plain = shown(wiring, name).name
    if passwords.totp_step(secret, code, now()) is None:
        raise Refused("this is not the code that belongs to the secret now: see that both clocks are right")
    wrapped = wiring.store.accounts.wrap_totp(plain, secret)
    with changing(wiring, actor, Verb.TURN_TOTP_ON) as note:
        wiring.store.accounts.set_totp(plain, wrapped)
        note(Effect(Kind.ACCOUNT, plain, "changed"))
    return shown(wiring, plain)


def turn_totp_off(wiring: Wiring, actor: Actor, name: str) -> AccountView:
    """Ask an account for no one-time codes any more. Raises ``Fault``, ``Absent``, ``Refused``."""
    plain = plain_name(name)
    with changing(wiring, actor, Verb.TURN_TOTP_OFF) as note:
        wiring.store.accounts.set_totp(plain, None)
        note(Effect(Kind.ACCOUNT, plain, "changed"))
    return shown(wiring, plain)


def _view(account: Account) -> AccountView:
    return AccountView(
        account.name,
        Role(account.role),
        account.totp,
        account.disabled,
        account.created_at,
        account.signed_in_at,
    )
