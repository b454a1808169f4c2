"""What a sender gets back, and all that the next hop could tell him, is the same whatever a private key produced."""

import asyncio
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.engine.inbound import InboundRules
from gateway.engine.transaction import Direction, Outcome, Transaction
from gateway.mail.header import read_header
from gateway.smtp.door import Limits
from tests.authority import Authority, Issued
from tests.engine.world import AT, HELPDESK, FirstContents
from tests.inbound.content_key import OTHER, cbc, gcm, wrapped
from tests.inbound.made import ALICE, TEXT, Desk, compressed, mail, p7m, signed
from tests.smtp.fakes import KEYWORDS, QUICK, Hop, Rule, run, world

SALES = "sales@example.org"
PLAIN_ID = "Message-ID: <7@example.com>"
LARGE = b"Content-Type: text/plain\r\n\r\n" + b"much of the same\r\n" * 4000
SMALL_HOP = (*(word for word in KEYWORDS if not word.startswith("SIZE")), "SIZE 50000")
"""A next hop that takes no opened ``LARGE``, but the envelope."""
Seal = Callable[..., bytes]
"""Makes an envelope of a recipient info and an ``entity``."""


@dataclass(frozen=True)
class Case:
    """An envelope, a next hop, and who sends to whom how."""

    entity: bytes = TEXT
    seal: Seal = cbc
    keywords: tuple[str, ...] = KEYWORDS
    rules: tuple[Rule, ...] = ()
    to: tuple[str, ...] = (HELPDESK,)
    mail: str = ""
    rcpt: str = ""
    message_ids: tuple[str, ...] = (PLAIN_ID,)
    copies: int = 16
    notify_failure: bool = False


@dataclass
class Seen:
    """All that somebody outside could see or hear of, by way of the next hop, too."""

    replies: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    transactions: list[tuple[str, list[str], list[bytes]]] = field(default_factory=list)


def broken(octets: bytes) -> bytes:
    return octets[:-1] + bytes([octets[-1] ^ 1])


def ways(desk: Desk, case: Case) -> Iterator[tuple[str, bytes]]:
    """One envelope in all the ways its opening may end; the helpdesk stands as it must when each is yielded."""
    info = wrapped(desk.certificate)
    whole = case.seal(info, entity=case.entity)
    for name, cms in (
        ("opens", whole),
        ("ciphertext or tag is wrong", broken(whole)),
        ("the wrapped key is wrong", whole.replace(info, broken(info))),
        ("a bug after the key was used", whole),
        ("the content key is known", whole),
        ("too many failures", whole),
    ):
        desk.failures_per_hour, desk.failed, desk.content_keys, desk.broken = 100, [], FirstContents(), False
        if name == "too many failures":
            desk.failures_per_hour = 0
        elif name == "the content key is known":
            desk.receive(mail(p7m(case.seal(info, entity=OTHER))), record="first")
        elif name.startswith("a bug"):
            desk.broken = True
        yield name, cms


class Fragile(Desk):
    """A helpdesk whose judging of a signature can be broken: that comes after an envelope was opened."""

    broken = False

    def trust(self, leaf: object) -> object:  # type: ignore[override]
        if self.broken:
            raise RuntimeError("a bug")
        return super().trust(leaf)


def seen(desk: Desk, case: Case, cms: bytes) -> Seen:
    """Send an envelope through a door."""
    found = Seen()
    fields = "".join(f"{line}\r\n" for line in case.message_ids).encode()
    content = mail(p7m(cms)).replace(PLAIN_ID.encode() + b"\r\n", fields)
    hop = Hop(keywords=case.keywords, rules=[replace(rule) for rule in case.rules])
    desk.inbound_rules = InboundRules(notify_failure=case.notify_failure)

    async def process(transaction: Transaction) -> Outcome:
        return await asyncio.to_thread(desk.process, transaction, AT)

    async def story() -> None:
        limits = Limits(copies=case.copies, timeouts=QUICK)
        async with world(hop, process=process, direction=Direction.INBOUND, limits=limits) as w:
            client = await w.client()
            found.replies.append(await client.say(f"MAIL FROM:<{ALICE}>{case.mail}"))
            found.replies += [await client.say(f"RCPT TO:<{to}>{case.rcpt}") for to in case.to]
            found.replies += [await client.data(content), await client.say("NOOP")]

    run(story())
    # Copies are prepared side by side: only their final dots have an order.
    found.commands = sorted(line for line in hop.log if not line.startswith(("EHLO", "XFORWARD", "QUIT")))
    for dot in hop.dots:
        header = read_header(dot.content)
        found.transactions.append((dot.mail, dot.recipients, [header.value(f) for f in header.named("message-id")]))
    return found


def compare(desk: Desk, case: Case) -> Seen:
    """Assert that all ways look alike; return how."""
    views = {name: seen(desk, case, cms) for name, cms in ways(desk, case)}
    first, *_ = views.values()
    assert views == dict.fromkeys(views, first)
    assert not any(b"printer" in repr(view).encode() for view in views.values())
    return first


@pytest.fixture(scope="module")
def fragile(authority: Authority) -> Desk:
    return Fragile(authority)


@pytest.fixture(scope="module")
def entities(alice: Issued) -> list[bytes]:
    return [
        signed(TEXT, alice),
        TEXT,
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n".encode(),
        p7m(compressed(zlib.compress(LARGE))),
        b"no header at all",
        b"Content-Type: text/plain\r\n" + b"X: y\r\n" * 3000 + b"\r\n",
        bytes(range(256)),
    ]


@pytest.mark.parametrize("seal", [cbc, gcm])
def test_each_kind_of_content_in_each_cipher(fragile: Desk, entities: list[bytes], seal: Seal) -> None:
    for entity in entities:
        case = Case(entity, seal, SMALL_HOP, to=(HELPDESK, SALES), rcpt=" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x@y")
        view = compare(fragile, case)
        assert view.replies[-2] == "250 2.0.0 Ok id1"
        assert [to for _, to, _ in view.transactions] == [[HELPDESK], [SALES]]
        assert f"RCPT TO:<{HELPDESK}> NOTIFY=NEVER ORCPT=rfc822;x@y" in view.commands


ANSWERS = ("451 4.2.0 later", "421 4.3.2 bye", "550 5.7.1 never", "554 5.6.0 sesame", "close")
RULES = st.builds(
    Rule,
    stage=st.sampled_from(("RCPT", "DATA", "dot", "dot")),
    reply=st.sampled_from(ANSWERS),
    match=st.sampled_from((HELPDESK, SALES)),
    times=st.sampled_from((1, 2, 1_000_000)),
)
KEYWORD_SETS = st.sampled_from([KEYWORDS, SMALL_HOP, ("PIPELINING", "DSN"), ("8BITMIME",), ()])
CASES = st.builds(
    Case,
    seal=st.sampled_from((cbc, gcm)),
    rules=st.lists(RULES, max_size=4).map(tuple),
    to=st.sampled_from(((HELPDESK,), (HELPDESK, SALES), (SALES, HELPDESK))),
    message_ids=st.sampled_from(((PLAIN_ID,), (), (PLAIN_ID, PLAIN_ID), ("Message-ID: (x) <7@example.com>",))),
    copies=st.sampled_from((1, 16)),
    notify_failure=st.booleans(),
)


@settings(
    max_examples=max(settings().max_examples // 4, 1),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=CASES, keywords=KEYWORD_SETS, which=st.integers(0, 6), dsn=st.booleans())
def test_whatever_the_next_hop_answers(
    fragile: Desk, entities: list[bytes], case: Case, keywords: tuple[str, ...], which: int, dsn: bool
) -> None:
    parameters = {"mail": " RET=FULL ENVID=q", "rcpt": " NOTIFY=SUCCESS,DELAY"} if dsn and "DSN" in keywords else {}
    compare(fragile, replace(case, entity=entities[which], keywords=keywords, **parameters))
