"""Every reason in plain words, and for what was not protected or not judged the one thing that cures it."""

import re
from typing import Any

import pytest

from gateway.admin.activity import shown
from gateway.admin.cure import Cure, part_of
from gateway.admin.reasons import CURES, PLAIN, Action, Part, plain
from gateway.clock import new_id
from gateway.engine.record import Record
from gateway.reason import Reason
from gateway.store import schema
from gateway.store.certificates.said import Trust
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.wiring import Wiring
from tests.authority import Authority, Issued
from tests.store.held.messages import held as hold
from tests.store.journal.records import record
from tests.test_reasons import PARTS, listed

ALICE = "alice@example.com"


def clear(reason: str, *missing: tuple[str, str]) -> dict[str, Any]:
    named = [{"address": address, "reason": why} for address, why in missing]
    return {"encryption": {"status": "not-encrypted", "reason": reason, "reasons": [reason], "missing": named}}


def closed(reason: str, **recipient: str) -> dict[str, Any]:
    found = {"status": "failed", "reason": reason, "recipients": [recipient] if recipient else []}
    return {"direction": "inbound", "encryption": found}


def doubted(reason: str, **facts: Any) -> dict[str, Any]:
    signer = {"status": "policy", "reason": reason, "reasons": [reason], "issuer": "CN=Their CA"}
    found = {"status": "policy", "reason": reason, "reasons": [reason], "signers": [signer], **facts}
    return {"direction": "inbound", "signature": found}


def cure(wiring: Wiring, **facts: Any) -> Cure | None:
    made: Record = record(new_id(), **facts)
    wiring.store.journal.write([made])
    return shown(wiring, made.id).cure


@pytest.mark.parametrize("heading", PARTS)
def test_each_reason_of_the_page_has_its_words(heading: str) -> None:
    part = dict(zip(PARTS, Part, strict=True))[heading]
    assert {str(reason) for reason in PLAIN[part]} >= listed(heading)


def test_no_reason_has_words_of_which_the_page_knows_nothing() -> None:
    every = {str(reason) for said in PLAIN.values() for reason in said}
    assert every == set().union(*map(listed, PARTS))


def test_each_action_has_a_sentence() -> None:
    assert set(CURES) == set(Action)
    assert {name for text in CURES.values() for name in re.findall(r"{(\w+)}", text)} == {"name"}


def test_a_word_of_another_version_speaks_for_itself() -> None:
    assert plain(Part.ARRIVED, "solar-flare").meaning == "solar-flare"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "action", "text", "more"),
    [
        (
            clear("no-certificate", (ALICE, "expired")),
            Action.IMPORT_CERTIFICATE,
            f"Import a certificate of {ALICE}",
            ALICE,
        ),
        (
            {"signature": {"status": "not-signed", "reason": "no-key"}, **clear("policy-never")},
            Action.IMPORT_KEY,
            "Import the private key of Support@Example.org",
            "Support@Example.org",
        ),
        (clear("policy-never"), Action.CONFIGURE, "Change groups in the configuration", None),
        (
            {**clear("reply-to-encrypted", (ALICE, "no-certificate")), "verdict": "reject", "deliveries": ()},
            Action.IMPORT_CERTIFICATE,
            f"Import a certificate of {ALICE}",
            ALICE,
        ),
        (
            clear("untrusted", (ALICE, "untrusted")),
            Action.IMPORT_CERTIFICATE,
            f"Import a certificate of {ALICE}",
            ALICE,
        ),
        (closed("no-key", issuer="CN=CA", serial="2a"), Action.IMPORT_KEY, "Import the private key of CN=CA, 2a", None),
        (closed("no-key"), Action.IMPORT_KEY, "Import the private key of a recipient", None),
        (closed("decrypt-failed"), Action.SENDER, "Only the sender can do something about it", None),
        (closed("rate"), Action.WAIT, "Wait, and have it sent again", None),
        (doubted("untrusted"), Action.IMPORT_AUTHORITY, "Import the authority CN=Their CA", None),
        (doubted("no-path"), Action.IMPORT_AUTHORITY, "Import the authority CN=Their CA", None),
        (doubted("altered"), Action.MEND, "What sends the mail, or lies on its way, has to be changed", None),
        (doubted("internal"), Action.REPORT, "Report it, with the lines of the service's log", None),
    ],
)
def test_a_record_is_cured(wiring: Wiring, facts: dict[str, Any], action: Action, text: str, more: str | None) -> None:
    found = cure(wiring, **facts)
    assert found is not None
    assert (found.action, found.text, found.address) == (action, text, more)
    assert found.meaning == plain(part_of(record(**facts)), found.reason).meaning


@pytest.mark.parametrize(
    "facts",
    [
        {"encryption": {"status": "encrypted"}},
        clear("already-protected"),
        clear("automatic"),
        {"direction": "inbound"},
        {"direction": "inbound", "signature": {"status": "pass"}, "encryption": {"status": "decrypted"}},
    ],
)
def test_where_nothing_is_wrong_nothing_is_cured(wiring: Wiring, facts: dict[str, Any]) -> None:
    assert cure(wiring, **facts) is None


def test_what_is_stored_and_not_trusted_can_be_trusted(wiring: Wiring, authority: Authority) -> None:
    alice = authority.leaf(ALICE, kind="p256")
    import_file(wiring.store, alice.pem(), [], ImportOptions())
    wiring.store.certificates.set_trust(alice.certificate.fingerprint, Trust.NONE)
    found = cure(wiring, **clear("untrusted", (ALICE, "untrusted")))
    assert found is not None
    assert (found.action, found.fingerprint, found.text) == (
        Action.TRUST,
        alice.certificate.fingerprint,
        f"Trust {ALICE}",
    )


def test_an_authority_that_is_stored_can_be_trusted(wiring: Wiring, authority: Authority) -> None:
    import_file(wiring.store, authority.root.pem(), [], ImportOptions())
    name = authority.root.certificate.fingerprint
    found = cure(
        wiring, **doubted("untrusted", detail=f"{authority.root.certificate.subject} is not trusted, ID {name[:16]}")
    )
    assert found is not None
    assert (found.action, found.fingerprint) == (Action.TRUST, name)


@pytest.mark.parametrize("detail", ["x, ID 0123456789abcdef", "x, ID zzzz", "a name, ID 00, and not stored"])
def test_an_authority_that_is_not_there_cannot(wiring: Wiring, detail: str) -> None:
    found = cure(wiring, **doubted("untrusted", detail=detail))
    assert found is not None
    assert (found.action, found.fingerprint) == (Action.IMPORT_AUTHORITY, None)


@pytest.mark.parametrize(
    ("state", "action"), [("failed", Action.RETRY), ("judged", Action.RETRY), ("waiting", Action.IMPORT_KEY)]
)
def test_what_is_held_and_waits_for_somebody_is_tried_again(wiring: Wiring, state: str, action: Action) -> None:
    kept = hold(wiring.store)
    with wiring.store.database.write() as connection:
        connection.execute(schema.held.update().values(state=state))
    found = cure(wiring, held=kept, **closed("no-key"))
    assert found is not None
    assert (found.action, found.held) == (action, kept if action is Action.RETRY else None)
    reused = cure(wiring, held=kept, **closed("key-reused"))
    assert reused is not None
    assert (reused.action, reused.held) == (Action.RETRY, kept)


def test_every_reason_has_a_meaning_that_is_a_sentence() -> None:
    for said in PLAIN.values():
        for reason, words in said.items():
            assert words.meaning[0].isupper() and words.meaning.endswith("."), reason
            assert (words.setting is None) is (words.action is not Action.CONFIGURE), reason
    assert Reason.ALTERED in PLAIN[Part.ARRIVED]


def test_the_key_of_ours_is_named(wiring: Wiring, support: Issued) -> None:
    found = cure(wiring, **closed("not-addressed", fingerprint=support.certificate.fingerprint))
    assert found is not None
    assert (found.action, found.setting) == (Action.CONFIGURE, "groups[].recipients")
