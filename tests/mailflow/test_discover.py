"""Mail goes on while sources are asked: for authors whose mail arrived, for recipients without a certificate."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.transaction import Client, Direction, FrontEnd, Outcome, Transaction
from gateway.lookup import directory
from gateway.mail.envelope import Envelope, Recipient
from gateway.mailflow import discover
from gateway.mailflow.pipeline import Pipeline
from gateway.reply import Reply
from gateway.store import Store
from gateway.store.imports.importing import ImportOptions, import_file
from tests.authority import Authority
from tests.discovery.worlds import ALICE, DOMAIN, options_of, publish, web
from tests.letters import head, signed
from tests.lookup.site import Site, listening
from tests.lookup.slapd import BASE, person, slapd

SUPPORT = "support@example.org"
TAKEN = Reply(250, "2.0.0 Ok")
Make = Callable[..., Pipeline]


@pytest.fixture
def site() -> Iterator[Site]:
    with listening() as opened:
        yield opened


@pytest.fixture
def make(tmp_path: Path, site: Site, authority: Authority) -> Iterator[Make]:
    """Make a pipeline that asks ``site``, trusts the authority and has the helpdesk's key."""
    with ExitStack() as opened:

        def made(encrypt: str = "if-possible", **discovery: Any) -> Pipeline:
            values = {"defaults": {"encrypt": encrypt}, "learn": "trusted", "discovery": discovery}
            pipeline = Pipeline(options_of(tmp_path, web(site), **values))
            opened.callback(pipeline.close)
            own = authority.leaf(SUPPORT, kind="p256")
            for data in (authority.root.pem(), own.p12()):
                import_file(pipeline.store, data, (), ImportOptions())
            return pipeline

        yield made


def arriving(content: bytes, author: str = ALICE) -> Transaction:
    return _transaction(Direction.INBOUND, content, author, SUPPORT)


def answer(recipient: str = ALICE) -> Transaction:
    content = f"From: {SUPPORT}\r\nTo: {recipient}\r\nSubject: Re\r\n\r\nHello\r\n".encode()
    return _transaction(Direction.OUTBOUND, content, SUPPORT, recipient)


def _transaction(direction: Direction, content: bytes, sender: str, recipient: str) -> Transaction:
    envelope = Envelope(sender, (Recipient(recipient),))
    client = Client("127.0.0.1")
    return Transaction("a1", direction, FrontEnd.SMTP, "door", client, envelope, content, datetime.now(UTC), True)


def handled(pipeline: Pipeline, transaction: Transaction) -> Outcome:
    """Have a message processed, and delivered well where it is to be."""
    outcome = pipeline.process(transaction)
    pipeline.report(transaction, outcome, (), outcome.reply or TAKEN, 0.0)
    return outcome


def plain(author: str = ALICE) -> bytes:
    return f"From: {author}\r\nTo: {SUPPORT}\r\nSubject: Help\r\n\r\nHello\r\n".encode()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def known(store: Store, address: str = ALICE) -> bool:
    store.generation.expire()
    return bool(store.lookups.of([address]))


# what arrives


def test_who_writes_unsigned_is_answered_encrypted(site: Site, make: Make, authority: Authority) -> None:
    """The story: mail arrives, the author is looked for behind its back, the answer is encrypted."""
    publish(site, authority.leaf(ALICE, kind="p256"), authority.intermediate)
    pipeline = make()
    assert handled(pipeline, arriving(plain())).deliveries
    until(lambda: known(pipeline.store))
    outcome = handled(pipeline, answer())
    assert outcome.deliveries[0].encrypted
    assert outcome.finding.lookups == (), "nobody is asked while the answer waits"
    assert site.connections == 1


def test_a_real_directory_is_asked_by_the_addresses_that_active_directory_has(
    tmp_path: Path, authority: Authority
) -> None:
    """The story again, with slapd: found on arrival by a proxy address; down, what is required is deferred."""
    alice, own = authority.leaf(ALICE, kind="p256"), authority.leaf(SUPPORT, kind="p256")
    entry = person("Alice", f"a.smith@{DOMAIN}", userCertificate_binary=[alice.der])
    with slapd([entry | {"proxyAddresses": [f"SMTP:a.smith@{DOMAIN}", f"smtp:{ALICE}"]}]) as server:
        source = {"name": "ldap", "kind": "ldap", "domains": [DOMAIN], "base": BASE}
        source |= {"url": f"ldaps://localhost:{server.tls}", "ca": str(server.ca)}
        options = options_of(tmp_path, source, defaults={"encrypt": "required"})
        pipeline = Pipeline(options)
        for data, trust in ((authority.root.pem(), True), (authority.intermediate.pem(), False), (own.p12(), True)):
            import_file(pipeline.store, data, (), ImportOptions(trust=trust))
        handled(pipeline, arriving(plain()))
        until(lambda: known(pipeline.store))
        outcome = handled(pipeline, answer())
        assert (outcome.deliveries[0].encrypted, outcome.finding.lookups) == (True, ())
    down = handled(pipeline, answer(f"bob@{DOMAIN}"))
    assert str(down.reply).startswith("451 4.4.3 lookup-failed")
    assert handled(pipeline, answer()).deliveries[0].encrypted, "who is known is known without the directory"
    pipeline.close()


def test_who_writes_signed_is_answered_encrypted(site: Site, make: Make, authority: Authority) -> None:
    pipeline = make(on_arrival=False)
    alice = authority.leaf(ALICE, kind="p256")
    letter = head().replace(b"alice@customer.example", ALICE.encode()) + signed(alice)
    import_file(pipeline.store, authority.intermediate.pem(), (), ImportOptions(trust=False))
    handled(pipeline, arriving(letter))
    assert handled(pipeline, answer()).deliveries[0].encrypted


def test_nobody_is_asked_of_mail_that_is_not_ours_or_of_ours(site: Site, make: Make) -> None:
    pipeline = make()
    for author in (SUPPORT, "bob@elsewhere.example", "not an address"):
        handled(pipeline, arriving(plain(author), author="x@y.example"))
    handled(pipeline, arriving(plain()))
    until(lambda: known(pipeline.store))
    assert site.paths() == ["/web/alice%40customer.example"]


def test_on_arrival_may_be_switched_off(site: Site, make: Make) -> None:
    pipeline = make(on_arrival=False)
    handled(pipeline, arriving(plain()))
    handled(pipeline, answer(f"bob@{DOMAIN}"))
    until(lambda: known(pipeline.store, f"bob@{DOMAIN}"))
    assert not known(pipeline.store)


# what leaves


def test_a_recipient_is_looked_for_while_the_message_waits(site: Site, make: Make, authority: Authority) -> None:
    publish(site, authority.leaf(ALICE, kind="p256"), authority.intermediate)
    outcome = handled(make("required"), answer())
    assert outcome.deliveries[0].encrypted
    (lookup,) = outcome.finding.lookups
    assert (lookup.address, lookup.source, lookup.result) == (ALICE, "web", "found")


def test_a_directory_that_is_down_defers_what_is_required(site: Site, make: Make) -> None:
    site.put("/web/alice%40customer.example", b"", "503 Later")
    pipeline = make("required")
    outcome = handled(pipeline, answer())
    assert str(outcome.reply).startswith("451 4.4.3 lookup-failed")
    assert [lookup.result for lookup in outcome.finding.lookups] == ["failed"]
    assert str(handled(pipeline, answer("bob@elsewhere.example")).reply).startswith("550 5.7.3 no-certificate")


def test_one_that_says_none_refuses_it(site: Site, make: Make) -> None:
    assert str(handled(make("required"), answer()).reply).startswith("550 5.7.3 no-certificate")


def test_mail_that_need_not_be_encrypted_flows(site: Site, make: Make) -> None:
    site.put("/web/alice%40customer.example", b"", "503 Later")
    outcome = handled(make(), answer())
    assert not outcome.deliveries[0].encrypted
    assert outcome.finding.encryption is not None
    assert outcome.finding.encryption.reason == "lookup-failed"


def test_a_reload_takes_other_sources(site: Site, make: Make, tmp_path: Path, authority: Authority) -> None:
    pipeline = make("required")
    assert str(handled(pipeline, answer()).reply).startswith("550")
    publish(site, authority.leaf(ALICE, kind="p256"), authority.intermediate, name="other")
    pipeline.renew(options_of(tmp_path, web(site, "other"), defaults={"encrypt": "required"}))
    assert handled(pipeline, answer()).deliveries[0].encrypted
    pipeline.renew(options_of(tmp_path, defaults={"encrypt": "required"}))
    assert str(handled(pipeline, answer(f"bob@{DOMAIN}")).reply).startswith("550")
    assert f"/other/bob%40{DOMAIN}" not in site.paths(), "nobody is asked where no source is left"


def test_who_is_written_to_is_looked_at_again_when_that_is_due(site: Site, make: Make, authority: Authority) -> None:
    """An imported certificate is asked about, too: a change of key has to be seen."""
    mine, theirs = authority.leaf(ALICE, kind="p256"), authority.leaf(ALICE, kind="p256")
    publish(site, theirs, authority.intermediate)
    pipeline = make()
    import_file(pipeline.store, mine.pem(), (), ImportOptions())
    assert handled(pipeline, answer()).finding.lookups == ()
    until(lambda: known(pipeline.store))
    assert pipeline.store.lookups.of([ALICE])[0].result == "pending"
    assert handled(pipeline, answer()).finding.encryption.recipients[0].fingerprint == mine.certificate.fingerprint


def test_arrivals_never_take_all_of_a_source() -> None:
    """Whoever writes to us may name addresses whose answers are slow."""
    assert discover.AT_ONCE <= directory.AT_ONCE // 2
