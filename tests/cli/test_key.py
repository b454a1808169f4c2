"""``key``: what waits, and how a key leaves."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.authority import Authority, Issued
from tests.cli.running import Command


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, capsys)


@pytest.fixture
def alice(authority: Authority) -> Issued:
    return authority.leaf("alice@example.com", kind="p256")


def test_a_key_waits_for_its_certificate(command: Command, alice: Issued) -> None:
    command("import", command.put("key", alice.key_pem()))
    (entry,) = command("key", "list", "--json").json
    assert (entry["public_key_id"], entry["waiting"], entry["certificates"]) == (
        alice.certificate.public_key_id,
        True,
        [],
    )
    assert "waiting" in command("key", "list").lines[1]
    command("import", command.put("cert", alice.pem()))
    (entry,) = command("key", "list", "--json").json
    assert (entry["waiting"], entry["certificates"]) == (False, [alice.certificate.fingerprint])
    row = command("key", "list").lines[1]
    assert "waiting" not in row
    assert alice.certificate.fingerprint[:16] in row


def test_a_key_without_a_passphrase_leaves_only_under_one(command: Command, alice: Issued) -> None:
    """KEY-02."""
    command("import", command.put("alice", alice.pem(), alice.key_pem()))
    name = alice.certificate.fingerprint[:12]
    bare = command("key", "export", name)
    assert (bare.code, bare.out) == (65, "")
    assert "--passphrase-file" in bare.err
    left = command("key", "export", name, "--passphrase-file", command.put("phrase", b"mine\n"))
    assert left.code == 0
    assert load_pem_private_key(left.out.encode(), b"mine").public_key() == alice.private_key.public_key()
    assert command("key", "export", name, "--passphrase-file", command.put("two", b"one\ntwo\n")).code == 65
    assert command("key", "export", name, "--passphrase-file", command.folder / "absent").code == 66


def test_a_key_with_a_passphrase_leaves_only_under_it(command: Command, alice: Issued) -> None:
    """KEY-02: and no error repeats what was tried."""
    phrase = command.put("phrase", b"its own\n")
    command("import", "--passphrase-file", phrase, command.put("alice", alice.pem(), alice.key_pem(b"its own")))
    for arguments in ((), ("--passphrase-file", phrase)):
        left = command("key", "export", alice.certificate.public_key_id[:12], *arguments)
        assert left.code == 0
        assert load_pem_private_key(left.out.encode(), b"its own").public_key() == alice.private_key.public_key()
    other = command("key", "export", alice.certificate.public_key_id, "--passphrase-file", command.put("x", b"mine"))
    assert (other.code, other.out) == (65, "")
    assert "mine" not in other.err


def test_a_deleted_key_is_gone_and_its_certificate_stays(command: Command, alice: Issued) -> None:
    command("import", command.put("alice", alice.pem(), alice.key_pem()))
    slip = command("key", "delete", alice.certificate.public_key_id[:12])
    assert (slip.code, slip.out) == (64, "")
    assert "--yes" in slip.err and f"{alice.certificate.fingerprint[:16]} would sign nothing" in slip.err
    result = command("key", "delete", alice.certificate.public_key_id[:12], "--yes")
    assert result.code == 0
    assert result.out.startswith(f"deleted key {alice.certificate.public_key_id}")
    assert command("key", "list", "--json").json == []
    assert [entry["has_key"] for entry in command("cert", "list", "--json").json] == [False]
    assert command("key", "delete", alice.certificate.public_key_id, "--yes").code == 65
