"""Inbound mail through the engine: opened, judged, tagged, and never lost."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.engine import opening
from gateway.engine.inbound import InboundRules
from gateway.engine.transaction import Direction, Hold, Outcome, Verdict
from gateway.engine.wants import EarlierUse, FailuresOf, KeyOf, NamedBy, Withdrawals
from gateway.errors import Fault
from gateway.mail.header import read_header
from gateway.policy.rule import Group, Level, ReplyRule, Rules
from gateway.reason import Reason
from gateway.smime import seal
from gateway.story import Wanted
from tests.authority import Authority
from tests.engine.world import AT, HELPDESK, World

ALICE = "alice@example.com"
FIXTURES = Path(__file__).parents[2] / "fixtures" / "mail"
PLAIN = (
    b"From: Alice <alice@example.com>\r\nTo: support@example.org\r\nSubject: help\r\nMessage-ID: <7@example.com>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nMy printer burns.\r\n"
)
DAY = timedelta(days=1)


class Customer(World):
    """Alice with her own gateway: what she sends is sealed by our outbound engine."""

    def seal(self, content: bytes = PLAIN, sign: str = "required", encrypt: str = "never", **options: Any) -> bytes:
        self.rules = Rules(groups=(Group("alice", (ALICE,), Level(sign), Level(encrypt)),))
        outcome = self.send(content, *options.pop("to", (HELPDESK,)), sender=ALICE, **options)
        assert outcome.verdict is Verdict.RELAY, outcome.reply
        return bytes(outcome.deliveries[0].content)

    def encrypt_entity(self, entity: bytes, *to: str) -> bytes:
        """Encrypt an entity with whatever header it has, as a hostile sender would."""
        header = read_header(entity)
        inner = seal.Entity(entity[: header.end], (entity[header.body :],))
        made = seal.encrypt(inner, [self.issued[address].certificate for address in to], "aes-256-cbc", "pkcs1v15")
        frame = seal.Frame(b"From: Alice <alice@example.com>\r\nMIME-Version: 1.0\r\n", b"")
        return frame.around(made.checked(None))


@pytest.fixture
def customer(authority: Authority) -> Customer:
    customer = Customer(authority)
    customer.hold(ALICE, key=True, kind="p256")
    return customer


@pytest.fixture
def world(authority: Authority, customer: Customer) -> World:
    """The helpdesk: it has its own key, and trusts the authority."""
    world = World(authority)
    world.hold(HELPDESK, key=True, kind="p256")
    customer.issued[HELPDESK] = world.issued[HELPDESK]
    customer.holdings[HELPDESK] = [replace(world.holdings[HELPDESK][0], has_key=False)]
    return world


def receive(world: World, content: bytes, *recipients: str, **options: Any) -> Outcome:
    return world.send(content, *(recipients or (HELPDESK,)), sender=ALICE, direction=Direction.INBOUND, **options)


def words(outcome: Outcome, copy: int = 0) -> dict[str, str]:
    """Our result fields of one delivery, unfolded, by the end of their name."""
    content = bytes(outcome.deliveries[copy].content)
    header = read_header(content)
    return {
        field.name.removeprefix("x-smime-gateway-"): header.value(field).decode()
        for field in header.fields
        if field.name.startswith("x-smime-gateway-") or field.name == "authentication-results"
    }


def status(outcome: Outcome, copy: int = 0) -> tuple[str, str]:
    found = words(outcome, copy)
    return found["signature"].split(";")[0], found["encryption"].split(";")[0]


def body(outcome: Outcome, copy: int = 0) -> bytes:
    content = bytes(outcome.deliveries[copy].content)
    return content[read_header(content).body :]


def reason(outcome: Outcome) -> Any:
    return outcome.finding.signature.reason


# --- what it becomes ------------------------------------------------------------------------------------------------


def test_plain_mail_is_tagged_none_and_otherwise_as_it_came(world: World) -> None:
    """HDR-07: always an explicit result, on top of everything."""
    outcome = receive(world, PLAIN)
    assert status(outcome) == ("none", "none")
    made = bytes(outcome.deliveries[0].content)
    assert made.endswith(PLAIN)
    names = [field.name for field in read_header(made).fields][:5]
    assert names == [
        "x-smime-gateway-seal",
        "authentication-results",
        "x-smime-gateway-signature",
        "x-smime-gateway-encryption",
        "x-smime-gateway-id",
    ]


def test_clear_signed_passes_and_stays_byte_for_byte(world: World, customer: Customer) -> None:
    """SIG-02: the signed part of what came is the signed part of what leaves."""
    signed = customer.seal()
    outcome = receive(world, signed)
    assert status(outcome) == ("pass", "none")
    assert bytes(outcome.deliveries[0].content).endswith(signed)
    found = words(outcome)
    assert f"signer={ALICE}" in found["signature"]
    assert "smime=pass" in found["authentication-results"]
    assert outcome.finding.layers == ("signed",)
    assert outcome.finding.signature.coverage == "whole"


@pytest.mark.parametrize("cipher", ["aes-256-cbc", "aes-256-gcm"])
def test_signed_and_encrypted_is_opened_and_judged(world: World, customer: Customer, cipher: str) -> None:
    customer.algorithms = replace(customer.algorithms, cipher=cipher)
    outcome = receive(world, customer.seal(encrypt="required"))
    assert status(outcome) == ("pass", "decrypted")
    assert words(outcome)["encryption"] == f"decrypted; cipher={cipher}; authenticated=yes"
    assert b"My printer burns." in body(outcome)
    assert outcome.finding.layers == ("encrypted", "signed")
    assert outcome.deliveries[0].opened
    header = read_header(bytes(outcome.deliveries[0].content))
    assert [header.value(field) for field in header.named("subject")] == [b"help"]


def test_dec_04_cbc_without_a_signature_is_not_authenticated(world: World, customer: Customer) -> None:
    """DEC-04, DEC-15: encryption says nothing about the sender."""
    outcome = receive(world, customer.seal(sign="never", encrypt="required"))
    assert status(outcome) == ("none", "decrypted")
    assert words(outcome)["encryption"].endswith("authenticated=no")
    assert body(outcome) == b"My printer burns.\r\n"


def test_opaque_signed_mail_is_readable_whatever_its_status(world: World, customer: Customer) -> None:
    """SIG-15: content is always delivered as readable."""
    content = PLAIN.replace(b"charset=utf-8\r\n", 'charset=utf-8; name="ä"\r\n'.encode())
    opaque = customer.seal(content)
    assert b"smime-type=signed-data" in opaque
    world.anchors = []
    outcome = receive(world, opaque)
    assert status(outcome) == ("policy", "none")
    assert b"My printer burns." in body(outcome)
    world.open_opaque = False
    assert bytes(receive(world, opaque).deliveries[0].content).endswith(opaque)


# --- verdicts -------------------------------------------------------------------------------------------------------


def test_altered_content_fails(world: World, customer: Customer) -> None:
    outcome = receive(world, customer.seal().replace(b"printer burns", b"printer works"))
    assert status(outcome)[0] == "fail"
    assert reason(outcome) is Reason.ALTERED
    assert ALICE not in words(outcome)["authentication-results"]


def test_property_any_changed_byte_of_the_signed_part_is_never_pass(world: World, customer: Customer) -> None:
    signed = customer.seal()
    boundary = re.search(rb'boundary="([^"]+)"', signed)
    assert boundary is not None
    start = signed.index(b"--" + boundary[1] + b"\r\n") + len(boundary[1]) + 4
    end = signed.index(b"\r\n--" + boundary[1] + b"\r\n", start)
    for at in range(start, end):
        changed = bytearray(signed)
        changed[at] ^= 0x20 if changed[at] not in b"\r\n" else 0x01
        assert status(receive(world, bytes(changed)))[0] != "pass", at


def test_sig_10_an_unknown_root_is_untrusted(world: World, customer: Customer) -> None:
    """SIG-10, CRT-08: nothing in the mail makes its issuer trusted."""
    world.anchors = []
    outcome = receive(world, customer.seal())
    assert (status(outcome)[0], reason(outcome)) in {("policy", Reason.NO_PATH), ("policy", Reason.UNTRUSTED)}
    assert outcome.hold is not None
    assert not outcome.hold.unreadable


@pytest.mark.parametrize(("offset", "expected"), [(-DAY * 4000, Reason.NOT_YET_VALID), (DAY * 4000, Reason.EXPIRED)])
def test_sig_12_the_clock_is_ours(world: World, customer: Customer, offset: timedelta, expected: Reason) -> None:
    """SIG-12: validity is judged at receipt; what the signer says of the time is information."""
    signed = customer.seal()
    transaction_time = AT + offset
    came = replace(_transaction(world, signed), received_at=transaction_time)
    outcome = world.process(came, transaction_time)
    assert outcome.finding.signature.status == "policy"
    assert expected in outcome.finding.signature.reasons


def _transaction(world: World, content: bytes) -> Any:
    from gateway.engine.transaction import Client, FrontEnd, Transaction
    from gateway.mail.envelope import Envelope, Recipient

    envelope = Envelope(ALICE, (Recipient(HELPDESK),))
    return Transaction("01", Direction.INBOUND, FrontEnd.SMTP, "inbound", Client(), envelope, content, AT)


def test_sig_07_a_signer_who_is_not_the_sender_never_passes(world: World, customer: Customer) -> None:
    """SIG-07, SIG-08: From counts, and nothing else."""
    signed = customer.seal()
    for forged in (
        signed.replace(b"From: Alice <alice@example.com>", b"From: Mallory <mallory@example.com>"),
        signed.replace(b"From: Alice <alice@example.com>", b'From: "alice@example.com" <mallory@example.com>'),
        signed.replace(b"From: Alice", b"Sender: alice@example.com\r\nFrom: Mallory <mallory@example.com> (Alice"),
    ):
        outcome = receive(world, forged)
        assert status(outcome)[0] == "policy"
        assert reason(outcome) in (Reason.ADDRESS_MISMATCH, Reason.FROM_AMBIGUOUS)


@pytest.mark.parametrize(
    "fields",
    [
        b"From: Alice <alice@example.com>\r\nFrom: mallory@example.com",
        b"From: alice@example.com, mallory@example.com",
        b"From: alice@example.com <mallory@example.com>",
        b"From: group: alice@example.com;",
        b"From:",
        b"X-From: alice@example.com",
    ],
)
def test_sig_09_an_ambiguous_from_never_passes(world: World, customer: Customer, fields: bytes) -> None:
    """SIG-09: exactly one From with exactly one mailbox."""
    outcome = receive(world, customer.seal().replace(b"From: Alice <alice@example.com>", fields))
    assert (status(outcome)[0], reason(outcome)) == ("policy", Reason.FROM_AMBIGUOUS)


@pytest.mark.parametrize("place", ["before", "after", "attached"])
def test_sig_01_a_signature_below_the_root_is_partial(world: World, customer: Customer, place: str) -> None:
    """SIG-01, SIG-18: text added outside makes it policy with reason partial; an attached message stays its own."""
    signed = customer.seal()
    inner = signed[signed.index(b"Content-Type: multipart/signed") :]
    text = b"--x\r\nContent-Type: text/plain\r\n\r\nfooter\r\n"
    if place == "attached":
        inner = b"Content-Type: message/rfc822\r\n\r\n" + signed
    parts = [b"--x\r\n" + inner + b"\r\n", text]
    wrapped = b"".join(parts if place == "after" else reversed(parts))
    head = b"From: Alice <alice@example.com>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    outcome = receive(world, head + wrapped + b"--x--\r\n")
    if place == "attached":
        assert status(outcome) == ("none", "none")
    else:
        assert (status(outcome)[0], reason(outcome)) == ("policy", Reason.PARTIAL)
        assert outcome.finding.signature.coverage == "partial"


def test_sig_04_certificates_only_is_no_signature(world: World, customer: Customer) -> None:
    """SIG-04: no signer info is neutral."""
    import base64

    from gateway.asn1 import der
    from gateway.cms.content import DATA, SIGNED_DATA

    data = der.sequence(der.integer(1), der.tlv(der.SET), der.sequence(DATA), der.tlv(der.SET))
    text = base64.encodebytes(der.sequence(SIGNED_DATA, der.explicit(0, data))).replace(b"\n", b"\r\n")
    content = PLAIN.partition(b"Content-Type")[0] + (
        b"Content-Type: application/pkcs7-mime; smime-type=certs-only\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    outcome = receive(world, content + text)
    assert (status(outcome)[0], reason(outcome)) == ("neutral", Reason.NO_SIGNER)


# --- decryption -----------------------------------------------------------------------------------------------------


def test_no_key_is_delivered_as_it_came_and_held_for(world: World, customer: Customer) -> None:
    sealed = customer.seal(encrypt="required")
    world.private_keys.clear()
    world.holdings[HELPDESK] = [replace(world.holdings[HELPDESK][0], has_key=False)]
    outcome = receive(world, sealed)
    assert words(outcome)["encryption"] == "failed; reason=no-key"
    assert bytes(outcome.deliveries[0].content).endswith(sealed)
    assert outcome.hold is not None
    assert outcome.hold.unreadable
    recipient = world.holdings[HELPDESK][0].certificate
    named = f"issuer={recipient.issuer} serial={recipient.serial:x}"
    assert named in {need.text for need in outcome.hold.needs}


def test_dec_12_a_key_opens_mail_only_for_its_owner(world: World, customer: Customer) -> None:
    """DEC-12: recipients of the envelope count; the others get the mail as it came, in a copy of its own."""
    sealed = customer.seal(encrypt="required")
    other = receive(world, sealed, "sales@example.org")
    assert words(other)["encryption"] == "failed; reason=not-addressed"
    assert b"printer" not in bytes(other.deliveries[0].content)
    both = receive(world, sealed, "sales@example.org", HELPDESK)
    assert [[to.address for to in delivery.recipients] for delivery in both.deliveries] == [
        [HELPDESK],
        ["sales@example.org"],
    ]
    assert status(both, 0) == ("pass", "decrypted")
    assert status(both, 1) == ("none", "failed")
    assert b"printer burns" not in bytes(both.deliveries[1].content)
    world.anybody = True
    assert status(receive(world, sealed, "sales@example.org"))[1] == "decrypted"


def test_dec_12_the_groups_further_mailboxes_are_entitled(world: World, customer: Customer) -> None:
    """DEC-12: a key serves the mailboxes that the group's mail is delivered to."""
    group = replace(world.rules.groups[0], recipients=("inbox@mail.example.org",))
    world.rules = Rules(groups=(group,))
    assert status(receive(world, customer.seal(encrypt="required"), "inbox@mail.example.org"))[1] == "decrypted"


def test_what_cannot_split_is_opened_only_if_all_are_entitled(world: World, customer: Customer) -> None:
    outcome = receive(world, customer.seal(encrypt="required"), HELPDESK, "sales@example.org", can_split=False)
    assert words(outcome)["encryption"] == "failed; reason=not-addressed"
    assert len(outcome.deliveries) == 1
    assert outcome.hold == Hold(Reason.NOT_ADDRESSED, frozenset(), unreadable=True)
    all_entitled = receive(world, customer.seal(encrypt="required"), HELPDESK, can_split=False)
    assert (status(all_entitled), all_entitled.hold) == (("pass", "decrypted"), None)
    nobody = receive(world, customer.seal(encrypt="required"), "sales@example.org", can_split=False)
    assert (status(nobody)[1], nobody.hold) == ("failed", None)


def test_dec_03_and_07_nothing_of_a_failed_decryption_survives(world: World, customer: Customer) -> None:
    """DEC-03, DEC-07: one outside face for every failure after a key was used."""
    customer.algorithms = replace(customer.algorithms, cipher="aes-256-gcm")
    sealed = customer.seal(encrypt="required")
    lines = sealed.split(b"\r\n")
    faces = set()
    for line in range(len(lines) - 12, len(lines) - 3):
        broken = list(lines)
        broken[line] = broken[line][::-1]
        outcome = receive(world, b"\r\n".join(broken))
        made = bytes(outcome.deliveries[0].content)
        assert b"burns" not in made
        assert b"multipart/signed" not in made
        faces.add(words(outcome)["encryption"])
    assert faces == {"failed; reason=decrypt-failed"}


def test_dec_08_a_key_that_fails_too_often_rests(world: World, customer: Customer) -> None:
    """DEC-08: over the limit, mail is delivered as it came."""
    customer.algorithms = replace(customer.algorithms, cipher="aes-256-gcm")
    lines = customer.seal(encrypt="required").split(b"\r\n")
    lines[-5] = lines[-5][::-1]
    world.failures_per_hour = 2
    found = [words(receive(world, b"\r\n".join(lines)))["encryption"] for _ in range(4)]
    assert found == ["failed; reason=decrypt-failed"] * 2 + ["failed; reason=rate"] * 2


def test_dec_11_inner_headers_are_not_promoted(world: World, customer: Customer) -> None:
    """DEC-11: of the decrypted entity only Content-* fields count."""
    inner = (
        b"X-SMIME-Gateway-Signature: pass; signer=ceo@example.org\r\nAuthentication-Results: smime.gw.example.org;"
        b" smime=pass\r\nFrom: ceo@example.org\r\nReply-To: forged@example.org\r\nReceived: from heaven\r\n"
        b"Content-Type: text/plain\r\n\r\nhello\r\n"
    )
    outcome = receive(world, customer.encrypt_entity(inner, HELPDESK))
    made = bytes(outcome.deliveries[0].content)
    assert status(outcome) == ("none", "decrypted")
    for forged in (b"ceo@", b"forged", b"heaven"):
        assert forged not in made
    assert made.endswith(b"\r\n\r\nhello\r\n")


def test_dec_14_ciphertext_below_the_root_stays_closed(world: World, customer: Customer) -> None:
    """DEC-14, DEC-01: never opened beside somebody else's parts."""
    sealed = customer.seal(encrypt="required")
    inner = sealed[sealed.index(b"Content-Type: application/pkcs7-mime") :]
    head = b"From: Alice <alice@example.com>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    content = head + b"--x\r\n\r\n<img src='http://evil/\r\n--x\r\n" + inner + b"--x\r\n\r\n'>\r\n--x--\r\n"
    outcome = receive(world, content)
    assert status(outcome)[1] == "partial"
    assert bytes(outcome.deliveries[0].content).endswith(content)


def test_labelled_but_not_cms_is_malformed_and_delivered(world: World) -> None:
    content = PLAIN.partition(b"Content-Type")[0] + (
        b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nnot CMS\r\n"
    )
    outcome = receive(world, content)
    assert words(outcome)["encryption"] == "failed; reason=malformed"
    assert bytes(outcome.deliveries[0].content).endswith(content)


# --- forged fields, seal, faults ------------------------------------------------------------------------------------


def test_hdr_02_forged_fields_go_even_where_nothing_is_judged(world: World) -> None:
    """HDR-02: on every path, switched off and transit included."""
    forged = (
        b"x-smime-gateway-SIGNATURE : pass; signer=ceo@example.org\r\n"
        b'Authentication-Results: (x) "smime.gw.example.org"; smime=pass\r\n'
        b"Authentication-Results: mx.example.org; dkim=pass\r\n"
    )
    for rules in (InboundRules(), InboundRules(enabled=False), InboundRules(domains=frozenset({"other.example"}))):
        world.inbound_rules = rules
        made = bytes(receive(world, forged + PLAIN).deliveries[0].content)
        assert b"ceo@example.org" not in made
        assert b"dkim=pass" in made
        if rules != InboundRules():
            assert made == b"Authentication-Results: mx.example.org; dkim=pass\r\n" + PLAIN


def test_a_message_that_comes_again_with_its_seal_keeps_its_result(world: World, customer: Customer) -> None:
    once = bytes(receive(world, customer.seal(encrypt="required")).deliveries[0].content)
    again = receive(world, b"Received: by mail.example.org\r\n" + once)
    assert bytes(again.deliveries[0].content) == b"Received: by mail.example.org\r\n" + once
    assert again.finding.pass_of == "0123"
    assert receive(world, once.replace(b"burns", b"sings")).finding.pass_of is None


def test_a_header_over_the_limits_is_tagged_and_cleaned(world: World) -> None:
    """LIM-01: delivered, neutral, and still free of forged results."""
    content = b"X-SMIME-Gateway-Id: 9\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(1200)) + PLAIN
    outcome = receive(world, content)
    made = bytes(outcome.deliveries[0].content)
    assert made.startswith(b"Authentication-Results: smime.gw.example.org; smime=neutral")
    assert b"X-SMIME-Gateway-Signature: neutral; reason=limit\r\n" in made
    assert reason(outcome) is Reason.LIMIT
    assert b"X-SMIME-Gateway-Id: 9" not in made
    assert made.endswith(PLAIN)
    world.inbound_rules = InboundRules(enabled=False)
    outcome = receive(world, content)
    assert bytes(outcome.deliveries[0].content) == content.removeprefix(b"X-SMIME-Gateway-Id: 9\r\n")
    assert reason(outcome) is Reason.NOT_ENABLED


def test_a_bug_in_opening_delivers_the_original(
    world: World, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = customer.seal()

    def broken(*_: Any) -> Any:
        raise RuntimeError("bug")

    monkeypatch.setattr(opening, "read_layer", broken)
    outcome = receive(world, signed)
    assert (status(outcome)[0], reason(outcome)) == ("neutral", Reason.INTERNAL)
    assert bytes(outcome.deliveries[0].content).endswith(signed)


@pytest.mark.parametrize("want", [NamedBy, KeyOf, FailuresOf, EarlierUse, Withdrawals])
def test_a_store_that_fails_defers(world: World, customer: Customer, want: type[Wanted]) -> None:
    sealed = customer.seal(encrypt="required")

    def broken(*_: Any) -> Any:
        raise Fault("locked")

    world.answers[want] = broken
    with pytest.raises(Fault):
        receive(world, sealed)


# --- refusing -------------------------------------------------------------------------------------------------------


def test_policy_may_refuse_what_is_no_oracle(world: World, customer: Customer) -> None:
    """SIG-17: by default nothing is refused; reject acts only where no layer was decrypted."""
    altered = customer.seal().replace(b"printer burns", b"printer works")
    assert receive(world, altered).verdict is Verdict.RELAY
    world.inbound_rules = InboundRules(reject_signature_fail=True)
    assert str(receive(world, altered).reply).startswith("550 5.7.1 altered")
    world.inbound_rules = InboundRules(reject_signature_policy=True)
    world.anchors = []
    assert receive(world, customer.seal()).verdict is Verdict.REJECT
    assert receive(world, customer.seal(encrypt="required")).verdict is Verdict.RELAY
    world.inbound_rules = InboundRules(reject_undecryptable=True)
    assert receive(world, customer.seal(encrypt="required"), "sales@example.org").verdict is Verdict.REJECT
    lines = customer.seal(encrypt="required").split(b"\r\n")
    lines[-5] = lines[-5][::-1]
    assert receive(world, b"\r\n".join(lines)).verdict is Verdict.RELAY


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.eml")), ids=lambda path: path.stem)
def test_no_golden_mail_is_ever_lost(world: World, path: Path) -> None:
    content = path.read_bytes()
    outcome = receive(world, content)
    assert outcome.verdict is Verdict.RELAY
    assert sum(len(delivery.recipients) for delivery in outcome.deliveries) == 1


# --- answers to encrypted mail --------------------------------------------------------------------------------------

ANSWER = (
    b"From: Support <support@example.org>\r\nTo: alice@example.com\r\nSubject: Re: help\r\n"
    b"%s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n> My printer burns.\r\n"
)


@pytest.mark.parametrize(
    "field",
    [b"In-Reply-To: <7@example.com>", b"References: <1@x>\r\n <7@example.com>", b"Message-ID: <7@example.com>"],
)
@pytest.mark.parametrize("replies", list(ReplyRule))
def test_dec_13_an_answer_to_encrypted_mail(world: World, customer: Customer, field: bytes, replies: ReplyRule) -> None:
    """DEC-13: require encrypts or refuses, whatever the message wishes; warn says so; ignore does not look."""
    group = replace(world.rules.groups[0], sign=Level.NEVER, encrypt=Level.NEVER, replies=replies)
    world.rules = Rules(groups=(group,))
    assert world.send(ANSWER % field, ALICE).finding.encryption.reason is Reason.POLICY_NEVER
    receive(world, customer.seal(encrypt="required"))
    world.rules = Rules(groups=(group,))
    outcome = world.send(ANSWER % (field + b"\r\nX-SMIME-Gateway-Encrypt: never"), ALICE)
    if replies is ReplyRule.REQUIRE:
        assert str(outcome.reply).startswith("550 5.7.3 reply-to-encrypted:")
        assert "alice@example.com (no-certificate)" in str(outcome.reply)
        world.hold(ALICE, kind="p256")
        (delivery,) = world.send(ANSWER % field, ALICE).deliveries
        assert delivery.encrypted
        assert b"printer" not in bytes(delivery.content)
    else:
        expected = Reason.REPLY_TO_ENCRYPTED if replies is ReplyRule.WARN else Reason.OVERRIDE
        assert outcome.verdict is Verdict.RELAY
        assert outcome.finding.encryption.reason is expected


def test_dec_13_plain_mail_is_not_remembered(world: World, customer: Customer) -> None:
    """DEC-13: only what was decrypted."""
    receive(world, customer.seal())
    receive(world, PLAIN)
    assert world.opened_mail == []
