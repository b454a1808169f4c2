"""``check``: the composer's question, answered by the code that decides."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.store import StoreOptions, open_store
from tests.authority import Authority
from tests.cli.running import Command

GROUPS = """
groups:
  - {name: support, addresses: ["support@example.org"], sign: required, encrypt: never}
internal: {addresses: ["@corp.example"]}
"""
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], authority: Authority) -> Command:
    command = Command(tmp_path, capsys, GROUPS)
    support = authority.leaf("support@example.org", kind="p256")
    alice = authority.leaf("alice@example.com", kind="p256")
    old = authority.leaf("old@example.com", kind="p256", not_before=NOW - 9 * DAY, not_after=NOW - DAY)
    assert command("import", command.put("all", support.pem(), support.key_pem(), alice.pem(), old.pem())).code == 0
    above = command.put("above", authority.intermediate.pem(), authority.root.pem())
    assert command("import", "--no-trust", above).code == 0
    return command


def test_an_incomplete_chain_is_said(command: Command, authority: Authority) -> None:
    """By `check`, `config check` and `cert show`, until the issuer is there."""
    name = authority.intermediate.certificate.fingerprint
    recipient = "alice@example.com"
    assert command("check", "--json", "support@example.org", recipient).json["sign"]["notes"] == []
    assert "issuer" not in command("config", "check").err
    assert command("cert", "delete", name, "--yes").code == 0
    issuer = authority.intermediate.certificate.subject
    sign = command("check", "--json", "support@example.org", recipient).json["sign"]
    assert sign["possible"] is True and sign["notes"] == ["incomplete-chain"]
    said = f"its issuer {issuer} is not stored"
    assert any(said in line for line in command("check", "support@example.org", recipient).lines)
    checked = command("config", "check")
    assert checked.code == 0 and said in checked.err
    shown = command("cert", "show", "--json", sign["fingerprint"]).json
    assert shown["chain"] == [] and said in shown["chain_gap"]
    assert command("import", command.put("above", authority.intermediate.pem())).code == 0
    shown = command("cert", "show", "--json", sign["fingerprint"]).json
    assert (shown["chain"], shown["chain_gap"]) == ([name], None)


def test_possible(command: Command) -> None:
    result = command("check", "--json", "support@example.org", "alice@example.com")
    assert result.code == 0
    assert result.json["sign"]["possible"] is True
    assert result.json["sign"]["reason"] is None
    assert result.json["encrypt"]["possible"] is True
    assert result.json["group"] == "support"
    assert result.json["rule"] == "group support: sign required, encrypt never"
    (recipient,) = result.json["encrypt"]["recipients"]
    assert recipient["address"] == "alice@example.com"
    assert recipient["possible"] is True
    assert recipient["reason"] is None
    assert len(recipient["fingerprint"]) == 64


def test_every_recipient_has_its_answer(command: Command) -> None:
    names = ("alice@example.com", "old@example.com", "nobody@example.com", "x@corp.example", "support@example.org")
    result = command("check", "--json", "support@example.org", *names)
    assert result.code == 0
    answers = {entry["address"]: (entry["possible"], entry["reason"]) for entry in result.json["encrypt"]["recipients"]}
    assert answers == {
        "alice@example.com": (True, None),
        "old@example.com": (False, "expired"),
        "nobody@example.com": (False, "no-certificate"),
        "x@corp.example": (False, "internal-recipient"),
        "support@example.org": (False, "internal-recipient"),
    }
    assert (result.json["encrypt"]["possible"], result.json["encrypt"]["reason"]) == (False, "expired")


def test_a_sender_in_no_group(command: Command) -> None:
    result = command("check", "--json", "else@example.org", "alice@example.com")
    assert result.code == 0
    assert result.json["sign"] == {
        "possible": False,
        "reason": "unknown-sender",
        "level": None,
        "fingerprint": None,
        "notes": [],
    }
    assert result.json["encrypt"]["reason"] == "unknown-sender"
    assert result.json["encrypt"]["recipients"][0]["reason"] == "unknown-sender"


def test_for_people(command: Command) -> None:
    result = command("check", "support@example.org", "alice@example.com", "nobody@example.com")
    assert result.code == 0
    assert any(re.fullmatch("sign:    possible, by [0-9a-f]{16}", line) for line in result.lines)
    assert "encrypt: not possible: no-certificate" in result.lines
    assert any(line.startswith("nobody@example.com") and "no-certificate" in line for line in result.lines)
    assert "leaves signed, not encrypted, for all 2" in result.lines


@pytest.mark.parametrize(
    ("groups", "sender", "outcome", "line"),
    [
        ("", "support@example.org", ("relay", True, False), "leaves signed, not encrypted"),
        ("encrypt: required", "support@example.org", ("refuse", False, False), "would be refused: 550 5.7.3"),
        ("encrypt: if-possible", "support@example.org", ("relay", True, False), "leaves signed, not encrypted"),
        ("", "else@example.org", ("relay", False, False), "leaves not signed, not encrypted"),
    ],
)
def test_the_outcome(command: Command, groups: str, sender: str, outcome: tuple[str, bool, bool], line: str) -> None:
    """What would become of such a mail: the decision itself."""
    text = (command.folder / "gateway.yaml").read_text()
    (command.folder / "gateway.yaml").write_text(text.replace("encrypt: never", groups or "encrypt: never"))
    found = command("check", "--json", sender, "nobody@example.com").json
    assert (found["outcome"], found["signed"], found["encrypted"]) == outcome
    assert any(said.startswith(line) for said in command("check", sender, "nobody@example.com").lines)


def test_an_address_that_the_certificate_does_not_hold_is_said(command: Command) -> None:
    """Receivers compare exactly: a ticket number in the address is another address to them."""
    sign = command("check", "--json", "support+4711@example.org", "alice@example.com").json["sign"]
    assert (sign["possible"], sign["notes"]) == (True, ["address-mismatch"])


@pytest.mark.parametrize("address", ["no-at-sign", "a b@example.com", "a@b@c", "<x@y", "x@y\r\nRCPT TO:<z@y>"])
def test_an_address_that_is_none_is_65(command: Command, address: str) -> None:
    result = command("check", "support@example.org", address)
    assert result.code == 65
    assert "Traceback" not in result.err
    assert len(result.err.strip().splitlines()) == 1
    assert address.partition("\r")[0] in result.err, "it says which"


def test_no_recipient_is_64(command: Command) -> None:
    assert command("check", "support@example.org").code == 64


def test_switched_off(command: Command) -> None:
    (command.folder / "gateway.yaml").write_text((command.folder / "gateway.yaml").read_text() + "enabled: false\n")
    result = command("check", "--json", "support@example.org", "alice@example.com")
    assert result.json["sign"]["reason"] == "not-enabled"


# evidence in the store


def opinion(command: Command, address: str) -> tuple[str | None, str | None]:
    """The certificate that would be encrypted to, or the reason why there is none."""
    (entry,) = command("check", "--json", "support@example.org", address).json["encrypt"]["recipients"]
    return entry["fingerprint"], entry["reason"]


def test_crt_04_an_imported_crl_counts_at_once(command: Command, authority: Authority) -> None:
    """CRT-04: for recipients and for our own certificate; the one before it serves again."""
    facts = {"kind": "p256", "not_before": NOW - DAY}
    alice, support = (authority.leaf(address, **facts) for address in ("alice@example.com", "support@example.org"))
    lone = authority.leaf("lone@example.com", kind="p256")
    new = (alice.pem(), support.pem(), support.key_pem(), lone.pem(), authority.intermediate.pem())
    assert command("import", command.put("new", *new)).code == 0
    assert opinion(command, "alice@example.com") == (alice.certificate.fingerprint, None)
    before = command("check", "--json", "support@example.org", "alice@example.com").json["sign"]["fingerprint"]
    assert before == support.certificate.fingerprint
    crl = authority.revocation_list(alice, support, lone).public_bytes(Encoding.PEM)
    assert command("import", command.put("crl", crl)).code == 0
    result = command("check", "--json", "support@example.org", "alice@example.com").json
    assert result["sign"]["possible"] is True
    assert result["sign"]["fingerprint"] not in (None, before)
    fingerprint, reason = opinion(command, "alice@example.com")
    assert (fingerprint not in (None, alice.certificate.fingerprint), reason) == (True, None)
    assert opinion(command, "lone@example.com") == (None, "revoked")


def test_crt_06_a_learned_certificate_falls_with_its_authority(command: Command, authority: Authority) -> None:
    """CRT-06: of two the newer fell with its own; approval by `cert trust` makes it serve by itself."""
    other = Authority(name="Other")
    assert command("import", command.put("anchors", authority.root.pem(), other.root.pem())).code == 0
    old = authority.leaf("eve@example.com", kind="p256")
    new = other.leaf("eve@example.com", kind="p256", not_before=NOW - DAY)
    store = open_store(StoreOptions(command.state), durable=True)
    for issued in (old, new):
        above = (issued.issuers[0].certificate,)
        store.learned.learn("eve@example.com", issued.certificate, (), NOW, trusted=True, intermediates=above)
    store.close()
    assert opinion(command, "eve@example.com") == (new.certificate.fingerprint, None)
    assert command("cert", "distrust", other.root.certificate.fingerprint).code == 0
    assert opinion(command, "eve@example.com") == (old.certificate.fingerprint, None)
    assert command("cert", "delete", authority.root.certificate.fingerprint, "--yes").code == 0
    assert opinion(command, "eve@example.com") == (None, "untrusted")
    assert command("cert", "trust", new.certificate.fingerprint).code == 0
    assert opinion(command, "eve@example.com") == (new.certificate.fingerprint, None)
