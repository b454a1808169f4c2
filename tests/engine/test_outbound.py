"""Outbound mail through the engine: faults never lead to plaintext, hidden recipients stay hidden, limits hold."""

import hashlib
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.cms.enveloped import read_enveloped
from gateway.cms.signed import SignedData, read_signed, verify
from gateway.engine import outbound, submission
from gateway.engine.finding import Missing
from gateway.engine.transaction import Direction, Outcome, Verdict
from gateway.engine.wants import AnyOpened, ChainOf, KeyOf
from gateway.errors import Fault
from gateway.mail.entity import decoded_body, read_entity
from gateway.policy import assess
from gateway.policy.rule import Tags
from gateway.policy.wants import CertificatesOf
from gateway.reason import Reason
from gateway.smime import seal
from gateway.story import Wanted
from tests.authority import Authority
from tests.engine.world import AT, HELPDESK, World, mail

CANARY = b"the-secret-canary"
SECRET = mail("MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", body="Grüße ".encode() + CANARY + b"\r\n")


@pytest.fixture
def world(authority: Authority) -> World:
    world = World(authority)
    world.hold(HELPDESK, key=True, kind="p256")
    for name in ("alice", "bob", "hidden1", "hidden2"):
        world.hold(f"{name}@example.com", kind="p256")
    return world.levels("required", "required")


def readers(content: Any, world: World) -> set[str]:
    """The addresses whose certificates the recipient infos of a message name."""
    recipients = read_enveloped(decoded_body(read_entity(bytes(content)))).recipients
    found = {
        address
        for recipient in recipients
        for address, issued in world.issued.items()
        if recipient.identity.names(issued.certificate)
    }
    assert len(found) == len(recipients)
    return found


def fails(outcome: Callable[[], Outcome]) -> bool:
    """Whether it raises, or refuses or defers; what is relayed must not hold the canary."""
    try:
        result = outcome()
    except Exception:
        return True
    assert all(CANARY not in bytes(delivery.content) for delivery in result.deliveries)
    return result.verdict is not Verdict.RELAY


STEPS = [
    (submission, "read_header"),
    (submission, "mailboxes"),
    (submission, "root_layer"),
    (outbound, "read_submission"),
    (assess, "addresses_to_ask"),
    (outbound, "decide"),
    (assess, "assess"),
    (outbound, "scheme_for"),
    (seal, "take_apart"),
    (seal, "canonical"),
    (seal, "sign_detached"),
    (seal, "base64_lines"),
    (seal, "read_signed"),
    (seal, "verify_made"),
    (seal, "encrypt_content"),
    (seal, "read_enveloped"),
    (seal, "digest_content"),
]


@pytest.mark.parametrize("error", [Fault, RuntimeError, MemoryError, RecursionError])
@pytest.mark.parametrize(("module", "name"), STEPS, ids=[name for _, name in STEPS])
def test_out_01_no_fault_at_any_step_sends_plaintext(
    world: World, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, error: type[Exception]
) -> None:
    """OUT-01: whatever breaks, at the first call or at a later one, required encryption is never dropped."""
    original = getattr(module, name)
    for allowed in range(4):
        calls = 0

        def breaking(*arguments: Any, allowed: int = allowed, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > allowed:
                raise error("injected")
            return original(*arguments, **options)

        monkeypatch.setattr(module, name, breaking)
        failed = fails(lambda: world.send(SECRET, "alice@example.com"))
        assert failed == (calls > allowed), f"{name} after {allowed} calls"


@pytest.mark.parametrize("want", [CertificatesOf, ChainOf, KeyOf, AnyOpened])
def test_out_01_a_store_that_fails_defers(world: World, want: type[Wanted]) -> None:
    """OUT-01: certificates and keys that cannot be had are a fault, not a reason to send plaintext."""

    def broken(*_: Any) -> Any:
        raise Fault("the store is locked")

    world.answers[want] = broken
    with pytest.raises(Fault):
        world.send(SECRET, "alice@example.com")


def test_out_01_a_key_that_vanishes_between_decision_and_signature_defers(world: World) -> None:
    """OUT-01: the certificate says that there is a key, and there is none."""
    world.private_keys.clear()
    with pytest.raises(Fault, match="private key"):
        world.send(SECRET, "alice@example.com")


@pytest.mark.parametrize("mark", ["Signature", "Encryption", "Seal", "Id", "Retry-Of", "Processed"])
def test_out_02_forged_marks_switch_nothing_off(world: World, mark: str) -> None:
    """OUT-02: a mark that claims the message was processed is removed and ignored."""
    content = mail(f"X-SMIME-Gateway-{mark}: pass; signer={HELPDESK}", body=CANARY + b"\r\n")
    (delivery,) = world.send(content, "alice@example.com").deliveries
    assert delivery.encrypted
    assert CANARY not in bytes(delivery.content)
    assert b"X-SMIME-Gateway" not in bytes(delivery.content)


def test_what_arrived_and_is_sent_on_is_not_signed_for_the_group_in_its_from(world: World) -> None:
    """A forwarder brings outside mail with the group's From to the outbound door; the seal tells."""
    world.levels("if-possible", "if-possible")
    (arrived,) = world.send(mail("X-Stranger: yes"), HELPDESK, direction=Direction.INBOUND).deliveries
    (sent_on,) = world.send(bytes(arrived.content), "carol@example.com").deliveries
    assert (sent_on.signed, sent_on.encrypted) == (False, False)
    (changed,) = world.send(bytes(arrived.content) + b"more\r\n", "carol@example.com").deliveries
    assert changed.signed


def test_out_03_recipient_infos_name_only_visible_recipients(world: World) -> None:
    """OUT-03: each hidden recipient has an envelope of its own; the sender can read them all."""
    content = mail("Cc: bob@example.com", "Bcc: hidden1@example.com, hidden2@example.com", body=CANARY + b"\r\n")
    to = ("alice@example.com", "hidden1@example.com", "bob@example.com", "hidden2@example.com")
    outcome = world.send(content, *to)
    found = [
        ({recipient.address for recipient in delivery.recipients}, readers(delivery.content, world))
        for delivery in outcome.deliveries
    ]
    assert found == [
        ({"alice@example.com", "bob@example.com"}, {"alice@example.com", "bob@example.com", HELPDESK}),
        ({"hidden1@example.com"}, {"hidden1@example.com", HELPDESK}),
        ({"hidden2@example.com"}, {"hidden2@example.com", HELPDESK}),
    ]
    for delivery in outcome.deliveries:
        head = bytes(delivery.content).partition(b"\r\n\r\n")[0]
        assert not re.search(rb"(?i)bcc|hidden", head)


def test_out_03_an_address_in_a_display_name_or_comment_is_not_visible(world: World) -> None:
    """OUT-03: only a mailbox of To or Cc is shown."""
    content = mail(to='"hidden1@example.com" <alice@example.com> (hidden2@example.com)')
    outcome = world.send(content, "alice@example.com", "hidden1@example.com", "hidden2@example.com")
    assert [readers(delivery.content, world) - {HELPDESK} for delivery in outcome.deliveries] == [
        {"alice@example.com"},
        {"hidden1@example.com"},
        {"hidden2@example.com"},
    ]


def test_out_03_a_recipients_field_that_does_not_parse_shows_nobody(world: World) -> None:
    """OUT-03: in doubt, nobody is named in anybody else's envelope."""
    outcome = world.send(mail(to="alice@example.com <bob@example.com>"), "alice@example.com", "bob@example.com")
    assert [len(readers(delivery.content, world) - {HELPDESK}) for delivery in outcome.deliveries] == [1, 1]


def test_every_recipient_is_in_exactly_one_delivery(world: World) -> None:
    world.rules = replace(world.rules, internal=("@corp.example",))
    to = ("alice@example.com", "x@corp.example", "hidden1@example.com", "alice@example.com", "y@corp.example")
    outcome = world.send(mail(), *to)
    served = [recipient.address for delivery in outcome.deliveries for recipient in delivery.recipients]
    assert sorted(served) == sorted(to)


def test_the_signature_is_made_once_for_all_copies(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    original = seal.sign_detached
    monkeypatch.setattr(seal, "sign_detached", lambda *arguments: made.append(1) or original(*arguments))
    world.send(mail(), "alice@example.com", "hidden1@example.com", "hidden2@example.com")
    assert len(made) == 1


def test_mail_of_nobody_asks_the_store_nothing(world: World) -> None:
    world.send(SECRET.replace(HELPDESK.encode(), b"else@example.net"), "alice@example.com")
    assert not [want for want in world.asked if isinstance(want, CertificatesOf)]


def test_the_record_says_who_signed_and_who_was_missing(world: World) -> None:
    world.levels("required", "if-possible")
    finding = world.send(mail(), "alice@example.com", "carol@example.com").finding
    assert finding.group == "support"
    assert finding.author == HELPDESK
    assert finding.message_id == "<42@example.org>"
    (signer,) = finding.signature.signers
    assert signer.fingerprint == world.issued[HELPDESK].certificate.fingerprint
    assert finding.signature.status == "signed"
    assert finding.encryption.status == "not-encrypted"
    assert finding.encryption.missing == (Missing(address="carol@example.com", reason=Reason.NO_CERTIFICATE),)


def test_no_subject_and_no_content_stands_in_the_record(world: World) -> None:
    world.rules = replace(world.rules, tags=Tags(encrypt="[encrypt]"))
    content = SECRET.replace(b"[Ticket#42] Printer", b"[encrypt] private-subject")
    facts = repr(world.send(content, "alice@example.com").finding)
    assert "private-subject" not in facts
    assert CANARY.decode() not in facts


# --- lines that are no field, and one to some reader -----------------------------------------------------------------

UNREAD = [
    "From\v: {}",
    "From\r\n : {}",
    "From\0: {}",
    "From\xa0: {}",
    "Sender\f: {}",
    "\vFrom: {}",
    "Resent-\r\n\tFrom: {}",
]


@pytest.mark.parametrize("line", UNREAD)
def test_a_from_that_is_no_field_claims_all_the_same(world: World, line: str) -> None:
    """Another author stands beside it, and is none of ours: who sees this one takes us for it."""
    content = mail(line.format(HELPDESK)).replace(f"Support <{HELPDESK}>".encode(), b"x@example.net, y@example.net")
    outcome = world.send(content, "alice@example.com", sender="x@example.net")
    assert outcome.verdict is Verdict.REJECT
    assert "from-ambiguous" in str(outcome.reply)


@pytest.mark.parametrize("line", UNREAD[:4])
def test_a_second_from_that_is_no_field_is_a_second_author(world: World, line: str) -> None:
    outcome = world.send(mail(line.format("mallory@example.net")), "alice@example.com")
    assert "from-ambiguous" in str(outcome.reply)
    stranger = mail(line.format(HELPDESK)).replace(f"Support <{HELPDESK}>".encode(), b"x@example.net")
    assert "from-ambiguous" in str(world.send(stranger, "alice@example.com", sender="x@example.net").reply)


def test_a_mailbox_line_is_no_from(world: World) -> None:
    content = b"From support@example.org Mon Jun  1 12:00:00 2026\r\n" + mail()
    assert world.send(content, "alice@example.com").verdict is Verdict.RELAY


@pytest.mark.parametrize("line", ["X-SMIME-Gateway-Encrypt\v: required", "X-SMIME-Gateway-Sign\r\n : never"])
def test_a_request_that_is_no_field_is_refused(world: World, line: str) -> None:
    """Whoever wrote it wanted something; nothing is sent without it."""
    assert str(world.send(mail(line), "alice@example.com").reply).startswith("550")


@pytest.mark.parametrize("line", ["X-SMIME-Gateway-Signature\v: pass", "X-SMIME-Gateway-Id\r\n : 1"])
def test_our_fields_go_in_every_spelling(world: World, line: str) -> None:
    (delivery,) = world.levels("never", "never").send(mail(line), "alice@example.com").deliveries
    assert bytes(delivery.content) == mail()


# --- limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        mail(*(f"X-{n}: v" for n in range(1001))),
        mail("X-Long: " + "x" * (64 * 1024)),
        mail(*("X-Pad: " + "y" * 60_000 for _ in range(5))),
    ],
    ids=["fields", "field", "block"],
)
def test_lim_01_a_header_over_the_limits_is_refused(world: World, content: bytes) -> None:
    """LIM-01: outbound, what cannot be read is refused and not sent unprotected."""
    outcome = world.send(content, "alice@example.com")
    assert outcome.verdict is Verdict.REJECT
    assert outcome.reply is not None
    assert str(outcome.reply).startswith("550 5.6.0")


def nested(depth: int) -> bytes:
    """A message of that many multiparts one in the other, with 8-bit text at the bottom."""
    body = "Grüße\r\n".encode()
    fields = ["Content-Type: text/plain; charset=utf-8"]
    for level in range(depth):
        head = "\r\n".join([f"--b{level}", *fields, "", ""]).encode()
        body = head + body + f"\r\n--b{level}--\r\n".encode()
        fields = [f'Content-Type: multipart/mixed; boundary="b{level}"']
    return mail("MIME-Version: 1.0", *fields, body=body)


@pytest.mark.parametrize("depth", [3, 19, 25, 500])
def test_lim_01_deep_mime_is_signed_all_the_same(world: World, depth: int) -> None:
    """LIM-01: too deep to be re-coded is signed opaque, never lost, never a RecursionError."""
    (delivery,) = world.levels("required", "never").send(nested(depth), "alice@example.com").deliveries
    opaque = b"smime-type=signed-data" in bytes(delivery.content)
    assert opaque == (depth > 19)


@pytest.mark.parametrize("value", ["(" * 100_000, "a@b, " * 20_000, "<" * 50_000, "=?utf-8?q?x?= " * 4_000])
def test_lim_03_and_04_hostile_addresses_end_in_a_refusal_or_a_mail(world: World, value: str) -> None:
    """LIM-03, LIM-04: no recursion, no quadratic work, no exception; a From that is none is refused."""
    content = mail(to=value[:60_000])
    assert world.send(content, "alice@example.com").verdict is Verdict.RELAY
    hostile = content.replace(f"Support <{HELPDESK}>".encode(), value[:60_000].encode())
    outcome = world.send(hostile, "alice@example.com")
    assert outcome.verdict is Verdict.REJECT
    assert "from-ambiguous" in str(outcome.reply)


@pytest.mark.slow
@pytest.mark.parametrize(("sign", "encrypt"), [("required", "never"), ("required", "required")])
def test_memory_of_a_large_message(world: World, sign: str, encrypt: str) -> None:
    """A 12 MB attachment costs at most four times its size while it is sealed, the message itself included."""
    line = b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0\r\n"
    content = mail(
        "MIME-Version: 1.0",
        "Content-Type: application/octet-stream",
        "Content-Transfer-Encoding: base64",
        body=line * (12_000_000 // len(line)),
    )
    world.levels(sign, encrypt)
    tracemalloc.start()
    outcome = world.send(content, "alice@example.com")
    peak = tracemalloc.get_traced_memory()[1] + len(content)
    tracemalloc.stop()
    assert outcome.verdict is Verdict.RELAY
    assert peak <= 4 * len(content)


GCM, CBC = frozenset({"aes-256-gcm", "aes-256-cbc"}), frozenset({"aes-256-cbc", "aes-128-cbc", "3des-cbc"})


@pytest.mark.parametrize(
    ("configured", "alice", "hidden", "expected"),
    [
        ("aes-256-cbc", GCM, GCM, "aes-256-gcm"),
        ("aes-256-cbc", GCM, CBC, "aes-256-cbc"),
        ("aes-256-cbc", GCM, frozenset(), "aes-256-cbc"),
        ("aes-256-cbc", frozenset({"aes-128-gcm"}), frozenset({"aes-128-gcm"}), "aes-256-cbc"),
        ("aes-128-cbc", frozenset({"aes-128-gcm"}), frozenset({"aes-128-gcm"}), "aes-128-gcm"),
        ("aes-128-cbc", CBC, CBC, "aes-256-cbc"),
        ("aes-256-gcm", CBC, CBC, "aes-256-gcm"),
    ],
)
def test_out_04_what_everybody_can_open_raises_the_cipher(
    world: World, configured: str, alice: frozenset[str], hidden: frozenset[str], expected: str
) -> None:
    """OUT-04: one cipher for all copies; announced capabilities never weaken it (RFC 8551 2.7.1)."""
    world.algorithms = replace(world.algorithms, cipher=configured)
    for name, announced in (("alice", alice), ("hidden1", hidden)):
        (holding,) = world.holdings[f"{name}@example.com"]
        world.holdings[f"{name}@example.com"] = [replace(holding, capabilities=announced)]
    outcome = world.send(SECRET, "alice@example.com", "hidden1@example.com")
    assert outcome.finding.encryption.cipher == expected
    assert len(outcome.deliveries) == 2
    for delivery in outcome.deliveries:
        assert read_enveloped(decoded_body(read_entity(bytes(delivery.content)))).cipher.name == expected


# algorithms of a group, separate certificates, exempt content


def signature_of(content: Any) -> SignedData:
    """The CMS of an opaque- or clear-signed message."""
    entity = read_entity(bytes(content))
    return read_signed(decoded_body(entity.children[1] if entity.children else entity))


def test_a_group_may_have_algorithms_of_its_own(world: World) -> None:
    """What the group leaves out comes from the general ones; others' mail stays as it was."""
    world.levels("required", "required")
    world.of_groups = {"support": replace(world.algorithms, cipher="aes-256-gcm", opaque=True)}
    outcome = world.send(SECRET, "alice@example.com")
    assert outcome.finding.encryption.cipher == "aes-256-gcm"
    world.levels("required", "never")
    assert signature_of(world.send(SECRET, "alice@example.com").deliveries[0].content).content is not None
    world.of_groups = {"other": world.of_groups["support"]}
    assert signature_of(world.send(SECRET, "alice@example.com").deliveries[0].content).content is None


def test_separate_certificates_travel_together(authority: Authority) -> None:
    """RFC 8551 §2.5.3: the certificate to encrypt to is named in the signature and stands in it."""
    world = World(authority).levels("required", "never")
    signing = world.hold(HELPDESK, key=True, kind="p256", key_usage=("digitalSignature",))
    sealing = world.hold(HELPDESK, key=True, kind="p256", key_usage=("keyAgreement",))
    data = signature_of(world.send(mail(), "alice@example.com").deliveries[0].content)
    assert {signing.certificate.der, sealing.certificate.der} <= set(map(bytes, data.certificates))
    (info,) = data.signers
    content = world.send(mail(), "alice@example.com").deliveries[0].content
    part = read_entity(bytes(content)).children[0]
    digest = hashlib.sha256(bytes(content)[part.start : part.end]).digest()
    preferred = verify(info, digest, signing.certificate.public_key).preferred
    assert preferred is not None
    assert preferred.names(sealing.certificate)


def test_one_certificate_for_both_is_not_named_twice(world: World) -> None:
    data = signature_of(world.levels("required", "never").send(mail(), "alice@example.com").deliveries[0].content)
    assert b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x0b" not in bytes(data.signers[0].attributes.raw)


def test_an_encryption_certificate_without_key_is_not_announced(authority: Authority) -> None:
    """Answers to it could not be opened."""
    world = World(authority).levels("required", "never")
    world.hold(HELPDESK, key=True, kind="p256", key_usage=("digitalSignature",))
    foreign = world.hold(HELPDESK, kind="p256", key_usage=("keyAgreement",))
    data = signature_of(world.send(mail(), "alice@example.com").deliveries[0].content)
    assert foreign.certificate.der not in set(map(bytes, data.certificates))


def test_an_expired_issuer_is_not_sent_along(world: World) -> None:
    until = AT - timedelta(days=1)
    old = world.authority.ca(
        "Old", issuer=world.authority.root, not_before=until - timedelta(days=900), not_after=until
    )
    world.answers[ChainOf] = lambda _: [old.certificate]
    data = signature_of(world.levels("required", "never").send(mail(), "alice@example.com").deliveries[0].content)
    assert [bytes(der) for der in data.certificates] == [world.issued[HELPDESK].certificate.der]


INVITATION = "Content-Type: text/calendar; method=REQUEST; charset=utf-8"


@pytest.mark.parametrize(
    ("fields", "body", "exempt"),
    [
        ((INVITATION,), b"BEGIN:VCALENDAR\r\n", True),
        (
            ("Content-Type: multipart/alternative; boundary=b",),
            f"--b\r\n{INVITATION}\r\n\r\nx\r\n--b--\r\n".encode(),
            True,
        ),
        (("Content-Type: multipart/mixed; boundary=b",), f"--b\r\n{INVITATION}\r\n\r\nx\r\n--b--\r\n".encode(), True),
        (
            ("Content-Type: multipart/related; boundary=b",),
            f"--b\r\n{INVITATION}\r\n\r\nx\r\n--b--\r\n".encode(),
            False,
        ),
        (("Content-Type: message/rfc822",), f"{INVITATION}\r\n\r\nx\r\n".encode(), False),
        (("Content-Type: text/plain",), b"text/calendar\r\n", False),
    ],
)
def test_exempt_content(world: World, fields: tuple[str, ...], body: bytes, exempt: bool) -> None:
    world.levels("if-possible", "if-possible")
    world.rules = replace(world.rules, exempt=frozenset({"text/calendar"}))
    content = mail("MIME-Version: 1.0", *fields, body=body)
    outcome = world.send(content, "alice@example.com")
    assert (outcome.deliveries[0].content == content) is exempt
    assert (outcome.finding.signature.reason == "exempt") is exempt


def test_an_unusable_from_is_refused_with_what_is_wrong_with_it(world: World) -> None:
    content = mail().replace(b"From: Support <", b"From: [Ticket] Support <")
    outcome = world.send(content, "alice@example.com")
    fault = "From: a square bracket stands in a name without quotes"
    assert str(outcome.reply) == f"550 5.7.3 from-ambiguous: {fault}"
    assert outcome.finding.signature.detail == fault
