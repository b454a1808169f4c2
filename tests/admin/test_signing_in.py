"""Who may use the console and the API: accounts, sessions, one-time codes, tokens (WEB-01, WEB-05)."""

from contextlib import ExitStack
from datetime import timedelta
from ipaddress import ip_network

import pyotp
import pytest
from argon2 import PasswordHasher

from gateway.admin import accounts, audit, passwords, sessions, tokens
from gateway.admin.permission import Permission, Role
from gateway.admin.sessions import Client, TooOften, WrongCredentials, sign_in
from gateway.admin.tokens import TokenWish
from gateway.clock import now
from gateway.errors import Absent, Conflict, Fault, Refused
from gateway.store.accounts.failed_sign_ins import FREE
from gateway.wiring import Wiring
from tests.admin.conftest import ADA

HERE, THERE = Client("192.0.2.1", "a browser"), Client("192.0.2.2")
GOOD, WRONG = "correct horse battery", "wrong horse battery"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Argon2 costs is not what is tested here."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobody.cache_clear()


@pytest.fixture
def bob(wiring: Wiring) -> str:
    return accounts.add(wiring, ADA, "Bob", Role.OPERATOR, GOOD).name


def test_somebody_signs_in_and_comes_again(wiring: Wiring, bob: str) -> None:
    signed_in = sign_in(wiring, "bob ", GOOD, HERE)
    assert (signed_in.name, signed_in.owes_code, bob) == ("bob", False, "bob")
    again = sessions.returning(wiring, signed_in.secret)
    assert again is not None
    assert (again.grant, again.session, again.secret) == (signed_in.grant, signed_in.session, "")
    assert again.grant.may(Permission.IMPORT)
    assert not again.grant.may(Permission.ADMIN)
    (view,) = sessions.listed(wiring)
    assert (view.account, view.client, view.agent) == ("bob", "192.0.2.1", "a browser")
    sessions.sign_out(wiring, signed_in.secret)
    assert sessions.returning(wiring, signed_in.secret) is None


@pytest.mark.slow
def test_ten_thousand_wrong_passwords_lock_nobody_out_elsewhere(
    wiring: Wiring, bob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, refused = now(), 0
    monkeypatch.setattr(sessions, "now", lambda: at)
    for _ in range(10_000):
        with pytest.raises((WrongCredentials, TooOften)) as raised:
            sign_in(wiring, bob, WRONG, HERE)
        refused += raised.type is TooOften
    assert refused == 10_000 - FREE
    with pytest.raises(TooOften):
        sign_in(wiring, bob, GOOD, HERE)
    assert sign_in(wiring, bob, GOOD, THERE).name == bob


def test_a_name_that_does_not_exist_is_answered_alike(wiring: Wiring, bob: str) -> None:
    said = []
    for name in (bob, "eve", "no name at all\0"):
        for _ in range(FREE + 1):
            with pytest.raises(Refused) as raised:
                sign_in(wiring, name, WRONG, HERE)
            said.append(str(raised.value).rstrip("0123456789 s"))
    assert said[: FREE + 1] == said[FREE + 1 : 2 * FREE + 2] == said[2 * FREE + 2 :]


def test_the_code_is_asked_for_and_good_once(wiring: Wiring, bob: str) -> None:
    proposal = accounts.propose_totp(wiring, bob)
    assert proposal.uri.startswith("otpauth://totp/")
    with pytest.raises(Refused, match="clocks"):
        accounts.turn_totp_on(wiring, ADA, bob, proposal.secret, "000000x")
    assert not accounts.shown(wiring, bob).totp
    code = pyotp.TOTP(proposal.secret).at(now())
    assert accounts.turn_totp_on(wiring, ADA, bob, proposal.secret, code).totp
    half = sign_in(wiring, bob, GOOD, HERE)
    assert half.owes_code
    assert sessions.listed(wiring) == []
    with pytest.raises(WrongCredentials):
        sessions.enter_code(wiring, half.secret, "12345", HERE)
    whole = sessions.enter_code(wiring, half.secret, pyotp.TOTP(proposal.secret).at(now()), HERE)
    assert not whole.owes_code
    assert whole.secret != half.secret
    assert sessions.returning(wiring, half.secret) is None
    other = sign_in(wiring, bob, GOOD, HERE)
    with pytest.raises(WrongCredentials):
        sessions.enter_code(wiring, other.secret, pyotp.TOTP(proposal.secret).at(now()), HERE)
    accounts.turn_totp_off(wiring, ADA, bob)
    assert not sign_in(wiring, bob, GOOD, THERE).owes_code


def test_whoever_is_disabled_or_gone_is_out_at_once(wiring: Wiring, bob: str) -> None:
    secret = sign_in(wiring, bob, GOOD, HERE).secret
    accounts.set_disabled(wiring, ADA, bob, disabled=True)
    assert sessions.returning(wiring, secret) is None
    with pytest.raises(WrongCredentials):
        sign_in(wiring, bob, GOOD, HERE)
    accounts.set_disabled(wiring, ADA, bob, disabled=False)
    secret = sign_in(wiring, bob, GOOD, HERE).secret
    accounts.delete(wiring, ADA, bob)
    assert sessions.returning(wiring, secret) is None
    with pytest.raises(Absent):
        accounts.delete(wiring, ADA, bob)


def test_another_password_ends_all_sessions_but_ones_own(wiring: Wiring, bob: str) -> None:
    own, other = sign_in(wiring, bob, GOOD, HERE), sign_in(wiring, bob, GOOD, THERE)
    accounts.set_password(wiring, ADA, bob, "another good password", keep=own.session)
    assert sessions.returning(wiring, own.secret) is not None
    assert sessions.returning(wiring, other.secret) is None
    with pytest.raises(WrongCredentials):
        sign_in(wiring, bob, GOOD, THERE)


@pytest.mark.parametrize("password", ["", "short", "a" * 30, "x" * 2000, "bobbobbobbob"])
def test_what_is_no_password(wiring: Wiring, password: str) -> None:
    with pytest.raises(Refused, match="password"):
        accounts.add(wiring, ADA, "bobbobbobbob", Role.VIEWER, password)


@pytest.mark.parametrize("name", ["", " ", "a b", "../a", "a\0", "a\r\nb", "<script>", "-a", "x" * 65, "ä"])
def test_what_is_no_name(wiring: Wiring, name: str) -> None:
    with pytest.raises(Refused, match="is no name"):
        accounts.add(wiring, ADA, name, Role.VIEWER, GOOD)


def test_a_name_is_taken_once(wiring: Wiring, bob: str) -> None:
    with pytest.raises(Conflict):
        accounts.add(wiring, ADA, "BOB", Role.VIEWER, GOOD)


def test_a_flood_of_sign_ins_keeps_no_thread_waiting(wiring: Wiring, bob: str) -> None:
    """Few hashes are computed at once, and few wait for that: the others are told at once to try again."""
    places = passwords.AT_ONCE + passwords.WAITING
    with ExitStack() as full:
        for _ in range(places):
            full.callback(passwords._line.release)
            assert passwords._line.acquire(blocking=False)
        with pytest.raises(Fault, match="try again"):
            sign_in(wiring, bob, GOOD, HERE)
    assert sign_in(wiring, bob, GOOD, HERE).name == bob


# tokens


def test_a_token_is_known_again(wiring: Wiring) -> None:
    made = tokens.create(wiring, ADA, TokenWish("desk", [Permission.CHECK], ["support"]))
    grant = tokens.authenticate(wiring, made.token, HERE.address)
    assert grant is not None
    assert (grant.actor.name, grant.permissions, grant.is_whole) == ("desk", {Permission.CHECK}, False)
    assert grant.reaches(["support", "other"])
    assert not grant.reaches(["other"])
    assert not grant.reaches([])
    (view,) = tokens.listed(wiring)
    assert view.used_at is not None
    assert made.token not in repr(view) + repr(audit.listed(wiring))
    assert tokens.authenticate(wiring, made.token + "x", HERE.address) is None
    tokens.delete(wiring, ADA, "desk")
    assert tokens.authenticate(wiring, made.token, HERE.address) is None


def test_the_scope_admin_holds_all_others(wiring: Wiring) -> None:
    made = tokens.create(wiring, ADA, TokenWish("root", [Permission.ADMIN]))
    grant = tokens.authenticate(wiring, made.token, "")
    assert grant is not None
    assert all(map(grant.may, Permission))
    assert grant.is_whole


def test_a_token_is_for_its_clients_and_its_time(wiring: Wiring, monkeypatch: pytest.MonkeyPatch) -> None:
    until = now() + timedelta(hours=1)
    networks = [ip_network("192.0.2.0/31"), ip_network("2001:db8::/32")]
    secret = tokens.create(wiring, ADA, TokenWish("t", [Permission.READ], clients=networks, until=until)).token
    for client, fits in {"192.0.2.1": True, "::ffff:192.0.2.1": True, "2001:db8::1": True, "192.0.2.2": False}.items():
        assert (tokens.authenticate(wiring, secret, client) is not None) is fits
    assert tokens.authenticate(wiring, secret, "no address") is None
    monkeypatch.setattr(tokens, "now", lambda: until)
    assert tokens.authenticate(wiring, secret, "192.0.2.1") is None


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (TokenWish("t", []), "needs a scope"),
        (TokenWish("t", [Permission.READ], ["nobody"]), "no group 'nobody'"),
        (TokenWish("t", [Permission.READ], until=now() - timedelta(1)), "over already"),
        (TokenWish("t t", [Permission.READ]), "is no name"),
    ],
)
def test_what_is_no_token(wiring: Wiring, wish: TokenWish, said: str) -> None:
    with pytest.raises(Refused, match=said):
        tokens.create(wiring, ADA, wish)
    assert tokens.listed(wiring) == []
