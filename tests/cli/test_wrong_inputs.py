"""What a slip of the finger gives: the exit code, and a message that names what is wrong and what to write instead."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.authority import Authority
from tests.cli.running import Command

GROUPS = 'groups: [{name: support, addresses: ["support@example.org"]}]\n'
SENDER, RECIPIENT = "support@example.org", "customer@example.net"
PROCESS = ("message", "process", "--sender", SENDER, "--recipient", RECIPIENT, "--direction")


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], authority: Authority) -> Command:
    """A gateway that knows the helpdesk's key, and files that nobody can import."""
    command = Command(tmp_path, capsys, GROUPS)
    support = authority.leaf(SENDER)
    assert command("import", command.put("support.pem", support.pem(), support.key_pem())).code == 0
    command.put("junk", b"\0junk")
    command.put("pgp", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENBF\n-----END PGP PUBLIC KEY BLOCK-----\n")
    command.put("ssh", b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ root@example\n")
    command.put("locked.p12", authority.leaf("locked@example.org").p12(b"secret"))
    command.put("passphrases", b"wrong\n")
    return command


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        # usage: 64, and what to write
        (("no-such-command",), 64, ("no-such-command",)),
        (("cert", "list", "--state", "curent"), 64, ("curent", "current")),
        (("cert", "list", "--kind", "root"), 64, ("root", "leaf", "ca")),
        (("cert", "list", "--limit", "0"), 64, ("--limit",)),
        (("cert", "list", "--expiring", "soon"), 64, ("soon", "90d")),
        (("cert", "delete", "1234"), 64, ("4 digits", "at least 8")),
        (("cert", "delete"), 64, ("ID",)),
        (("key", "delete", "1234"), 64, ("at least 8",)),
        (("crl", "delete", "1234"), 64, ("at least 8",)),
        (("held", "delete", "1234"), 64, ("at least 8",)),
        (("check", SENDER), 64, ("RECIPIENT",)),
        (("log", "--address", "customer"), 64, ("customer", "user@example.org")),
        (("log", "--address", "*@example.net"), 64, ("@example.net",)),
        (("log", "--since", "yesterday"), 64, ("yesterday", "2026-01-31")),
        (("log", "--status", "encrpted"), 64, ("encrpted",)),
        (("log", "--limit", "many"), 64, ("many",)),
        (("import",), 64, ("FILE",)),
        (("import", "junk", "--as", "nobody"), 64, ("nobody", "person", "authority")),
        ((*PROCESS, "sideways"), 64, ("sideways", "inbound", "outbound")),
        ((*PROCESS, "outbound", "--at", "noon", "junk"), 64, ("noon",)),
        (("user", "add", "ada", "--role", "root"), 64, ("root", "viewer", "operator", "admin")),
        (("user", "role", "ada"), 64, ("viewer", "admin")),
        (("token", "create", "desk"), 64, ("--scope",)),
        (("token", "create", "desk", "--scope", "write"), 64, ("write", "read", "import")),
        (("token", "create", "desk", "--scope", "read", "--client", "10.0.0.1/8"), 64, ("10.0.0.0/8",)),
        (("token", "create", "desk", "--scope", "read", "--until", "soon"), 64, ("soon", "2026-12-31", "90d")),
        (("audit", "list", "--limit", "0"), 64, ("--limit",)),
        # bad input: 65
        (("user", "add", "<script>"), 65, ("<script>", "letters")),
        (("user", "password", "nobody"), 65, ("no account 'nobody'",)),
        (("user", "role", "nobody", "admin"), 65, ("no account 'nobody'",)),
        (("user", "totp", "nobody"), 65, ("no account 'nobody'",)),
        (("user", "disable", "nobody"), 65, ("no account 'nobody'",)),
        (("user", "delete", "nobody"), 65, ("no account 'nobody'",)),
        (("token", "create", "desk", "--scope", "read", "--group", "sales"), 65, ("'sales'", "support")),
        (("token", "create", "desk", "--scope", "read", "--until", "2020-01-01"), 65, ("over already",)),
        (("token", "delete", "nothing"), 65, ("no token 'nothing'",)),
        (("audit", "list", "--after", "yesterday"), 65, ("yesterday",)),
        (("import", "junk"), 65, ("junk", "malformed")),
        (("import", "pgp"), 65, ("OpenPGP",)),
        (("import", "ssh"), 65, ("OpenSSH",)),
        (("import", "locked.p12"), 65, ("bad-passphrase", "--passphrase-file")),
        (("import", "locked.p12", "--passphrase-file", "passphrases"), 65, ("bad-passphrase",)),
        (("cert", "show", "0" * 16), 65, ("0" * 12,)),
        (("cert", "show", "xyz"), 65, ("xyz",)),
        (("cert", "trust", "0" * 16), 65, ("0" * 12,)),
        (("key", "export", "0" * 16), 65, ("0" * 12,)),
        (("held", "show", "0" * 16), 65, ("0" * 12,)),
        (("log", "show", "0" * 16), 65, ("0" * 12,)),
        (("check", "support", RECIPIENT), 65, ('"support"', "domain is missing")),
        (("check", SENDER, "customer@"), 65, ('"customer@"', "nothing after the @")),
        # no such file: 66
        (("import", "nowhere.pem"), 66, ("nowhere.pem",)),
        ((*PROCESS, "outbound", "nowhere.eml"), 66, ("nowhere.eml",)),
        (("import", "junk", "--passphrase-file", "nowhere"), 66, ("nowhere",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_slip_is_named(
    command: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(command.folder)
    run = command(*arguments)
    said = run.out + run.err
    assert (run.code, [word for word in words if word not in said]) == (code, []), said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("groups: [{name: support, addresses: ['*@example.org']}]", ("groups[0].addresses", "@example.org")),
        ("groups: [{name: support}]", ("groups[0].addresses",)),
        ("group: []", ("group", "groups")),
        (
            "listeners: [{name: out, direction: out, listen: '127.0.0.1:25', next_hop: 'a:25'}]",
            ("listeners[0].direction",),
        ),
        ("listeners: [{name: out, direction: outbound, listen: '25', next_hop: 'a:25'}]", ("listeners[0].listen",)),
        ("limits: {message_size: 50 apples}", ("limits.message_size",)),
        ("retention: {log: forever}", ("retention.log",)),
        ("inbound: {hold: {next_hop: nowhere}}", ("inbound.hold.next_hop",)),
        ("inbound: {hold: {keep: some}}", ("inbound.hold.keep", "unreadable", "all")),
        ("key_encryption_key: c2VjcmV0", ("key_encryption_key", "credential:NAME")),
        ("metrics: {listen: '0.0.0.0:9426'}", ("metrics.listen", "loopback")),
        ("defaults: {sign: always}", ("defaults.sign", "if-possible")),
        ("enabled: true\nenabled: false", ("enabled", "twice")),
        ("\tgroups: []", ("line 3", "indentation")),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_slip_in_the_configuration_is_named_by_its_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: tuple[str, ...]
) -> None:
    run = Command(tmp_path, capsys, text + "\n")("config", "check")
    assert (run.code, [word for word in words if word not in run.err]) == (78, []), run.err


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.chmod(0o644)], ids=["gone", "open"])
def test_a_key_encryption_key_that_is_no_use_is_named(command: Command, spoil: Callable[[Path], None]) -> None:
    spoil(command.state / "kek")
    run = command("key", "list")
    assert run.code in (77, 78)
    assert str(command.state / "kek") in run.err
