"""A record's question asked again: what an import, a withdrawal or another day changed; on both databases."""

from dataclasses import replace

import pytest

from gateway.admin.reasons import Action
from gateway.admin.replay import ReplayView, replayed
from gateway.admin.trust import distrust
from gateway.clock import new_id, now
from gateway.engine.engine import make_record
from gateway.engine.transaction import Client, Direction, FrontEnd, Receipt, Transaction, Verdict
from gateway.errors import Refused
from gateway.gather import try_out
from gateway.mail.envelope import Envelope, Recipient
from gateway.reply import EnhancedCode, reply
from gateway.store.certificates.said import Trust
from gateway.store.held.entries import HoldLimits
from gateway.store.held.message import to_hold
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.wiring import Wiring
from tests.admin.conftest import ADA
from tests.authority import Authority, Issued
from tests.letters import encrypted, head, signed

DESK = "support@example.org"
ALICE = "alice@customer.example"
OUT = f"From: Support <{DESK}>\r\nTo: {ALICE}\r\nSubject: x\r\n\r\nHello\r\n".encode()
ROOMY = HoldLimits(max_size=100_000_000, max_total=1_000_000_000, max_per_sender=1000)


@pytest.fixture(scope="module")
def alice(authority: Authority) -> Issued:
    return authority.leaf(ALICE)


@pytest.fixture(scope="module")
def desk(authority: Authority) -> Issued:
    return authority.leaf(DESK)


def take(wiring: Wiring, *files: bytes) -> None:
    for data in files:
        import_file(wiring.store, data, [], ImportOptions())


def passed(wiring: Wiring, content: bytes, direction: Direction, *, hold: bool = False, split: bool = True) -> str:
    """Have a message go through the engine, journal it, and return its record's id."""
    sender, to = (DESK, ALICE) if direction is Direction.OUTBOUND else (ALICE, DESK)
    front_end = FrontEnd.SMTP if split else FrontEnd.MILTER
    envelope = Envelope(sender, (Recipient(to),))
    client = Client("127.0.0.1")
    transaction = Transaction(new_id(), direction, front_end, "door", client, envelope, content, now(), can_split=split)
    outcome = try_out(wiring.engine, wiring.store, transaction)
    answer = outcome.reply or reply(250, EnhancedCode.OTHER, "ok")
    receipts = tuple(Receipt(each.ready(), "127.0.0.1:25", answer) for each in outcome.deliveries)
    record = make_record(transaction, outcome, receipts, answer, 0.1)
    if hold:
        assert outcome.hold is not None
        wanted = to_hold(transaction, outcome.hold.reason, outcome.hold.needs, unreadable=True, message_id=None)
        kept = wiring.store.held.hold(wanted, content, ROOMY, wiring.store.generation.current())
        record = replace(record, held=kept.id)
    wiring.store.journal.write([record])
    return transaction.id


def statuses(view: ReplayView) -> list[str]:
    return [f"{each.signature['status']}, {each.encryption['status']}" for each in (view.before, view.today)]


def test_an_import_makes_a_mail_that_left_in_clear_encrypted_today(filled: Wiring, alice: Issued) -> None:
    name = passed(filled, OUT, Direction.OUTBOUND)
    same = replayed(filled, name[:18])
    assert (same.id, same.differs, same.certain) == (name, False, True)
    assert same.cure is not None
    assert (same.cure.action, same.cure.address) == (Action.IMPORT_CERTIFICATE, ALICE)
    take(filled, alice.pem())
    view = replayed(filled, name)
    assert (view.differs, view.cure) == (True, None)
    assert statuses(view) == ["signed, not-encrypted", "signed, encrypted"]
    assert view.steps[-1].text == "It leaves signed and encrypted"


def test_a_refusal_is_asked_again(filled: Wiring, alice: Issued) -> None:
    name = passed(filled, b"X-SMIME-Gateway-Encrypt: required\r\n" + OUT, Direction.OUTBOUND)
    assert replayed(filled, name).differs is False
    take(filled, alice.pem())
    view = replayed(filled, name)
    assert (view.before.verdict, view.today.verdict) == (Verdict.REJECT, Verdict.RELAY)
    assert view.today.rule == view.before.rule, "the message's own wish is known by the rule"


@pytest.mark.parametrize("wish", ["never", "if-possible"])
def test_what_the_message_asked_for_still_holds(filled: Wiring, alice: Issued, wish: str) -> None:
    take(filled, alice.pem())
    name = passed(filled, f"X-SMIME-Gateway-Encrypt: {wish}\r\n".encode() + OUT, Direction.OUTBOUND)
    view = replayed(filled, name)
    assert (view.differs, view.today.rule) == (False, view.before.rule)


def test_at_a_milter_who_was_hidden_is_not_known(filled: Wiring) -> None:
    assert replayed(filled, passed(filled, OUT, Direction.OUTBOUND, split=False)).certain is False


def test_a_distrusted_authority_takes_a_signature_down(anywhere: Wiring, authority: Authority, alice: Issued) -> None:
    take(anywhere, authority.root.pem(), authority.intermediate.pem() + alice.pem())
    anywhere.store.certificates.set_trust(alice.certificate.fingerprint, Trust.NONE)
    name = passed(anywhere, head() + signed(alice), Direction.INBOUND)
    assert statuses(replayed(anywhere, name)) == ["pass, none", "pass, none"]
    distrust(anywhere, ADA, [authority.root.certificate.fingerprint])
    view = replayed(anywhere, name)
    assert (view.differs, view.certain) == (True, True)
    assert statuses(view) == ["pass, none", "policy, none"]
    assert view.cure is not None
    assert (view.cure.action, view.cure.fingerprint) == (Action.TRUST, authority.root.certificate.fingerprint)


def test_of_a_signer_that_is_not_stored_nothing_is_claimed(anywhere: Wiring, alice: Issued) -> None:
    view = replayed(anywhere, passed(anywhere, head() + signed(alice), Direction.INBOUND))
    assert (view.differs, view.certain) == (False, False)


def test_a_key_that_came_opens_today(anywhere: Wiring, desk: Issued) -> None:
    name = passed(anywhere, encrypted(head(), desk), Direction.INBOUND)
    before = replayed(anywhere, name)
    assert (before.differs, before.certain) == (False, True)
    assert before.cure is not None
    assert before.cure.action is Action.IMPORT_KEY
    take(anywhere, desk.pem() + desk.key_pem())
    view = replayed(anywhere, name)
    assert (view.differs, view.certain) == (True, False), "what is inside is not known"
    assert statuses(view) == ["none, failed", "none, decrypted"]


def test_held_mail_is_explained_itself(anywhere: Wiring, desk: Issued) -> None:
    name = passed(anywhere, encrypted(head(), desk), Direction.INBOUND, hold=True)
    assert replayed(anywhere, name).differs is False
    take(anywhere, desk.pem() + desk.key_pem())
    view = replayed(anywhere, name)
    assert view.differs
    assert "would open it" in " ".join(each.text for each in view.steps)


def test_of_other_groups_nothing_is_told(filled: Wiring) -> None:
    name = passed(filled, OUT, Direction.OUTBOUND)
    assert replayed(filled, name, ("support",)).id == name
    with pytest.raises(Refused):
        replayed(filled, name, ("sales",))
    with pytest.raises(Refused):
        replayed(filled, "0" * 22)
