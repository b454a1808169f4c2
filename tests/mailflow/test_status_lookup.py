"""From a message whose signer nobody knows to the next one, judged: engine, store and fetcher together."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.config import Options, parse
from gateway.engine.transaction import Client, Direction, FrontEnd, Transaction
from gateway.gather import try_out
from gateway.mail.envelope import Envelope, Recipient
from gateway.mailflow import pipeline, status_lookup
from gateway.mailflow.pipeline import Pipeline
from gateway.mailflow.status_lookup import StatusLookup, WantedStatuses
from gateway.store import Store, open_store
from gateway.store.certificates.said import Trust
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.wiring import Wiring, build_engine, store_options
from tests.authority import Authority, Issued
from tests.letters import head, signed
from tests.lookup.site import Site, listening
from tests.stores import ready

ALICE, SUPPORT = "alice@customer.example", "support@example.org"
START = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def site() -> Iterator[Site]:
    with listening() as opened:
        yield opened


class Ca:
    """An authority whose certificates name CRLs on ``site``: /root.crl for the intermediate, /middle.crl for leaves."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.authority = Authority(name="Naming")
        self.root = self.authority.root
        self.middle = self.authority.ca("Middle", issuer=self.root, extensions=(site.list_at("/root.crl"),))

    def leaf(self, *extensions: Any) -> Issued:
        named = extensions or (self.site.list_at("/middle.crl"),)
        return self.authority.leaf(ALICE, issuer=self.middle, kind="p256", extensions=named)

    def publish(self, *revoked: Issued, **facts: Any) -> None:
        """Put up both lists; the intermediate's names ``revoked``."""
        for path, issuer, those in (("/root.crl", self.root, ()), ("/middle.crl", self.middle, revoked)):
            made = self.authority.revocation_list(*those, issuer=issuer, **facts)
            self.site.put(path, made.public_bytes(Encoding.DER))


@pytest.fixture
def ca(site: Site) -> Ca:
    return Ca(site)


def options_of(folder: Path, revocation: str = "hard", **values: Any) -> Options:
    document = {
        "hostname": "gw.example.org",
        "state": str(ready(folder / "state")),
        "inbound": {"revocation": revocation},
    }
    return parse(yaml.safe_dump(document | values))


def transaction(content: bytes, at: datetime) -> Transaction:
    envelope = Envelope(ALICE, (Recipient(SUPPORT),))
    return Transaction("a1", Direction.INBOUND, FrontEnd.SMTP, "in", Client("192.0.2.7"), envelope, content, at, True)


def said(where: "Pipeline | Wiring | Gateway", signer: Issued, at: datetime) -> tuple[str, str | None]:
    """What the engine says of a signed message."""
    mail = transaction(head() + signed(signer), at)
    if isinstance(where, Pipeline):
        outcome = where.process(mail)
    else:
        outcome = try_out(where.engine, where.store, mail)
        if isinstance(where, Gateway):
            where.fetching.wants.add(outcome.unknown)
    signature = outcome.finding.signature
    return signature.status, signature.reason


class Gateway:
    """A store, an engine and a fetcher, with a clock of their own."""

    def __init__(self, folder: Path, ca: Ca, revocation: str) -> None:
        self.at = START
        options = options_of(folder, revocation)
        self.store: Store = open_store(store_options(options), durable=False)
        for data, trust in ((ca.root.pem(), True), (ca.middle.pem(), False)):
            import_file(self.store, data, (), ImportOptions(trust=trust))
        self.fetching = StatusLookup(self.store, ca.site.fetch(), lambda: self.at)
        self.engine = build_engine(options, self.store)

    def says(self, signer: Issued) -> tuple[str, str | None]:
        return said(self, signer, self.at)

    def work(self) -> int:
        """Fetch until nothing is due; return how often."""
        count = 0
        while self.fetching.once():
            count += 1
        self.store.generation.expire()
        return count


@pytest.fixture
def gateway(tmp_path: Path, ca: Ca) -> Iterator[Callable[..., Gateway]]:
    made: list[Gateway] = []

    def make(revocation: str = "hard") -> Gateway:
        made.append(Gateway(tmp_path, ca, revocation))
        return made[-1]

    yield make
    for each in made:
        each.store.close()


UNKNOWN, PASS, REVOKED = ("temperror", "revocation-unknown"), ("pass", None), ("policy", "revoked")


# from unknown to known


def test_sig_11_under_hard_the_first_message_waits_and_the_next_is_judged(ca: Ca, gateway: Any) -> None:
    good, bad = ca.leaf(), ca.leaf()
    ca.publish(bad)
    gateway = gateway()
    assert gateway.says(good) == UNKNOWN
    assert ca.site.connections == 0, "no message fetches anything itself"
    assert gateway.work() == 2
    assert sorted(ca.site.paths()) == ["/middle.crl", "/root.crl"]
    assert (gateway.says(good), gateway.says(bad)) == (PASS, REVOKED)
    assert gateway.work() == 0, "one list is for all of an issuer"


def test_sig_11_under_soft_an_unknown_signer_passes_until_the_list_is_here(ca: Ca, gateway: Any) -> None:
    bad = ca.leaf()
    ca.publish(bad)
    gateway = gateway("soft")
    assert gateway.says(bad) == PASS
    gateway.work()
    assert gateway.says(bad) == REVOKED


def test_what_any_gateway_wants_the_elected_one_fetches(ca: Ca, gateway: Any) -> None:
    good, elected = ca.leaf(), [False]
    ca.publish()
    gateway = gateway()
    gateway.fetching = StatusLookup(gateway.store, ca.site.fetch(), lambda: gateway.at, lambda: elected[0])
    assert gateway.says(good) == UNKNOWN
    assert gateway.work() == 0
    assert ca.site.connections == 0
    elected[0] = True
    assert gateway.work() == 2
    assert gateway.says(good) == PASS


def test_a_responder_is_asked_where_there_is_no_list(ca: Ca, gateway: Any) -> None:
    lists, responder = ca.site.list_at("/gone.crl"), ca.site.responder_at("/ocsp")
    alice, bob = ca.leaf(lists, responder), ca.leaf(responder)
    ca.publish()
    gateway = gateway()
    for signer, revoked_at in ((alice, None), (bob, START - DAY)):
        ca.site.put("/ocsp", ca.authority.status_response(signer, revoked_at=revoked_at))
        assert gateway.says(signer) == UNKNOWN
        gateway.work()
        assert gateway.says(signer) == (REVOKED if revoked_at else PASS)
    asked = [path.split("/")[1] for path in ca.site.paths()]
    assert sorted(asked) == ["gone.crl", "ocsp", "ocsp", "root.crl"]


def test_net_02_what_failed_is_not_asked_for_again_by_every_message(ca: Ca, gateway: Any) -> None:
    alice = ca.leaf()
    gateway = gateway()
    for _ in range(3):
        assert gateway.says(alice) == UNKNOWN
        gateway.work()
    assert sorted(ca.site.paths()) == ["/middle.crl", "/root.crl"]
    ca.publish()
    gateway.at += timedelta(hours=5)
    gateway.work()
    assert gateway.says(alice) == PASS


def test_lists_are_fetched_again_ahead_of_their_end(ca: Ca, gateway: Any) -> None:
    good = ca.leaf()
    ca.publish(at=START, until=START + timedelta(hours=10))
    gateway = gateway()
    gateway.says(good)
    gateway.work()
    gateway.at += timedelta(hours=9)
    ca.publish(good, at=gateway.at, until=gateway.at + timedelta(hours=10), number=2)
    assert gateway.says(good) == PASS
    assert gateway.work() == 2
    gateway.at += timedelta(minutes=1)
    assert gateway.says(good) == REVOKED


def test_an_outage_of_the_list_does_not_send_to_the_responder_while_the_list_is_in_force(ca: Ca, gateway: Any) -> None:
    good = ca.leaf(ca.site.list_at("/middle.crl"), ca.site.responder_at("/ocsp"))
    ca.publish(at=START, until=START + timedelta(hours=10))
    gateway = gateway()
    gateway.says(good)
    gateway.work()
    gateway.at += timedelta(hours=9)
    for path in ("/root.crl", "/middle.crl"):
        ca.site.put(path, b"", "503 Later")
    assert gateway.says(good) == PASS
    gateway.work()
    assert "/ocsp" not in {path[:5] for path in ca.site.paths()}


# who may make us ask


def test_net_02_a_unique_address_in_a_strangers_certificate_is_never_asked(site: Site, ca: Ca, gateway: Any) -> None:
    stranger = Authority(name="Stranger")
    gateway = gateway()
    for number in range(3):
        unique = site.list_at(f"/{number}.crl"), site.responder_at(f"/{number}/ocsp")
        assert gateway.says(stranger.leaf(ALICE, kind="p256", extensions=unique)) == ("policy", "no-path")
        assert gateway.says(stranger.self_signed(ALICE, kind="p256", extensions=unique)) == ("policy", "untrusted")
    assert gateway.work() == 0
    assert site.connections == 0


def test_net_01_nothing_is_asked_any_more_when_trust_is_gone(ca: Ca, gateway: Any) -> None:
    good = ca.leaf()
    ca.publish()
    gateway = gateway()
    gateway.says(good)
    gateway.store.certificates.set_trust(ca.root.certificate.fingerprint, Trust.DISTRUSTED)
    assert gateway.work() == 2
    assert ca.site.connections == 0
    gateway.store.certificates.set_trust(ca.root.certificate.fingerprint, Trust.TRUSTED)
    gateway.says(good)
    gateway.work()
    assert (len(gateway.store.revocation_lists.list()), ca.site.connections) == (2, 2)
    gateway.store.certificates.set_trust(ca.root.certificate.fingerprint, Trust.DISTRUSTED)
    gateway.at += 2 * DAY
    gateway.work()
    assert (gateway.store.revocation_lists.list(), ca.site.connections) == ([], 2)


def test_a_list_outlives_the_certificate_that_named_it_first(ca: Ca, gateway: Any) -> None:
    """SIG-11: a leaf that is distrusted does not take the list of its issuer along, by which others are revoked."""
    first, revoked = ca.leaf(), ca.leaf()
    ca.publish(revoked)
    gateway = gateway("soft")
    gateway.says(first)
    gateway.work()
    assert gateway.says(revoked) == REVOKED
    import_file(gateway.store, first.pem(), (), ImportOptions())
    gateway.store.certificates.set_trust(first.certificate.fingerprint, Trust.DISTRUSTED)
    gateway.at += 2 * DAY
    gateway.work()
    assert gateway.says(revoked) == REVOKED


# what cannot go wrong


def test_a_bug_in_reading_is_logged_and_rests_like_a_failure(
    ca: Ca, gateway: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(status_lookup, "look_up", broken)
    gateway = gateway()
    gateway.says(ca.leaf())
    with caplog.at_level(logging.WARNING):
        assert gateway.work() == 2
    assert "too much for us" in caplog.text


def test_only_so_many_are_kept_in_mind(ca: Ca, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_lookup, "MAX_WANTS", 2)
    wants = WantedStatuses()
    paths = [(leaf.certificate, ca.middle.certificate) for leaf in (ca.leaf(), ca.leaf(), ca.leaf())]
    for path in (*paths, *paths):
        wants.add([path])
    assert wants.take() == set(paths[:2])
    assert wants.take() == set()


# the whole process


def is_running() -> bool:
    return "fetching" in {thread.name for thread in threading.enumerate()}


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.02)


@pytest.fixture
def open_desk(tmp_path: Path, ca: Ca, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Pipeline]]:
    """Desks that may ask the site, and never rest long."""
    monkeypatch.setattr(pipeline, "Fetch", ca.site.fetch)
    for name in ("LOOK_EVERY", "BETWEEN"):
        monkeypatch.setattr(status_lookup, name, 0.01)
    opened: list[Pipeline] = []

    def make(revocation: str, **values: Any) -> Pipeline:
        opened.append(Pipeline(options_of(tmp_path, revocation, **values)))
        for data, trust in ((ca.root.pem(), True), (ca.middle.pem(), False)):
            import_file(opened[-1].store, data, (), ImportOptions(trust=trust))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def test_off_fetches_nothing_ever(ca: Ca, open_desk: Any, tmp_path: Path) -> None:
    """Not even what is due, nor where the gateway is switched off."""
    good, now = ca.leaf(), datetime.now(UTC)
    ca.publish()
    for values in ({"revocation": "off"}, {"revocation": "hard", "enabled": False}):
        pipeline = open_desk(**values)
        path = good.certificate, ca.middle.certificate, ca.root.certificate
        pipeline.store.revocation_sources.want(path, now - DAY)
        for _ in range(3):
            assert said(pipeline, good, now)[0] in ("pass", "none")
        time.sleep(0.3)
        assert ca.site.connections == 0
    pipeline = open_desk("soft")  # and it would have been seen
    until(lambda: ca.site.connections > 0)
    pipeline.renew(options_of(tmp_path, "off"))


def test_a_new_configuration_begins_and_ends_it(ca: Ca, open_desk: Any, tmp_path: Path) -> None:
    good, now = ca.leaf(), datetime.now(UTC)
    ca.publish()
    pipeline = open_desk("off")
    assert said(pipeline, good, now) == PASS
    assert not is_running()
    for _ in range(2):
        pipeline.renew(options_of(tmp_path, "hard"))
        assert said(pipeline, good, now) in (UNKNOWN, PASS)
        until(lambda: said(pipeline, good, now) == PASS)
        assert is_running()
        pipeline.renew(options_of(tmp_path, "off"))
        until(lambda: not is_running())
    assert ca.site.connections == 2


def test_net_03_mail_does_not_wait_for_a_tarpit(ca: Ca, open_desk: Any) -> None:
    over = Event()

    def tarpit(_: socket.socket) -> None:
        over.wait(20)

    for path in ("/root.crl", "/middle.crl"):
        ca.site.behave(path, tarpit)
    pipeline, good, now = open_desk("hard"), ca.leaf(), datetime.now(UTC)
    assert said(pipeline, good, now) == UNKNOWN
    until(lambda: len(ca.site.requests) == 1)
    for _ in range(20):
        assert said(pipeline, good, now) == UNKNOWN
    assert len(ca.site.requests) == 1, "all these came while the first request waited"
    over.set()


def test_trying_a_message_out_fetches_nothing_and_uses_what_is_stored(
    ca: Ca, gateway: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = ca.leaf()
    ca.publish()
    file = tmp_path / "gateway.yaml"
    file.write_text(f"hostname: gw.example.org\nstate: {tmp_path / 'state'}\ninbound: {{revocation: hard}}\n")
    gateway = gateway()
    wiring = Wiring(file)
    assert said(wiring, good, START) == UNKNOWN
    assert gateway.work() == 0
    gateway.says(good)
    gateway.work()
    wiring.store.generation.expire()
    assert said(wiring, good, START) == PASS
    assert ca.site.connections == 2
