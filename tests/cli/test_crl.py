"""``crl``: imported like certificates, listed, deleted."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.authority import Authority
from tests.cli.running import Command


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, capsys)


@pytest.fixture
def data(authority: Authority) -> bytes:
    return authority.revocation_list(authority.leaf("x@example.com", kind="p256")).public_bytes(Encoding.PEM)


def test_a_crl_is_imported_and_listed(command: Command, authority: Authority, data: bytes) -> None:
    path = command.put("crl", data)
    first, again = command("import", path), command("import", path)
    issuer = authority.intermediate.certificate.subject
    (entry,) = command("crl", "list", "--json").json
    name = entry["fingerprint"]
    assert first.lines == [f"{path}: crl {name[:16]} {issuer}: added"]
    assert again.lines == [f"{path}: crl {name[:16]} {issuer}: known"]
    assert entry == {
        "fingerprint": name,
        "issuer": issuer,
        "number": "1",
        "this_update": "2025-01-01T00:00:00Z",
        "next_update": "2035-01-01T00:00:00Z",
        "is_delta": False,
        "is_indirect": False,
        "revoked": 1,
        "origin": "imported",
        "url": None,
    }
    row = command("crl", "list").lines[1]
    for part in (name[:16], issuer, "complete", "2025-01-01", "2035-01-01", "imported"):
        assert part in row


def test_a_crl_is_deleted_once(command: Command, data: bytes) -> None:
    command("import", command.put("crl", data))
    (entry,) = command("crl", "list", "--json").json
    gone = command("crl", "delete", entry["fingerprint"][:12], "--json")
    assert (gone.code, gone.json) == (0, {"fingerprint": entry["fingerprint"], "deleted": True})
    assert command("crl", "list", "--json").json == []
    missing = command("crl", "delete", entry["fingerprint"])
    assert (missing.code, missing.out) == (65, "")
    assert command("crl", "delete").code == 64


def test_garbage_is_refused(command: Command, data: bytes) -> None:
    lines = data.splitlines(keepends=True)
    result = command("import", command.put("crl", *lines[:2], *lines[3:]))
    assert result.code == 65
    assert ": refused malformed (" in result.out
    assert command("crl", "list", "--json").json == []
