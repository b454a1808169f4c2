"""Answers to encrypted mail and such mail sent on, from arrival to departure (row DEC-13)."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.engine.finding import Missing
from gateway.engine.inbound import InboundRules
from gateway.engine.transaction import Client, Direction, FrontEnd, Outcome, Transaction, Verdict
from gateway.mail.envelope import Envelope, Recipient
from gateway.mail.header import read_header
from gateway.policy.rule import Group, Level, ReplyRule, Rules, Tags
from gateway.reason import Reason
from gateway.story import tell
from tests.authority import Authority
from tests.engine.world import AT, AUTHSERV_ID, HELPDESK, World

ALICE = "alice@example.com"
THIRD = "third@example.net"
SECRET = b"the alarm code is 4711"
OURS = f"<0123@{AUTHSERV_ID}>".encode()


@pytest.fixture
def world(authority: Authority) -> World:
    """A helpdesk with a key that has to answer encrypted mail encrypted, and customers without certificates."""
    made = World(authority)
    made.hold(HELPDESK, key=True, kind="p256")
    return under(made, ReplyRule.REQUIRE)


def under(world: World, setting: ReplyRule) -> World:
    world.rules = Rules(
        groups=(
            Group("support", (HELPDESK,), Level.NEVER, Level.IF_POSSIBLE, replies=setting),
            Group("sales", ("sales@example.org",), Level.NEVER, Level.IF_POSSIBLE, replies=ReplyRule.IGNORE),
        ),
        internal=("journal@example.org",),
    )
    return world


def head(*ids: bytes, author: str = ALICE) -> bytes:
    return b"".join((b"From: Alice <%s>\r\nTo: %s\r\nSubject: s\r\n" % (author.encode(), HELPDESK.encode()), *ids))


Seal = Callable[..., bytes]


@pytest.fixture
def seal(world: World, authority: Authority) -> Seal:
    """Return what encrypts a mail to the helpdesk under these Message-ID lines."""
    customer = World(authority)
    customer.rules = Rules(groups=(Group("alice", (ALICE,), Level.NEVER, Level.REQUIRED),))
    customer.holdings[HELPDESK] = [replace(world.holdings[HELPDESK][0], has_key=False)]

    def sealed(*ids: bytes, author: str = ALICE) -> bytes:
        plain = head(author=ALICE) + b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n" + SECRET + b"\r\n"
        made = bytes(customer.send(plain, HELPDESK, sender=ALICE).deliveries[0].content)
        block = made[: made.index(b"MIME-Version")]
        return made.replace(block, head(*ids, author=author))

    return sealed


def receive(world: World, content: bytes, *recipients: str, **options: Any) -> Outcome:
    return world.send(content, *(recipients or (HELPDESK,)), sender=ALICE, direction=Direction.INBOUND, **options)


def delivered(outcome: Outcome, copy: int = 0) -> bytes:
    return bytes(outcome.deliveries[copy].content)


def values(content: bytes, name: str) -> list[bytes]:
    header = read_header(content)
    return [header.value(field) for field in header.named(name)]


def answer(*fields: bytes, author: str = HELPDESK) -> bytes:
    top = b"From: <%s>\r\nTo: %s\r\nMessage-ID: <r@example.org>\r\n" % (author.encode(), THIRD.encode())
    return b"".join((top, *fields, b"\r\n> ", SECRET))


def refused(outcome: Outcome) -> bool:
    return outcome.verdict is Verdict.REJECT and str(outcome.reply).startswith("550 5.7.3 reply-to-encrypted")


def with_wrong_padding(sealed: bytes) -> bytes:
    """Change the block before the last (AES-CBC), so that the last one ends in no padding."""
    head, mark, text = sealed.rpartition(b"\r\n\r\n")
    der = bytearray(base64.b64decode(text))
    der[-17] ^= 0x80
    return head + mark + base64.encodebytes(der).replace(b"\n", b"\r\n")


# --- one Message-ID of ours -------------------------------------------------------------------------------------------

ODD = [
    (),
    (b"Message-ID: <a b@x>\r\n",),
    (b"Message-ID: (c) <a@x>\r\n",),
    (b"Message-ID: <a@x>\r\n", b"Message-ID: <b@x>\r\n"),
    (b"Message-ID: a@x\r\n",),
    (b"Message-ID: <" + b"a" * 1000 + b"@x>\r\n",),
]


@pytest.mark.parametrize("ids", ODD)
def test_opened_mail_without_one_plain_id_gets_one_of_ours(world: World, seal: Seal, ids: tuple[bytes, ...]) -> None:
    outcome = receive(world, seal(*ids))
    assert SECRET in delivered(outcome)
    assert values(delivered(outcome), "message-id") == [OURS]
    assert refused(world.send(answer(b"In-Reply-To: " + OURS + b"\r\n"), THIRD))


@pytest.mark.parametrize("ids", [*ODD, (b"Message-ID: <plain@x>\r\n",)])
def test_so_does_mail_that_a_key_did_not_open(world: World, seal: Seal, ids: tuple[bytes, ...]) -> None:
    """Alike, so that nobody learns from it whether it opened."""
    sealed = seal(*ids)
    broken = receive(world, with_wrong_padding(sealed))
    opened = receive(world, sealed)
    assert SECRET in delivered(opened)
    assert broken.finding.encryption.reason is Reason.DECRYPT_FAILED
    for name in ("message-id", "references"):
        assert values(delivered(opened), name) == values(delivered(broken), name)
    assert opened.finding.message_id == broken.finding.message_id


def test_a_plain_id_stays_and_so_does_mail_that_no_key_opens(world: World, seal: Seal) -> None:
    plain = receive(world, seal(b"Message-ID: <plain@x>\r\n"))
    assert values(delivered(plain), "message-id") == [b"<plain@x>"]
    closed = receive(world, seal(b"Message-ID: a@x\r\n"), "nobody@example.org")
    assert closed.finding.encryption.reason is Reason.NOT_ADDRESSED
    assert values(delivered(closed), "message-id") == [b"a@x"]
    assert values(delivered(receive(world, head(b"Message-ID: a@x\r\n") + b"\r\nhi\r\n")), "message-id") == [b"a@x"]


def test_all_copies_have_it_and_the_seal_holds(world: World, seal: Seal) -> None:
    outcome = receive(world, seal(b"Message-ID: a@x\r\n"), HELPDESK, "nobody@example.org")
    assert len(outcome.deliveries) == 2
    for delivery in outcome.deliveries:
        made = bytes(delivery.content)
        assert values(made, "message-id") == [OURS]
        assert values(made, "references") == [b"<a@x>"]
        assert receive(world, made).finding.pass_of == "0123"


def test_so_has_the_copy_that_goes_where_the_next_hop_refuses_the_first(world: World, seal: Seal) -> None:
    (delivery,) = receive(world, seal(b"Message-ID: a@x\r\n")).deliveries
    assert delivery.as_it_came is not None
    made = bytes(delivery.as_it_came().content)
    assert SECRET not in made
    assert (values(made, "message-id"), values(made, "references")) == ([OURS], [b"<a@x>"])


def test_the_record_has_the_id_it_came_under_or_ours(world: World, seal: Seal) -> None:
    assert receive(world, seal(b"Message-ID: a@x\r\n")).finding.message_id == "a@x"
    assert receive(world, seal()).finding.message_id == OURS.decode()


def test_mail_with_no_room_for_fields_of_ours_is_not_opened(world: World, seal: Seal) -> None:
    fill = b"".join(b"X: " + b"x" * 60_000 + b"\r\n" for _ in range(4))
    for ids in ((), (b"Message-ID: <plain@x>\r\n",)):
        sealed = seal(*ids)
        room = 256 * 1024 - read_header(sealed).end - len(fill) - len(b"Y: \r\n") - 20
        outcome = receive(world, fill + b"Y: " + b"y" * room + b"\r\n" + sealed)
        assert SECRET not in delivered(outcome)


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("came", "named"),
    [
        (b"Message-ID: <plain@x>\r\n", b"<plain@x>"),
        (b"Message-ID: <Plain@x>\r\n", b"<plain@X>"),
        (b"Message-ID: <a b@x>\r\n", b"<a b@x>"),
        (b"Message-ID: (x) <c@x>\r\n", b"<c@x>"),
        (b"Message-ID: <1@x>\r\nMessage-ID: <2@x>\r\n", b"<2@x>"),
        (b"Message-ID: nobrackets@x\r\n", b"nobrackets@x"),
        (b"Message-ID: < sp@x >\r\n", b"<sp@x>"),
        (b"Message-ID: <" + b"a" * 1000 + b"@x>\r\n", b"<" + b"a" * 1000 + b"@x>"),
        (b"Message-ID: <plain@x>\r\n", b"=?utf-8?q?=3Cplain=40x=3E?="),
    ],
)
@pytest.mark.parametrize("field", [b"In-Reply-To: %s\r\n", b"References: <0@y>\r\n %s\r\n"])
def test_an_answer_is_known_however_it_names_the_mail(
    world: World, seal: Seal, came: bytes, named: bytes, field: bytes
) -> None:
    assert world.send(answer(field % named), THIRD).verdict is Verdict.RELAY
    receive(world, seal(came))
    assert refused(world.send(answer(field % named), THIRD))
    assert world.send(answer(field % b"<other@x>"), THIRD).verdict is Verdict.RELAY


def test_a_long_thread_is_read_from_its_end(world: World, seal: Seal) -> None:
    receive(world, seal(b"Message-ID: <plain@x>\r\n"))
    thread = b"\r\n ".join(b"<%d@x>" % number for number in range(5000))
    assert refused(world.send(answer(b"References: " + thread + b"\r\n <plain@x>\r\n"), THIRD))


def test_a_request_does_not_lift_it(world: World, seal: Seal) -> None:
    receive(world, seal(b"Message-ID: <plain@x>\r\n"))
    fields = (b"In-Reply-To: <plain@x>\r\n", b"X-SMIME-Gateway-Encrypt: never\r\n")
    assert refused(world.send(answer(*fields), THIRD))


def test_the_setting_of_the_group_it_was_opened_for_counts_for_others(world: World, seal: Seal) -> None:
    receive(world, seal(b"Message-ID: <plain@x>\r\n"))
    assert refused(world.send(answer(b"In-Reply-To: <plain@x>\r\n", author="sales@example.org"), THIRD))
    under(world, ReplyRule.WARN)
    world.opened_mail.clear()
    receive(world, seal(b"Message-ID: <plain@x>\r\n"))
    outcome = world.send(answer(b"In-Reply-To: <plain@x>\r\n", author="sales@example.org"), THIRD)
    assert (outcome.verdict, outcome.finding.encryption.reason) == (Verdict.RELAY, Reason.REPLY_TO_ENCRYPTED)
    finding = outcome.finding.encryption
    assert finding.reasons == (Reason.REPLY_TO_ENCRYPTED, Reason.NO_CERTIFICATE)
    assert finding.missing == (Missing(address=THIRD, reason=Reason.NO_CERTIFICATE),)


def test_an_answer_of_somebody_in_no_group_does_not_fall_under_it(world: World, seal: Seal) -> None:
    receive(world, seal(b"Message-ID: <plain@x>\r\n"))
    content = answer(b"In-Reply-To: <plain@x>\r\nReferences: <plain@x>\r\n", author="boss@example.org")
    assert world.send(content, THIRD).verdict is Verdict.RELAY


def test_the_engine_itself_remembers_nothing(world: World, seal: Seal) -> None:
    """It says what to remember; whoever tries a message out lets that be."""
    outcome = tell(world.engine.story(_arriving(seal(b"Message-ID: a@x\r\n"))), world.answer)
    assert outcome.remember is not None and outcome.remember.names
    assert world.opened_mail == []


def _arriving(content: bytes) -> Transaction:
    envelope = Envelope("alice@example.com", (Recipient(HELPDESK),))
    return Transaction("01", Direction.INBOUND, FrontEnd.SMTP, "inbound", Client(), envelope, content, AT)


# --- sent on ----------------------------------------------------------------------------------------------------------

PLAIN = b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n" + SECRET + b"\r\n"
KEPT = b"Message-ID: <plain@x>\r\n"


def attached(inner: bytes, *, encoding: bytes = b"7bit", kind: bytes = b"message/rfc822", depth: int = 0) -> bytes:
    coded = base64.encodebytes(inner).replace(b"\n", b"\r\n") if encoding == b"base64" else inner
    part = b"Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n%s" % (kind, encoding, coded)
    for level in range(depth + 1):
        mark = b"b%d" % level
        part = b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n\r\nfyi\r\n--%s\r\n%s\r\n--%s--\r\n" % (
            (mark,) * 3 + (part, mark)
        )
    return b"MIME-Version: 1.0\r\n" + part


def sent_on(form: str, opened: bytes) -> bytes:
    """The forms in which helpdesks send an opened mail on."""
    customers = head(KEPT) + PLAIN
    return {
        "redirected": customers,
        "resent": b"Resent-From: %s\r\nResent-To: %s\r\n" % (HELPDESK.encode(), THIRD.encode()) + customers,
        "as delivered": opened,
        "delivered, under a new id": opened.replace(b"Message-ID: <plain@x>", b"Message-ID: <new@y>"),
        "delivered, from another": opened.replace(b"From: Alice <alice@", b"From: Redirector <robot@"),
        "same id": head(KEPT, author=HELPDESK) + PLAIN,
        "attached": head(author=HELPDESK) + attached(customers),
        "attached deep": head(author=HELPDESK) + attached(customers, depth=3),
        "attached base64": head(author=HELPDESK) + attached(customers, encoding=b"base64"),
        "attached in attached": head(author=HELPDESK) + attached(head() + attached(customers)),
        "attached global": head(author=HELPDESK) + attached(customers, kind=b"message/global"),
        "digest": head(author=HELPDESK)
        + b"Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\n"
        + customers
        + b"\r\n--d--\r\n",
        "root": head(author=HELPDESK) + b"Content-Type: message/rfc822\r\n\r\n" + customers,
        "attached by the customer": head(b"Message-ID: <f@x>\r\n", author="robot@example.org") + attached(customers),
    }[form]


FORMS = [
    "redirected",
    "resent",
    "as delivered",
    "delivered, under a new id",
    "delivered, from another",
    "same id",
    "attached",
    "attached deep",
    "attached base64",
    "attached in attached",
    "attached global",
    "digest",
    "root",
    "attached by the customer",
]


@pytest.mark.parametrize("form", FORMS)
def test_opened_mail_is_not_sent_on_in_clear(world: World, seal: Seal, form: str) -> None:
    opened = delivered(receive(world, seal(KEPT)))
    content = sent_on(form, opened)
    assert refused(world.send(content, THIRD))
    assert refused(world.send(content, THIRD, sender=""))
    world.opened_mail.clear()
    if "delivered" not in form:
        assert world.send(content, THIRD).verdict is Verdict.RELAY


@pytest.mark.parametrize("form", ["redirected", "as delivered", "attached by the customer"])
def test_colleagues_get_it(world: World, seal: Seal, form: str) -> None:
    content = sent_on(form, delivered(receive(world, seal(KEPT))))
    (delivery,) = world.send(content, "journal@example.org", HELPDESK).deliveries
    assert b"X-SMIME-Gateway" not in bytes(delivery.content)


def test_what_is_still_encrypted_may_go_on(world: World, seal: Seal) -> None:
    sealed = seal(KEPT)
    receive(world, sealed)
    assert world.send(sealed, THIRD).verdict is Verdict.RELAY
    assert world.send(head(author="robot@example.org") + attached(sealed), THIRD).verdict is Verdict.RELAY
    assert world.send(head(author=HELPDESK) + attached(sealed), THIRD).verdict is Verdict.RELAY


def test_a_report_in_no_group_may_quote_it(world: World, seal: Seal) -> None:
    opened = delivered(receive(world, seal(KEPT)))
    body = (
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=r\r\n\r\n--r\r\n\r\nfailed\r\n"
        b"--r\r\nContent-Type: message/rfc822\r\n\r\n" + opened + b"\r\n--r--\r\n"
    )
    assert world.send(head(author="mailer-daemon@example.org") + body, THIRD, sender="").verdict is Verdict.RELAY
    assert refused(world.send(head(author=HELPDESK) + body, THIRD, sender=""))
    headers = body.replace(b"message/rfc822", b"text/rfc822-headers")
    assert world.send(head(author=HELPDESK) + headers, THIRD, sender="").verdict is Verdict.RELAY


def test_mail_in_no_group_with_an_id_of_a_plain_one_or_of_another_author_goes_on(world: World, seal: Seal) -> None:
    receive(world, seal(KEPT))
    assert world.send(head(KEPT, author="list@example.net") + PLAIN, THIRD).verdict is Verdict.RELAY
    world.plain_names.add("plain@x")
    assert world.send(head(KEPT) + PLAIN, THIRD).verdict is Verdict.RELAY
    assert refused(world.send(head(KEPT, author=HELPDESK) + PLAIN, THIRD))


def test_warn_relays_and_says_so_and_ignore_says_nothing(world: World, seal: Seal) -> None:
    for setting, reason in ((ReplyRule.WARN, Reason.REPLY_TO_ENCRYPTED), (ReplyRule.IGNORE, Reason.UNKNOWN_SENDER)):
        under(world, setting)
        world.opened_mail.clear()
        receive(world, seal(KEPT))
        outcome = world.send(head(KEPT) + PLAIN, THIRD)
        assert (outcome.verdict, outcome.finding.encryption.reason) == (Verdict.RELAY, reason)


def test_a_refusal_that_would_return_it_to_a_stranger_is_not_told(world: World, seal: Seal) -> None:
    content = sent_on("redirected", delivered(receive(world, seal(KEPT))))
    outcome = world.send(content, THIRD, sender=ALICE)
    assert (outcome.verdict, outcome.withheld, outcome.deliveries) == (Verdict.RELAY, True, ())
    assert outcome.reply is not None and outcome.reply.positive
    assert outcome.hold is not None and outcome.hold.reason is Reason.REPLY_TO_ENCRYPTED
    assert outcome.finding.encryption.status == "not-encrypted"
    assert outcome.finding.encryption.reason is Reason.REPLY_TO_ENCRYPTED


@pytest.mark.parametrize("setting", list(ReplyRule))
@pytest.mark.parametrize("form", ["redirected", "as delivered", "attached"])
def test_no_other_refusal_returns_it_either(world: World, seal: Seal, setting: ReplyRule, form: str) -> None:
    under(world, setting)
    world.opened_mail.clear()
    content = sent_on(form, delivered(receive(world, seal(KEPT))))
    world.rules = replace(world.rules, reject_unknown_sender=True, tags=Tags(encrypt="[secret]"))
    tagged = content.replace(b"Subject: ", b"Subject: [secret] ", 1)
    for asked in (content, tagged) if form == "redirected" else (tagged,):
        assert world.send(asked, THIRD, sender=ALICE).withheld
        assert str(world.send(asked, THIRD, sender=HELPDESK).reply).startswith("550 5.7")


@pytest.mark.parametrize("fields", [800, 960, 1100])
@pytest.mark.parametrize("padding", [b"", b"x" * 250])
def test_mail_whose_header_may_grow_too_long_to_be_read_is_not_opened(
    world: World, seal: Seal, fields: int, padding: bytes
) -> None:
    sealed = seal(KEPT, *[b"X-Any: " + padding + b"\r\n"] * fields)
    opened = delivered(receive(world, sealed))
    assert (SECRET in opened) is (fields == 800)
    trace = b"".join(b"Received: by mx%d.example.org\r\n" % number for number in range(50))
    outcome = world.send(trace + opened, THIRD, sender=ALICE)
    assert outcome.withheld or SECRET not in opened


def test_a_refused_answer_is_told_where_it_is_not_what_was_opened(world: World, seal: Seal) -> None:
    under(world, ReplyRule.WARN)
    world.opened_mail.clear()
    receive(world, seal(KEPT))
    content = answer(b"Subject: [secret] hello\r\n", b"In-Reply-To: <plain@x>\r\n")
    world.rules = replace(world.rules, tags=Tags(encrypt="[secret]"))
    assert str(world.send(content, THIRD, sender=ALICE).reply).startswith("550 5.7.3")


def test_an_expired_seal_still_says_that_it_arrived(world: World, seal: Seal) -> None:
    opened = delivered(receive(world, seal(KEPT)))
    world.withdrawals = 1
    assert refused(world.send(opened, THIRD))
    again = receive(world, opened)
    assert again.finding.notes == ("seal: expired",)
    assert again.finding.pass_of is None


def test_why_a_seal_is_not_believed_is_in_the_record(world: World, seal: Seal) -> None:
    opened = delivered(receive(world, seal(KEPT)))
    again = receive(world, opened.replace(b"Subject: s", b"Subject: t"))
    assert again.finding.notes == ("seal: Subject",)
    assert again.finding.encryption.status == "none"
    world.inbound_rules = InboundRules(domains=frozenset({"example.com"}))
    assert receive(world, opened + b"x").finding.notes == ("seal: body",)


# --- the tag that asks for less ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "honoured"),
    [(b"", True), (b"In-Reply-To: <a@x>\r\n", False), (b"References: <a@x>\r\n", False)],
)
def test_a_tag_for_plain_is_not_honoured_in_answers(world: World, fields: bytes, honoured: bool) -> None:
    world.hold(THIRD, kind="p256")
    world.rules = replace(world.rules, tags=Tags(plain="[plain]", encrypt="[secret]"))
    content = answer(b"Subject: Re: [Plain] hello\r\n", fields)
    outcome = world.send(content, THIRD)
    assert outcome.finding.encryption.reason is (Reason.OVERRIDE if honoured else None)
    assert b"plain" not in values(delivered(outcome), "subject")[0].lower()
    outcome = world.send(answer(b"Subject: Re: [secret] hello\r\n", fields), "nobody@example.net")
    assert str(outcome.reply).startswith("550 5.7.3")
