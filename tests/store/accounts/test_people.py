"""Accounts, sessions, failures and tokens in the store, whatever database it is."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import Absent, Conflict
from gateway.store import Store, StoreOptions, open_store
from gateway.store.accounts.failed_sign_ins import FIRST, FREE, KEPT, LONGEST, NOTHING
from gateway.store.accounts.secret import new_secret
from gateway.store.accounts.sessions import ABSOLUTE, AGENT_SIZE, IDLE, OWING
from gateway.store.accounts.tokens import Token

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
ODD = "<script>\0\r\n\N{GREEK SMALL LETTER PI}\ud800"
"""What not every database takes as it is."""


@pytest.fixture
def ada(store: Store) -> str:
    store.accounts.introduce("ada", "hash", "admin", AT)
    return "ada"


def test_an_account_is_kept_and_changed(store: Store, ada: str) -> None:
    store.accounts.set_role(ada, "viewer")
    store.accounts.set_password(ada, "other")
    store.accounts.set_disabled(ada, disabled=True)
    store.accounts.signed_in(ada, AT)
    found = store.accounts.get(ada)
    assert (found.role, found.password, found.disabled, found.signed_in_at) == ("viewer", "other", True, AT)
    assert store.accounts.list() == [found]
    with pytest.raises(Conflict):
        store.accounts.introduce(ada, "x", "viewer", AT)
    store.accounts.remove(ada)
    for verb in (store.accounts.get, store.accounts.remove, lambda name: store.accounts.set_role(name, "admin")):
        with pytest.raises(Absent):
            verb(ada)


def test_the_secret_of_codes_is_wrapped_and_bound_to_its_account(store: Store, ada: str) -> None:
    wrapped = store.accounts.wrap_totp(ada, "SECRET")
    assert b"SECRET" not in wrapped
    store.accounts.set_totp(ada, wrapped)
    assert store.accounts.get(ada).totp
    assert store.accounts.totp_secret(ada) == "SECRET"
    store.accounts.introduce("eve", "hash", "viewer", AT)
    store.accounts.set_totp("eve", wrapped)
    with pytest.raises(Exception, match="damaged"):
        store.accounts.totp_secret("eve")


def test_a_code_is_spent_once_and_older_ones_with_it(store: Store, ada: str) -> None:
    assert store.accounts.spend(ada, 7)
    assert not store.accounts.spend(ada, 7)
    assert not store.accounts.spend(ada, 6)
    assert store.accounts.spend(ada, 8)


def test_a_session_is_found_by_its_secret_until_it_is_over(store: Store, ada: str) -> None:
    secret, session = store.sessions.begin(ada, "192.0.2.1", ODD * AGENT_SIZE, AT, complete=True)
    assert secret not in repr(session)
    assert len(session.agent) == AGENT_SIZE
    assert store.sessions.find(secret, AT) == session
    assert store.sessions.find(session.id, AT) is None
    assert store.sessions.find(secret, AT + IDLE) is None
    used = AT
    while used < AT + ABSOLUTE - IDLE:
        used += IDLE / 2
        store.sessions.touch(session.id, used)
        assert store.sessions.find(secret, used) is not None
    store.sessions.touch(session.id, AT + ABSOLUTE)
    assert store.sessions.find(secret, AT + ABSOLUTE) is None
    owing, _ = store.sessions.begin(ada, "192.0.2.1", "", AT, complete=False)
    assert store.sessions.find(owing, AT + OWING / 2) is not None
    assert store.sessions.find(owing, AT + OWING) is None


def test_sessions_end(store: Store, ada: str) -> None:
    made = [store.sessions.begin(ada, "192.0.2.1", "", AT, complete=True) for _ in range(4)]
    (first, one), (_, two), (_, three), _ = made
    assert len(store.sessions.list(ada, AT)) == len(store.sessions.list(None, AT)) == 4
    assert store.sessions.end(one.id) == one
    with pytest.raises(Absent):
        store.sessions.end(one.id)
    assert store.sessions.find(first, AT) is None
    store.sessions.forget(two.id)
    store.sessions.end_of(ada, three.id)
    assert store.sessions.list(None, AT) == [three]
    store.sessions.prune(AT + IDLE)
    store.sessions.begin(ada, "192.0.2.1", "", AT, complete=True)
    store.accounts.remove(ada)
    assert store.sessions.list(None, AT) == []


# failures


def test_pauses_double_up_to_the_longest(store: Store) -> None:
    at, waits = AT, []
    for _ in range(FREE):
        assert store.failed_sign_ins.attempt("ada", "192.0.2.1", at) == NOTHING
    for _ in range(12):
        wait = store.failed_sign_ins.attempt("ada", "192.0.2.1", at)
        waits.append(wait)
        at += wait
        assert store.failed_sign_ins.attempt("ada", "192.0.2.1", at) == NOTHING
    assert waits[:3] == [FIRST, 2 * FIRST, 4 * FIRST]
    assert waits[-1] == LONGEST
    for name, client in (("eve", "192.0.2.1"), ("ada", "192.0.2.2"), ("ada", "2001:db8::1"), (ODD, ODD)):
        assert store.failed_sign_ins.attempt(name, client, at) == NOTHING
    assert store.failed_sign_ins.attempt("ada", "192.0.2.1", at - timedelta(days=9)) == LONGEST
    assert store.failed_sign_ins.attempt("ada", "192.0.2.1", at + KEPT + timedelta(seconds=1)) == NOTHING
    assert store.failed_sign_ins.attempt("ada", "192.0.2.1", at + KEPT + timedelta(seconds=2)) == NOTHING


def test_a_network_of_ipv6_is_one_client_and_mapped_addresses_are_those_of_ipv4(store: Store) -> None:
    for client in ["2001:db8::1"] * FREE + ["192.0.2.1"] * FREE:
        store.failed_sign_ins.attempt("ada", client, AT)
    assert store.failed_sign_ins.attempt("ada", "2001:db8::ffff:2", AT) == FIRST
    assert store.failed_sign_ins.attempt("ada", "2001:db8:0:1::1", AT) == NOTHING
    assert store.failed_sign_ins.attempt("ada", "::ffff:192.0.2.1", AT) == FIRST


def test_what_was_right_takes_the_failures_back(store: Store) -> None:
    for _ in range(FREE):
        store.failed_sign_ins.attempt("ada", "192.0.2.1", AT)
    store.failed_sign_ins.succeeded("ada", "192.0.2.1")
    assert store.failed_sign_ins.attempt("ada", "192.0.2.1", AT) == NOTHING


def test_attempts_at_once_are_as_many_as_one_after_the_other(options: StoreOptions, store: Store) -> None:
    stores = [open_store(options, durable=True) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        tries = threads.map(lambda one: one.failed_sign_ins.attempt("ada", "192.0.2.1", AT), stores * 5)
        assert sum(wait == NOTHING for wait in tries) == FREE


# tokens


def test_a_token_is_found_by_its_secret(store: Store) -> None:
    token = Token("desk", ("read", "check"), (ODD.replace("\n", ""), "b"), ("192.0.2.0/24",), AT, AT, ODD)
    plain = Token("plain", ("admin",), (), (), None, AT, "ada")
    secrets = new_secret("x_"), new_secret()
    for each, secret in zip((token, plain), secrets, strict=True):
        store.tokens.issue(each, secret)
    assert [store.tokens.find(secret) for secret in secrets] == [token, plain] == store.tokens.list()
    for nothing in ("", "x_", ODD, secrets[0][:-1]):
        assert store.tokens.find(nothing) is None
    with pytest.raises(Conflict):
        store.tokens.issue(plain, new_secret())
    store.tokens.used("desk", AT)
    found = store.tokens.find(secrets[0])
    assert found is not None
    assert found.used_at == AT
    store.tokens.revoke("desk")
    assert store.tokens.find(secrets[0]) is None
    with pytest.raises(Absent):
        store.tokens.revoke("desk")
