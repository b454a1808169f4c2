"""``import``: one line per object, the right word, the right exit code, nothing told that is secret."""

from pathlib import Path

import pytest

from gateway.asn1 import der
from tests.authority import SERVER_AUTH, Authority, Issued
from tests.cli.running import Command
from tests.pki import odd
from tests.pki.odd import put, signed_again


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, capsys)


@pytest.fixture
def alice(authority: Authority) -> Issued:
    return authority.leaf("alice@example.com", kind="p256")


def test_each_line_names_the_object_and_the_word(command: Command, alice: Issued) -> None:
    path = command.put("alice.pem", alice.pem(), alice.key_pem())
    first, again = command("import", path), command("import", path)
    assert (first.code, again.code) == (0, 0)
    fingerprint, key = alice.certificate.fingerprint[:16], alice.certificate.public_key_id[:16]
    assert first.lines[0].startswith(f"{path}: certificate {fingerprint} alice@example.com: added")
    assert first.lines[1].startswith(f"{path}: key {key}: added")
    assert again.lines[0].startswith(f"{path}: certificate {fingerprint} alice@example.com: known")
    assert again.lines[1].startswith(f"{path}: key {key}: known")


def test_json_is_one_array(command: Command, alice: Issued, authority: Authority) -> None:
    web = authority.leaf("web@example.com", extended_key_usage=(SERVER_AUTH,))
    result = command("import", "--json", command.put("a", alice.key_pem()), command.put("b", web.pem()))
    assert result.code == 65
    wanted = ("object", "fingerprint", "addresses", "result", "reason")
    assert [tuple(entry[name] for name in wanted) for entry in result.json] == [
        ("key", alice.certificate.public_key_id, [], "added", "waiting"),
        ("certificate", web.certificate.fingerprint, ["web@example.com"], "refused", "wrong-usage"),
    ]


def test_a_refused_object_is_65_and_the_others_are_there(command: Command, alice: Issued, authority: Authority) -> None:
    bare = authority.leaf(kind="p256")
    result = command("import", command.put("two", bare.pem(), alice.pem()))
    assert result.code == 65
    assert ": refused no-address (" in result.lines[0]
    assert ": added" in result.lines[1]
    assert len(command("cert", "list", "--json").json) == 1


@pytest.mark.parametrize("content", [b"", b"junk", b"\0\1\2" * 50])
def test_unreadable_content_is_65(command: Command, content: bytes) -> None:
    result = command("import", command.put("junk", content))
    assert result.code == 65
    assert ": refused malformed (" in result.out
    assert "Traceback" not in result.err


def test_a_file_with_a_fault_is_left_out_whole_and_others_are_taken(
    command: Command, alice: Issued, authority: Authority
) -> None:
    bob = authority.leaf("bob@example.com", kind="p256")
    half = command.put("half", alice.pem(), b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    result = command("import", half, command.put("whole", bob.pem()))
    assert result.code == 65
    assert [entry["addresses"] for entry in command("cert", "list", "--json").json] == [["bob@example.com"]]


def test_an_absent_file_is_66_and_the_others_are_imported(command: Command, alice: Issued) -> None:
    result = command("import", command.put("alice", alice.pem()), command.folder / "absent")
    assert result.code == 66
    assert "absent" in result.err
    assert len(command("cert", "list", "--json").json) == 1
    folder = command("import", command.folder)
    assert (folder.code, len(folder.err.splitlines())) == (66, 1)
    assert "Is a directory" in folder.err
    assert command("import", "--passphrase-file", command.folder / "none", command.folder / "alice").code == 66


def test_no_file_is_64(command: Command) -> None:
    assert command("import").code == 64
    assert command("import", "--no-trust", "--trust-cas", command.put("x", b"")).code == 64


def test_passphrases_come_from_a_file_and_are_never_shown(command: Command, alice: Issued) -> None:
    bundle = command.put("alice.p12", alice.p12("söcret phrase".encode()))
    wrong = command("import", "--passphrase-file", command.put("wrong", b"nope\n"), bundle)
    assert wrong.code == 65
    assert "refused bad-passphrase" in wrong.out
    right = command("import", "--passphrase-file", command.put("right", "nope\r\nsöcret phrase\n".encode()), bundle)
    assert right.code == 0
    for result in (wrong, right):
        assert "cret phrase" not in result.out + result.err
        assert "nope" not in result.out + result.err
    assert command("import", "--passphrase-file", command.put("empty", b"\n\n"), bundle).code == 65


def test_an_unprotected_pkcs12_needs_no_passphrase(command: Command, alice: Issued) -> None:
    assert command("import", command.put("alice.p12", alice.p12())).code == 0


def test_a_dry_run_stores_nothing(command: Command, alice: Issued) -> None:
    path = command.put("alice.pem", alice.pem(), alice.key_pem())
    result = command("import", "--dry-run", path)
    assert result.code == 0
    assert ": added" in result.out
    assert "nothing was stored" in result.err
    assert command("cert", "list", "--json").json == command("key", "list", "--json").json == []
    assert command("import", path).out == result.out


def test_trust_of_cas(command: Command, alice: Issued) -> None:
    chain = command.put("chain", alice.pem(), *(issuer.pem() for issuer in alice.issuers))
    command("import", "--no-trust", chain)

    def trust() -> dict[str, str]:
        return {entry["subject"]: entry["trust"] for entry in command("cert", "list", "--json").json}

    assert set(trust().values()) == {"none"}
    command("import", chain)
    assert sorted(trust().values()) == ["none", "none", "trusted"]
    command("import", "--trust-cas", chain)
    assert sorted(trust().values()) == ["anchor", "anchor", "trusted"]


def test_the_configuration_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str], authority: Authority) -> None:
    old = authority.leaf(subject_addresses=("old@example.com",), kind="p256").pem()
    strict = Command(tmp_path, capsys)
    assert strict("import", strict.put("old", old)).code == 65
    (tmp_path / "lax").mkdir()
    lax = Command(tmp_path / "lax", capsys, "addresses: {subject_email: always}\n")
    assert lax("import", lax.put("old", old)).code == 0


def test_a_wrong_or_missing_key_encryption_key_is_78(command: Command, alice: Issued) -> None:
    path = command.put("alice.pem", alice.pem(), alice.key_pem())
    assert command("import", path).code == 0
    kek = command.state / "kek"
    line = kek.read_bytes()
    kek.unlink()
    missing = command("key", "list")
    assert (missing.code, "missing" in missing.err) == (78, True)
    kek.write_bytes(line[:10].swapcase() + line[10:])
    kek.chmod(0o600)
    wrong = command("key", "list")
    assert (wrong.code, "not this store's" in wrong.err) == (78, True)
    kek.write_bytes(line)
    assert command("key", "list").code == 0


def test_key_05_wide_modes_are_78(command: Command) -> None:
    assert command("cert", "list").code == 0
    command.state.chmod(0o755)
    refused = command("cert", "list")
    assert (refused.code, "chmod 700" in refused.err) == (78, True)


def test_names_from_files_cannot_write_to_the_terminal(command: Command, authority: Authority) -> None:
    odd = authority.ca("\x1b[31mRed\nline", issuer=None)
    result = command("import", command.put("odd", odd.pem()))
    assert result.code == 0
    assert "\x1b" not in result.out
    assert len(result.lines) == 1
    listed = command("cert", "list").out + command("cert", "show", odd.certificate.fingerprint).out
    assert "\x1b" not in listed


@pytest.mark.parametrize(
    "content",
    [
        "Schlüssel €\n".encode(),
        b"\xef\xbb\xbf" + "Schlüssel €\r\n".encode(),
        "Schlüssel €\r\n".encode("utf-16"),
        b"\xfe\xff" + "Schlüssel €".encode("utf-16-be"),
        "Schlüssel €\r\n".encode("cp1252"),
    ],
)
def test_a_passphrase_file_from_any_editor(command: Command, authority: Authority, content: bytes) -> None:
    alice = authority.leaf("alice@example.com", kind="p256")
    file = command.put("alice.p12", alice.p12("Schlüssel €".encode(), chain=False))
    passphrases = command.put("passphrases", content)
    assert command("import", "--passphrase-file", passphrases, file).code == 0
    exported = command("key", "export", alice.certificate.fingerprint, "--passphrase-file", passphrases)
    assert exported.code == 0 and "ENCRYPTED PRIVATE KEY" in exported.out


def test_as_says_whose_a_self_issued_certificate_is(command: Command, authority: Authority) -> None:
    facts = {"kind": "p256", "ca": True, "key_usage": None, "extended_key_usage": None}
    anna = command.put("anna", authority.self_signed(subject_addresses=("anna@example.com",), **facts).pem())
    refused = command("import", "--json", anna)
    assert refused.code == 65
    (line,) = refused.json
    assert (line["result"], line["reason"], line["addresses"]) == ("refused", "ambiguous", ["anna@example.com"])
    assert command("import", "--as", "somebody", anna).code == 64
    assert "a person's" in command("import", "--as", "person", anna).out
    assert "trust anchor" in command("import", "--as", "authority", anna).out


def test_a_root_of_version_1_is_named_so(command: Command, authority: Authority) -> None:
    root = authority.self_signed(kind="p256", ca=None, key_usage=None, extended_key_usage=None, key_ids=False)
    old = signed_again(root.der, root, put(odd.VERSION, der.explicit(0, der.integer(0))))
    refused = command("import", command.put("root", old))
    assert refused.code == 65 and "no-address" in refused.out and "a root of version 1" in refused.out
