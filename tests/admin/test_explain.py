"""What would become of a message: rule by rule, without a private key, without a trace, and never its content."""

import base64
import json
from typing import Any

import pytest
from sqlalchemy import func, select, update

from gateway.admin.changes import Change, Verb
from gateway.admin.explain import ExplainView, Question, explained
from gateway.admin.reasons import Action
from gateway.admin.steps import Weight
from gateway.admin.view import as_json
from gateway.engine.transaction import Direction, Verdict
from gateway.errors import Refused
from gateway.store import schema
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.wiring import Wiring
from tests.admin.conftest import ADA
from tests.authority import Authority, Issued
from tests.letters import ENTITY, SECRET, encrypted, head, signed

DESK = "support@example.org"
ALICE = "alice@customer.example"
OUT = f"From: Support <{DESK}>\nTo: {ALICE}\nSubject: secret\nContent-Type: text/html\n\n".encode() + SECRET
TABLES = ("records", "held", "content_keys", "opened_mail", "plain_mail", "ledger", "learned", "certificates")


@pytest.fixture
def alice(authority: Authority) -> Issued:
    return authority.leaf(ALICE)


def take(wiring: Wiring, *files: bytes) -> None:
    for data in files:
        import_file(wiring.store, data, [], ImportOptions())


def break_keys(wiring: Wiring) -> None:
    """Make every private key unusable: whoever touches one hears of it."""
    with wiring.store.database.write() as connection:
        connection.execute(update(schema.keys).values(wrapped=b"\0" * 40))


def rows(wiring: Wiring) -> dict[str, int]:
    with wiring.store.database.read() as connection:
        tables = [schema.metadata.tables[name] for name in (*TABLES, "failed_decryptions")]
        return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


def told(view: ExplainView) -> list[tuple[str, str, str | None]]:
    return [(each.rule, each.weight.value, each.reason) for each in view.steps]


def asked(view: ExplainView, rule: str) -> Any:
    (found,) = (each for each in view.steps if each.rule == rule)
    return found


def test_a_mail_that_leaves_is_told_rule_by_rule_up_to_its_sealing(filled: Wiring, alice: Issued) -> None:
    take(filled, alice.pem())
    break_keys(filled)
    before = rows(filled)
    view = explained(filled, Question(content=OUT))
    assert (view.direction, view.sender, view.recipients) == (Direction.OUTBOUND, DESK, (ALICE,))
    assert told(view) == [
        ("groups", "holds", None),
        ("groups[].sign", "holds", None),
        ("groups[].encrypt", "holds", None),
        ("signer", "holds", None),
        ("recipient", "holds", None),
        (view.rule, "decides", None),
    ]
    assert (view.verdict, view.signature["status"], view.encryption["status"]) == (
        Verdict.RELAY,
        "signed",
        "encrypted",
    )
    (copy,) = view.copies
    assert [(each.layer, each.algorithms, each.form) for each in copy.layers] == [
        ("encrypted", ("aes-256-cbc", "rsa-pkcs1v15", "ecdh-ec"), None),
        ("signed", ("ecdsa", "sha256"), "clear"),
    ]
    assert [(part.type, part.depth) for part in copy.parts] == [("text/html", 0)]
    assert rows(filled) == before
    assert view.cure is None


def test_what_is_lacking_is_named_with_its_cure(filled: Wiring) -> None:
    view = explained(filled, Question(Direction.OUTBOUND, DESK, (ALICE, "bob@example.net")))
    lacking = [(each.rule, each.reason) for each in view.steps if each.weight is Weight.LACKS]
    assert lacking == [("recipient", "no-certificate"), ("recipient", "no-certificate"), ("recipients", None)]
    assert asked(view, "recipients").text == "Encryption is for all recipients or for none"
    assert view.cure is not None
    assert (view.cure.action, view.cure.address) == (Action.IMPORT_CERTIFICATE, ALICE)
    assert view.copies == ()


@pytest.mark.parametrize(
    ("fields", "rule", "reason"),
    [
        ("X-SMIME-Gateway-Encrypt: perhaps", "overrides", "override"),
        ("X-SMIME-Gateway-Encrypt: required", None, "no-certificate"),
    ],
)
def test_a_refusal_is_told_with_its_reply(filled: Wiring, fields: str, rule: str | None, reason: str) -> None:
    view = explained(filled, Question(content=fields.encode() + b"\n" + OUT))
    assert view.verdict is Verdict.REJECT
    assert (view.reply or "").startswith(f"550 5.7.3 {reason}")
    assert view.steps[-1].reason == reason
    assert view.copies == ()
    if rule is not None:
        assert asked(view, rule).weight is Weight.DECIDES


def test_mail_of_nobodys_group_goes_on_as_it_is(filled: Wiring) -> None:
    view = explained(filled, Question(Direction.OUTBOUND, "x@elsewhere.example", (ALICE,)))
    assert [each[:2] for each in told(view)] == [
        ("groups", "lacks"),
        ("unknown_sender", "decides"),
        ("unknown_sender: relay", "decides"),
    ]


def arriving(alice: Issued, support: Issued) -> bytes:
    return encrypted(head(), support, entity=signed(alice))


@pytest.fixture
def desk(anywhere: Wiring, authority: Authority) -> Issued:
    """The group's certificate and key (RSA), imported with the authorities."""
    made = authority.leaf(DESK)
    take(anywhere, authority.root.pem(), authority.intermediate.pem() + made.pem() + made.key_pem())
    return made


def test_a_mail_that_arrives_stays_closed_and_the_key_is_named(anywhere: Wiring, desk: Issued, alice: Issued) -> None:
    break_keys(anywhere)
    before = rows(anywhere)
    view = explained(anywhere, Question(content=arriving(alice, desk)))
    assert (view.direction, view.opened) == (Direction.INBOUND, False)
    assert [(use.fingerprint, use.recipients) for use in view.keys] == [(desk.certificate.fingerprint, (DESK,))]
    assert view.encryption["status"] == "failed"
    assert "would open it" in asked(view, "encryption").text
    assert not [each for each in view.steps if each.rule == "signature"], "nothing is known of what is inside"
    assert rows(anywhere) == before


def test_who_may_has_it_opened_and_that_is_told(
    anywhere: Wiring, desk: Issued, alice: Issued, heard: list[Change]
) -> None:
    before = rows(anywhere)
    view = explained(anywhere, Question(content=arriving(alice, desk)), ADA)
    assert (view.opened, view.encryption["status"], view.signature["status"]) == (True, "decrypted", "pass")
    assert [each.type for each in view.copies[0].parts] == [
        "multipart/signed",
        "text/plain",
        "application/x-pkcs7-signature",
    ]
    assert rows(anywhere) == before, "nothing is learned, held, journalled, or remembered of its content key"
    (change,) = heard
    assert (change.actor, change.verb) == (ADA, Verb.OPEN)
    assert SECRET.decode() not in json.dumps(as_json(view))


def test_a_key_that_fails_counts(anywhere: Wiring, desk: Issued, alice: Issued, heard: list[Change]) -> None:
    header, _, body = encrypted(head(), desk).partition(b"\r\n\r\n")
    content = bytearray(base64.b64decode(body))
    content[-17] ^= 0x80  # the octet before the last block of CBC: so the padding is never right, not even by chance
    broken = header + b"\r\n\r\n" + base64.encodebytes(content)
    for _ in range(2):
        view = explained(anywhere, Question(content=broken), ADA)
        assert view.encryption["reason"] == "decrypt-failed"
    assert rows(anywhere)["failed_decryptions"] == 2
    assert len(heard) == 2


def test_a_content_key_is_neither_asked_for_nor_remembered(anywhere: Wiring, desk: Issued, heard: list[Change]) -> None:
    for entity in (ENTITY, ENTITY + b"more"):
        view = explained(anywhere, Question(content=encrypted(head(), desk, entity=entity)), ADA)
        assert view.encryption["status"] == "decrypted"
    assert rows(anywhere)["content_keys"] == 0


def test_of_an_envelope_alone_the_keys_are_told_that_open_for_it(anywhere: Wiring, desk: Issued) -> None:
    view = explained(anywhere, Question(Direction.INBOUND, ALICE, (DESK, "sales@example.org")))
    assert [(use.fingerprint, use.recipients) for use in view.keys] == [(desk.certificate.fingerprint, (DESK,))]
    assert view.group == "support"
    assert view.verdict is Verdict.RELAY


def test_the_signers_authority_that_is_not_stored_is_the_cure(anywhere: Wiring) -> None:
    stranger = Authority(name="Stranger").leaf(ALICE)
    view = explained(anywhere, Question(content=head() + signed(stranger)))
    assert view.signature["status"] == "policy"
    assert view.cure is not None
    assert view.cure.action is Action.IMPORT_AUTHORITY
    assert [each.reason for each in view.steps if each.rule == "signer"] == list(view.signature["reasons"])


@pytest.mark.parametrize(
    "question",
    [
        Question(),
        Question(Direction.OUTBOUND, DESK),
        Question(Direction.OUTBOUND, "a\r\nb: c@example.org", (ALICE,)),
        Question(Direction.OUTBOUND, DESK, ("x\0y@example.org",)),
        Question(Direction.INBOUND, "", tuple(f"a{number}@example.org" for number in range(501))),
        Question(content=b"no header at all"),
        Question(content=b""),
    ],
)
def test_what_is_no_question_is_refused(anywhere: Wiring, question: Question) -> None:
    with pytest.raises(Refused):
        explained(anywhere, question)


@pytest.mark.parametrize(
    "content",
    [
        b"From: a@b.example\nTo: c@d.example\n\nbare\rCR",
        b"Received: x\n" * 101 + b"From: a@b.example\nTo: c@d.example\n\n",
        b"From: a@b.example\nTo: c@d.example\n\n" + b"x" * 60_000_000,
    ],
)
def test_what_no_door_takes_is_refused_there(anywhere: Wiring, content: bytes) -> None:
    view = explained(anywhere, Question(content=content))
    assert (view.verdict, view.steps[0].rule) == (Verdict.REJECT, "door")


@pytest.mark.parametrize(
    "content",
    [
        b"From: a@b.example\nTo: c@d.example\nContent-Type: application/pkcs7-mime\n\n\xff\xfe\x30",
        b"From: a@b.example\nTo: c@d.example\nContent-Type: multipart/x"
        + b"y" * 500
        + b"; boundary=b\n\n--b\n\nx\n--b--",
        b"From: \xff@b.example\nTo: c@d.example\n\n",
        b"From: a@b.example\nTo: c@d.example\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * 2000,
    ],
)
def test_foreign_octets_are_told_all_the_same(anywhere: Wiring, content: bytes) -> None:
    for direction in Direction:
        view = explained(anywhere, Question(direction, "a@b.example", ("c@d.example",), content))
        json.dumps(as_json(view))
        assert view.steps


def test_of_other_groups_nothing_is_told(filled: Wiring) -> None:
    mine, other = ("support",), ("sales",)
    assert explained(filled, Question(content=OUT), groups=mine).group == "support"
    assert explained(filled, Question(Direction.INBOUND, ALICE, (DESK,)), groups=mine).group == "support"
    for question in (Question(content=OUT), Question(Direction.INBOUND, ALICE, (DESK,))):
        with pytest.raises(Refused):
            explained(filled, question, groups=other)
    with pytest.raises(Refused):
        explained(filled, Question(Direction.OUTBOUND, "x@elsewhere.example", (ALICE,)), groups=mine)
