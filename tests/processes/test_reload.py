"""A new configuration against the one that runs: what is taken over, what waits for a restart, what is refused."""

import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from gateway.config import Options, load, parse
from gateway.processes.reload import FIXED, reread
from gateway.processes.rlimits import too_few_descriptors
from gateway.store import StoreOptions, open_store

RUNNING = parse("hostname: gw.example.org\n")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
CHANGES = {
    "authserv_id": "smime.other.example.org",
    "listeners": '[{name: x, direction: outbound, listen: "127.0.0.1:1", next_hop: "127.0.0.1:2"}]',
    "milters": '[{name: m, direction: outbound, listen: "unix:/run/x.sock"}]',
    "workers": "7",
    "database": "postgresql+psycopg://gw@db/mail",
    "database_pool": "7",
    "state": "/elsewhere",
    "key_encryption_key": "credential:kek",
    "admin": '{listen: "127.0.0.1:1234"}',
    "metrics": '{listen: "127.0.0.1:1235"}',
}


def reread_text(text: str, running: Options = RUNNING) -> Options | None:
    return reread(lambda: parse(text), running)


def test_all_that_is_fixed_has_a_change() -> None:
    assert set(CHANGES) == set(FIXED)


@pytest.mark.parametrize("key", FIXED)
def test_what_is_decided_at_the_start_stays(key: str, caplog: pytest.LogCaptureFixture) -> None:
    named = {"hostname": "other.example.org", "authserv_id": RUNNING.authserv_id}
    changed = Options.model_validate(named | {key: yaml.safe_load(CHANGES[key])})
    options = reread(lambda: changed, RUNNING)
    assert options is not None
    assert options.hostname == "other.example.org"
    assert getattr(options, key) == getattr(RUNNING, key)
    assert [r.getMessage() for r in caplog.records if "needs restart" in r.getMessage()] == [
        f"reload: {key}: needs restart; the old value stays until then"
    ]


def test_rel_07_every_problem_is_told_and_nothing_taken(caplog: pytest.LogCaptureFixture) -> None:
    group = "{name: a, addresses: [a@example.org], submitters: {clients: [10.0.0.1/8]}}"
    assert reread_text(f"grops: []\ndrain: never\ngroups: [{group}]\n") is None
    told = "\n".join(record.getMessage() for record in caplog.records)
    for problem in ("reload: grops: ", "reload: drain: ", "reload: groups[0].submitters.clients[0]: "):
        assert problem in told
    assert "the configuration that was running stays" in told


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"groups: [", b"\x00"])
def test_rel_07_a_file_that_cannot_be_read_changes_nothing(
    content: bytes | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "gateway.yaml"
    if content is not None:
        path.write_bytes(content)
    assert reread(lambda: load(path), RUNNING) is None
    assert "reload: configuration: " in caplog.text


def test_a_login_file_that_is_no_text_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    users = tmp_path / "users"
    users.write_text("zoe:hash\n")
    users.chmod(0o600)
    listener = f'{{name: x, direction: outbound, listen: "127.0.0.1:1", next_hop: "127.0.0.1:2", auth: "file:{users}"}}'
    text = f"hostname: gw.example.org\nlisteners: [{listener}]\n"
    running = parse(text)
    assert reread_text(text, running) == running
    users.write_bytes(b"zo\xeb:hash\n")
    assert reread_text(text, running) is None
    assert "the configuration that was running stays" in caplog.text


def test_what_contradicts_the_running_doors_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """Right by itself, wrong together with what only a restart could change."""
    running = parse("hostname: gw.example.org\nworkers: 8\n")
    assert reread_text("hostname: gw.example.org\nworkers: 2\nlimits: {connections: 4}\n", running) is None
    assert "reload: workers: needs restart" in caplog.text
    assert "reload: limits.connections: " in caplog.text


def test_a_warning_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert reread_text("hostname: gw.example.org\nenabled: false\n") is not None
    assert "reload: warning: enabled: false" in caplog.text


def test_more_clients_than_descriptors_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    options = parse("hostname: gw.example.org\nworkers: 2\nlimits: {connections: 1000}\n")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    assert list(too_few_descriptors(options)) == []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    (problem,) = too_few_descriptors(options)
    assert problem.key == "limits.connections"
    assert "1024 are allowed" in problem.text


def test_dec_08_failures_count_on_under_another_limit(tmp_path: Path) -> None:
    """DEC-08: a reload gives nobody a fresh start, and another process is no other count."""
    store = open_store(StoreOptions(tmp_path / "state"), durable=False)
    store.failures.note("key", NOON)
    store.failures.note("key", NOON)
    other = open_store(StoreOptions(tmp_path / "state"), durable=False)
    assert other.failures.count("key", NOON) == 2
    assert other.failures.count("another", NOON) == 0
