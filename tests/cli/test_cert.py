"""``cert``: what the list says, what can be shown, exported, trusted and deleted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509 import load_pem_x509_certificate

from gateway.store import StoreOptions, open_store
from gateway.store.learned import Learning
from tests.authority import NOT_AFTER, Authority, Issued
from tests.cli.running import Command


@pytest.fixture
def alice(authority: Authority) -> Issued:
    return authority.leaf("alice@example.com", "sales@example.com", kind="p256")


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], alice: Issued, authority: Authority) -> Command:
    """A store with Alice, her key, and the root."""
    made = Command(tmp_path, capsys)
    made("import", made.put("alice", alice.pem(), alice.key_pem()), made.put("root", authority.root.pem()))
    return made


def test_the_list_says_all_one_chooses_by(command: Command, alice: Issued, authority: Authority) -> None:
    result = command("cert", "list")
    assert result.code == 0
    (row,) = [line for line in result.lines if "alice@example.com" in line]
    fingerprint = alice.certificate.fingerprint[:16]
    assert row.split() == [
        fingerprint,
        "alice@example.com,",
        "sales@example.com",
        "yes",
        "sign,",
        "encrypt",
        "trusted",
        "2035-01-01",
    ]
    (row,) = [line for line in result.lines if authority.root.certificate.fingerprint[:16] in line]
    assert row.split()[-3:] == ["ca", "anchor", "2035-01-01"]


def test_the_list_as_json(command: Command, alice: Issued) -> None:
    entries = {entry["fingerprint"]: entry for entry in command("cert", "list", "--json").json}
    entry = entries[alice.certificate.fingerprint]
    assert entry["addresses"] == ["alice@example.com", "sales@example.com"]
    assert (entry["has_key"], entry["uses"], entry["trust"], entry["validity"]) == (
        True,
        ["sign", "encrypt"],
        "trusted",
        "valid",
    )
    assert entry["not_after"] == "2035-01-01T00:00:00Z"
    assert int(entry["serial"], 16) == alice.certificate.serial


def test_the_list_is_filtered(command: Command, alice: Issued) -> None:
    for text in ("SALES@", alice.certificate.fingerprint[:30], "Test Leaf"):
        (entry,) = command("cert", "list", "--json", "--filter", text).json
        assert entry["fingerprint"] == alice.certificate.fingerprint
    assert command("cert", "list", "--json", "--filter", "nobody").json == []


def test_what_expires_soon_is_listed(command: Command, authority: Authority) -> None:
    today = datetime.now(UTC).replace(microsecond=0)
    soon = authority.leaf("soon@example.com", not_after=today + timedelta(days=20), kind="p256")
    gone = authority.leaf("gone@example.com", not_after=today - timedelta(days=1), kind="p256")
    command("import", command.put("both", soon.pem(), gone.pem()))

    def within(length: str) -> list[str]:
        return [
            address
            for entry in command("cert", "list", "--json", "--expiring", length).json
            for address in entry["addresses"]
        ]

    assert within("30d") == ["soon@example.com"]
    assert within("10d") == []
    assert len(within(f"{(NOT_AFTER - today).days + 1}d")) == 3
    assert "expired" in next(line for line in command("cert", "list").lines if "gone@" in line)
    assert command("cert", "list", "--expiring", "soon").code == 64


def test_show_tells_one_in_full(command: Command, alice: Issued) -> None:
    result = command("cert", "show", alice.certificate.fingerprint[:10])
    assert result.code == 0
    assert f"fingerprint: {alice.certificate.fingerprint}" in result.lines
    assert "uses: sign, encrypt" in result.lines
    assert command("cert", "show", "--json", alice.certificate.fingerprint).json["issuer"] == alice.certificate.issuer


def test_export_prints_the_certificate_and_no_key(command: Command, alice: Issued) -> None:
    result = command("cert", "export", alice.certificate.fingerprint[:10])
    assert load_pem_x509_certificate(result.out.encode()) == alice.x509
    assert "PRIVATE" not in result.out


@pytest.mark.parametrize("verb", ["show", "export", "delete", "trust", "distrust"])
def test_a_name_that_fits_none_or_several_is_65(command: Command, verb: str) -> None:
    for name in ("0" * 64, "nonsense"):
        result = command("cert", verb, name)
        assert (result.code, result.out) == (65, "")
        assert result.err.startswith("smime-gateway: ")
    assert command("cert", verb).code == 64


def test_trust_is_taken_and_given(command: Command, alice: Issued, authority: Authority) -> None:
    for issued, word in ((alice, "trusted"), (authority.root, "anchor")):
        fingerprint = issued.certificate.fingerprint
        assert command("cert", "distrust", fingerprint).out == f"certificate {fingerprint}: distrusted\n"
        assert command("cert", "show", fingerprint, "--json").json["trust"] == "distrusted"
        assert command("cert", "trust", fingerprint, "--json").json["trust"] == word


def test_deleting_the_last_certificate_of_a_key_says_so(command: Command, alice: Issued, authority: Authority) -> None:
    assert "key" not in command("cert", "delete", authority.root.certificate.fingerprint).out
    result = command("cert", "delete", alice.certificate.fingerprint)
    assert result.code == 0
    assert "private key, which is deleted, too" in result.out
    assert command("key", "list", "--json").json == []
    assert command("cert", "delete", alice.certificate.fingerprint).code == 65


def test_deleting_as_json(command: Command, alice: Issued) -> None:
    result = command("cert", "delete", "--json", alice.certificate.fingerprint)
    assert result.json == {"fingerprint": alice.certificate.fingerprint, "deleted": True, "key_deleted": True}


def test_what_mail_taught_is_shown_approved_and_dropped(command: Command, authority: Authority) -> None:
    """CRT-06: visible in the list; `trust` approves it, what is deleted does not come back."""
    names = ("quarantined", "learned")
    people = {name: authority.leaf(f"{name}@example.com", kind="p256").certificate for name in names}

    def teach() -> list[Learning]:
        store = open_store(StoreOptions(command.state), durable=True)
        at = datetime(2026, 6, 1, tzinfo=UTC)
        told = [
            store.learned.learn(f"{name}@example.com", certificate, (), at, trusted=name == "learned")
            for name, certificate in people.items()
        ]
        store.close()
        return told

    assert teach() == [Learning.NEW] * 2
    for name, certificate in people.items():
        (row,) = [line for line in command("cert", "list").lines if f"{name}@" in line]
        assert row.split()[-2] == name
        assert command("cert", "show", certificate.fingerprint, "--json").json["trust"] == name
        assert command("cert", "trust", certificate.fingerprint, "--json").json["trust"] == "trusted"
        assert command("cert", "delete", certificate.fingerprint).code == 0
    assert teach() == [Learning.DELETED] * 2
    assert not any(name in command("cert", "list").out for name in people)
