"""``message process``: files through the daemon's engine and store, the record beside them, the right exit code."""

import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.authority import Authority
from tests.cli.running import Command
from tests.engine.world import mail
from tests.letters import head, signed

GROUPS = """
groups:
  - {name: support, addresses: ["support@example.org"], sign: required, encrypt: if-possible}
  - {name: strict, addresses: ["strict@example.org"], sign: never, encrypt: required}
"""
OUTBOUND = ("message", "process", "--direction", "outbound", "--sender", "support@example.org")
TO_ALICE = (*OUTBOUND, "--recipient", "alice@example.com")
SECRET = mail(body=b"the-secret\r\n")


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], authority: Authority) -> Command:
    command = Command(tmp_path, capsys, GROUPS)
    support = authority.leaf("support@example.org", kind="p256")
    people = [authority.leaf(f"{name}@example.com", kind="p256").pem() for name in ("alice", "hidden")]
    assert command("import", command.put("all", support.pem(), support.key_pem(), *people)).code == 0
    return command


def test_one_delivery_goes_to_standard_output(command: Command) -> None:
    record = command.folder / "record.json"
    result = command(*TO_ALICE, "--record", record, command.put("in.eml", SECRET))
    assert result.code == 0
    assert "smime-type=enveloped-data" in result.out
    assert "the-secret" not in result.out
    found = json.loads(record.read_text())
    assert (found["verdict"], found["front_end"], found["direction"]) == ("relay", "cli", "outbound")
    assert found["signature"]["status"] == "signed"
    assert found["encryption"]["status"] == "encrypted"
    assert found["rule"].startswith("group support: sign required")
    assert [delivery["recipients"] for delivery in found["deliveries"]] == [["alice@example.com"]]
    assert found["from"] == "support@example.org"


def test_standard_input(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(SECRET)))
    assert "smime-type=enveloped-data" in command(*TO_ALICE).out


def test_several_deliveries_need_a_folder(command: Command) -> None:
    path = command.put("in.eml", SECRET)
    arguments = (*TO_ALICE, "--recipient", "hidden@example.com")
    result = command(*arguments, path)
    assert result.code == 64
    assert "--output" in result.err
    out = command.folder / "out"
    assert command(*arguments, "--output", out, path).code == 0
    assert sorted(file.name for file in out.iterdir()) == ["delivery-1.eml", "delivery-2.eml", "record.json"]


def test_a_refused_message_is_65_with_its_reply(command: Command) -> None:
    content = SECRET.replace(b"support@", b"strict@")
    result = command(*OUTBOUND, "--recipient", "nobody@example.com", command.put("in.eml", content))
    assert result.code == 65
    assert result.out == ""
    assert result.err.startswith("550 5.7.3 no-certificate: ")
    assert "nobody@example.com" in result.err


def test_the_clock_of_certificate_decisions(command: Command) -> None:
    path = command.put("in.eml", SECRET)
    late = command(*TO_ALICE, "--at", "2050-01-01T00:00:00Z", path)
    assert late.code == 65
    assert "(expired)" in late.err
    assert command(*TO_ALICE, "--at", "2026-01-01T00:00:00+01:00", path).code == 0
    assert command(*TO_ALICE, "--at", "yesterday", path).code == 64
    assert command(*TO_ALICE, "--at", "2026-01-01T00:00:00", path).code == 64


def test_a_folder_of_messages(command: Command) -> None:
    folder = command.folder / "mails"
    folder.mkdir()
    (folder / "good.eml").write_bytes(SECRET)
    (folder / "bad.eml").write_bytes(SECRET.replace(b"From: ", b"From: a@b, "))
    assert command(*TO_ALICE, folder).code == 64
    out = command.folder / "out"
    result = command(*TO_ALICE, "--output", out, folder)
    assert result.code == 65
    refused, total = result.err.splitlines()
    assert refused.startswith("bad.eml: 550 5.7.3 from-ambiguous")
    assert total == "2 messages: 1 relay, 1 reject"
    assert json.loads((out / "good.eml" / "record.json").read_text())["verdict"] == "relay"
    assert (out / "good.eml" / "delivery-1.eml").exists()
    bad = json.loads((out / "bad.eml" / "record.json").read_text())
    assert (bad["verdict"], bad["signature"]["reason"]) == ("reject", "from-ambiguous")
    assert [file.name for file in (out / "bad.eml").iterdir()] == ["record.json"]


def test_unix_line_ends_are_read_as_crlf(command: Command) -> None:
    content = SECRET.replace(b"support@", b"else@").replace(b"\r\n", b"\n")
    result = command(*TO_ALICE, "--output", command.folder / "out", command.put("in.eml", content))
    assert result.code == 0
    assert (command.folder / "out" / "delivery-1.eml").read_bytes() == SECRET.replace(b"support@", b"else@")


def test_mixed_line_ends_are_read_as_crlf_with_a_warning(command: Command) -> None:
    content = SECRET.replace(b"support@", b"else@") + b"bare\nline\r\n"
    result = command(*TO_ALICE, "--output", command.folder / "out", command.put("in.eml", content))
    assert result.code == 0
    line = content[: content.index(b"bare\n")].count(b"\n") + 1
    assert result.err == (
        f"in.eml: warning: line {line} ends in LF, line 1 in CRLF; read as CRLF, while a door would refuse it\n"
    )
    written = (command.folder / "out" / "delivery-1.eml").read_bytes()
    assert written == content.replace(b"bare\n", b"bare\r\n")


def test_a_bare_cr_is_refused_as_at_the_door(command: Command) -> None:
    result = command(*TO_ALICE, command.put("in.eml", SECRET + b"bare\rline\r\n"))
    assert result.code == 65
    assert result.err.startswith("550 5.6.11")


def test_the_null_sender(command: Command) -> None:
    arguments = ("message", "process", "--direction", "outbound", "--sender", "", "--recipient", "alice@example.com")
    assert command(*arguments, command.put("in.eml", SECRET)).code == 0


@pytest.mark.parametrize("missing", ["--direction", "--sender", "--recipient"])
def test_a_missing_option_is_64(command: Command, missing: str) -> None:
    arguments = list(TO_ALICE)
    at = arguments.index(missing)
    del arguments[at : at + 2]
    assert command(*arguments, command.put("in.eml", SECRET)).code == 64


def test_an_absent_file_is_66(command: Command) -> None:
    result = command(*TO_ALICE, command.folder / "absent.eml")
    assert result.code == 66
    assert "absent.eml" in result.err


def test_nothing_is_journalled(command: Command) -> None:
    command(*TO_ALICE, command.put("in.eml", SECRET))
    assert command("log", "--json").out == ""


def test_subfolders_are_passed_over_and_one_name_twice_is_64(command: Command) -> None:
    folder, other = command.folder / "mails", command.folder / "other"
    (folder / "sub").mkdir(parents=True)
    other.mkdir()
    (folder / "a.eml").write_bytes(SECRET)
    (other / "a.eml").write_bytes(SECRET)
    out = command.folder / "out"
    assert command(*TO_ALICE, "--output", out, folder).code == 0
    doubled = command(*TO_ALICE, "--output", out, folder / "a.eml", other / "a.eml")
    assert doubled.code == 64
    assert "a.eml" in doubled.err


def test_nothing_of_an_earlier_message_stays_in_the_output(command: Command) -> None:
    out, path = command.folder / "out", command.put("in.eml", SECRET)
    assert command(*TO_ALICE, "--recipient", "hidden@example.com", "--output", out, path).code == 0
    assert len(list(out.glob("delivery-*.eml"))) == 2
    refused = command.put("bad.eml", SECRET.replace(b"From: ", b"From: a@b, "))
    assert command(*TO_ALICE, "--output", out, refused).code == 65
    assert [file.name for file in out.iterdir()] == ["record.json"]


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mode & 0o777 for path in folder.rglob("*")}


def test_what_is_written_is_for_nobody_elses_eyes(command: Command) -> None:
    """Whatever the umask; a folder that is there is not ours to change, a file that is there is."""
    path, out = command.put("in.eml", SECRET), command.folder / "there" / "new" / "out"
    (command.folder / "there").mkdir(mode=0o755)
    record = command.folder / "there" / "record.json"
    record.write_text("x" * 100_000)
    record.chmod(0o644)
    umask = os.umask(0)
    try:
        assert command(*TO_ALICE, "--output", out, "--record", record, path).code == 0
        assert command(*TO_ALICE, "--output", out / "many", path, command.put("more.eml", SECRET)).code == 0
    finally:
        os.umask(umask)
    folders = {"new", "new/out", "new/out/many", "new/out/many/in.eml", "new/out/many/more.eml"}
    found = modes(command.folder / "there")
    assert {name for name, mode in found.items() if mode == 0o700} == folders
    assert {mode for name, mode in found.items() if name not in folders} == {0o600}
    assert json.loads(record.read_text())["verdict"] == "relay"
    assert (command.folder / "there").stat().st_mode & 0o777 == 0o755


def test_one_record_file_for_several_messages_is_64(command: Command) -> None:
    paths = [command.put(name, SECRET) for name in ("a.eml", "b.eml")]
    arguments = (*TO_ALICE, "--output", command.folder / "out", "--record", command.folder / "r.json", *paths)
    assert command(*arguments).code == 64


def test_the_winning_rule_is_told(command: Command) -> None:
    result = command(*TO_ALICE, command.put("in.eml", SECRET))
    assert "rule: group support: sign required (group support), encrypt if-possible (group support)" in result.err


def test_a_folder_in_the_place_of_a_file_is_66_without_a_traceback(command: Command) -> None:
    result = command(*TO_ALICE, "--record", command.folder, command.put("in.eml", SECRET))
    assert result.code == 66
    assert "Traceback" not in result.err


def test_crt_04_what_the_stored_crl_says_at_the_time_of_the_message(command: Command, authority: Authority) -> None:
    """CRT-04: a recipient who is revoked on 1 June is encrypted to before, and the message refused after."""
    bob = authority.leaf("bob@example.com", kind="p256")
    crl = authority.revocation_list(bob, revoked_at=datetime(2026, 6, 1, tzinfo=UTC)).public_bytes(Encoding.PEM)
    assert command("import", command.put("new", bob.pem(), authority.intermediate.pem(), crl)).code == 0
    path = command.put("in.eml", SECRET.replace(b"support@example.org", b"strict@example.org"))
    to_bob = ("message", "process", "--direction", "outbound", "--sender", "strict@example.org")
    arguments = (*to_bob, "--recipient", "bob@example.com", "--at")
    assert "smime-type=enveloped-data" in command(*arguments, "2026-05-31T00:00:00Z", path).out
    refused = command(*arguments, "2026-06-02T00:00:00Z", path)
    assert refused.code == 65
    assert "bob@example.com (revoked)" in refused.err
    assert "the-secret" not in refused.out


def test_crt_06_trying_out_a_message_learns_nothing(command: Command, authority: Authority) -> None:
    """CRT-06: only the daemon learns, from mail that was delivered."""
    customer = authority.leaf("alice@customer.example", kind="p256")
    for issued in (authority.root, authority.intermediate):
        command("import", command.put("ca", issued.pem()))
    before = command("cert", "list", "--json").json
    inbound = ("message", "process", "--direction", "inbound", "--sender", "alice@customer.example")
    record = command.folder / "record.json"
    content = command.put("in.eml", head() + signed(customer))
    assert command(*inbound, "--recipient", "support@example.org", "--record", record, content).code == 0
    assert json.loads(record.read_text())["signature"]["status"] == "pass"
    assert command("cert", "list", "--json").json == before
