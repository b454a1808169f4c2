"""``backup``, ``restore`` and ``store copy``: what they say, their exit codes, the files they leave."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event

from gateway.store import files
from tests.authority import Authority
from tests.cli.running import Command, Run


class Alone(Command):
    """Each command is a process of its own: when it ends, it has nothing open any more."""

    def __call__(self, *arguments: object) -> Run:
        opened = set[Engine]()

        def note(connection: Connection) -> None:
            opened.add(connection.engine)

        event.listen(Engine, "engine_connect", note)
        try:
            return super().__call__(*arguments)
        finally:
            event.remove(Engine, "engine_connect", note)
            for engine in opened:
                engine.dispose()


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Alone(tmp_path, capsys)


@pytest.fixture
def filled(command: Command, authority: Authority) -> Command:
    support = authority.leaf("support@example.org", kind="p256")
    assert command("import", command.put("support.pem", support.pem(), support.key_pem())).code == 0
    return command


def test_a_backup_comes_back(filled: Command, tmp_path: Path) -> None:
    """REL-14"""
    file = tmp_path / "gw.backup"
    done = filled("backup", file)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("backup: 1 certificate, 1 private key, 0 records, 0 held messages; SHA-256")
    assert file.stat().st_mode & 0o777 == 0o600
    refused = filled("restore", file)
    assert refused.code == 78
    assert "not empty; --replace puts it aside and keeps it" in refused.err
    restored = filled("restore", file, "--replace", "--json")
    assert restored.code == 0
    assert restored.json["rows"]["keys"] == 1
    assert Path(restored.json["kept"]).exists()
    assert len(filled("key", "list", "--json").json) == 1


def test_an_earlier_backup_is_replaced_by_a_whole_one_only(
    filled: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = filled.put("gw.backup", b"earlier")
    with monkeypatch.context() as patch:
        patch.setattr("gateway.store.portable.contents.tables", lambda: 1 / 0)
        assert filled("backup", file).code == 70
    assert file.read_bytes() == b"earlier"
    assert filled("backup", file).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".new")] == []


def test_a_link_is_not_written_through(filled: Command, tmp_path: Path) -> None:
    precious = filled.put("precious", b"precious")
    link = tmp_path / "gw.backup"
    link.symlink_to(precious)
    assert filled("backup", link).code == 0
    assert precious.read_bytes() == b"precious"
    assert not link.is_symlink()
    folder = filled("backup", tmp_path)
    assert (folder.code, "no regular file" in folder.err) == (77, True)


def test_standard_output_is_the_file(filled: Command, tmp_path: Path) -> None:
    program = [sys.executable, "-m", "gateway", "-c", str(tmp_path / "gateway.yaml"), "backup", "-"]
    done = subprocess.run(program, capture_output=True, check=True)
    file = filled.put("piped", done.stdout)
    assert done.stderr.startswith(b"backup: 1 certificate")
    assert filled("restore", file, "--replace").code == 0


@pytest.mark.parametrize(("content", "code"), [(b"", 65), (b"no backup", 65), (None, 66)])
def test_what_is_no_backup(command: Command, tmp_path: Path, content: bytes | None, code: int) -> None:
    file = tmp_path / "absent" if content is None else command.put("file", content)
    assert command("restore", file, "--replace").code == code


def test_the_key_that_is_lost(filled: Command, tmp_path: Path) -> None:
    file = tmp_path / "gw.backup"
    filled("backup", file)
    (filled.state / "kek").unlink()
    refused = filled("restore", file, "--replace")
    assert refused.code == 78
    assert f"key-encryption key is missing: put it back as {filled.state}/kek" in refused.err
    done = filled("restore", file, "--replace", "--without-keys")
    assert done.code == 0
    assert "import the keys anew" in done.out
    assert "one-time codes cannot sign in until they have others: user totp NAME --off" in done.out
    assert filled("key", "list", "--json").json == []
    assert len(filled("cert", "list", "--json").json) == 1


def test_a_copy(filled: Command, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir(mode=0o700)
    done = filled("store", "copy", f"sqlite:{folder}/store.db")
    assert done.code == 0
    assert f"state: {folder}" in done.out
    assert (folder / "store.db").stat().st_mode & 0o777 == 0o600
    assert filled("store", "copy", f"sqlite:{folder}/store.db").code == 78
    assert filled("store", "copy", "sqlite:/no/such/folder/store.db").code == 78
    assert filled("store", "copy", "mysql://host/name").code == 78


def test_a_password_is_not_shown(filled: Command) -> None:
    done = filled("store", "copy", "postgresql+psycopg://user:s3cret@127.0.0.1:1/name")
    assert done.code == 75
    assert "s3cret" not in done.out + done.err


def test_a_whole_file_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), files.whole_file(tmp_path / "file") as file:
        file.write(b"half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
