"""What goes wrong in a pipeline is counted under its kind and changes nothing else; a stuck child is no dead one."""

import faulthandler
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config import Options, parse
from gateway.engine.transaction import Client, Direction, FrontEnd, Hold, Outcome, Transaction, Verdict
from gateway.errors import Fault
from gateway.mail.envelope import Envelope, Recipient
from gateway.mailflow import journal_writer
from gateway.mailflow.pipeline import Pipeline
from gateway.mailflow.poison import Working
from gateway.metrics import Stage
from gateway.processes import child_handle
from gateway.processes.child import Post
from gateway.processes.child_handle import ChildHandle
from gateway.reason import Reason
from gateway.reply import Reply
from tests.metrics.parsing import Growth
from tests.store.journal.records import AT, record
from tests.stores import ready

CONTENT = b"From: support@example.org\r\n\r\nhello\r\n"


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return parse(yaml.safe_dump({"hostname": "gw.example.org", "state": str(ready(tmp_path / "state"))}))


@pytest.fixture
def pipeline(options: Options) -> Pipeline:
    return Pipeline(options)


@pytest.fixture
def growth() -> Growth:
    return Growth()


def counted(growth: Growth) -> dict[str, float]:
    """The kinds of errors that were counted."""
    return {dict(labels)["kind"]: value for (_, labels), value in growth["errors_total"].samples.items() if value}


def timed(growth: Growth, stage: Stage) -> float:
    """How often a stage was timed."""
    return growth["stage_duration_seconds"].value("_count", stage=stage)


def message(direction: Direction = Direction.OUTBOUND) -> Transaction:
    envelope = Envelope("support@example.org", (Recipient("alice@example.com"),))
    return Transaction("m1", direction, FrontEnd.SMTP, "door", Client(), envelope, CONTENT, AT)


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(("error", "kind"), [(Fault("locked"), "store"), (ValueError("a bug"), "internal")])
@pytest.mark.parametrize("direction", list(Direction))
def test_what_keeps_a_message_from_being_processed(
    error: Exception,
    kind: str,
    direction: Direction,
    pipeline: Pipeline,
    growth: Growth,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(type(pipeline.engine), "story", failing(error))
    with pytest.raises(type(error)):
        pipeline.process(message(direction))
    assert counted(growth) == {kind: 1}
    assert timed(growth, Stage.PROCESS) == 1
    pipeline.close()


def test_records_that_are_not_written(pipeline: Pipeline, growth: Growth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.store.journal, "write", failing(Fault("read-only")))
    for number in range(3):
        pipeline.write(record(f"r{number}"))
    pipeline.close()
    assert counted(growth) == {"journal": 3}
    assert sum(growth["messages_total"].samples.values()) == 3


def test_records_that_find_no_room(pipeline: Pipeline, growth: Growth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_writer, "BACKLOG", 0)
    pipeline.write(record())
    pipeline.close()
    assert counted(growth) == {"journal": 1}


def test_records_that_are_written(pipeline: Pipeline, growth: Growth) -> None:
    pipeline.write(record())
    pipeline.close()
    assert counted(growth) == {}
    assert timed(growth, Stage.JOURNAL) == 1


def test_a_message_that_cannot_be_held(pipeline: Pipeline, growth: Growth, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = Hold(Reason.NO_KEY, frozenset(), unreadable=True)
    monkeypatch.setattr(pipeline.store.held, "hold", failing(Fault("the disk is full")))
    outcome = Outcome(Verdict.RELAY, hold=hold)
    pipeline.report(message(Direction.INBOUND), outcome, (), Reply(250, ("2.0.0 Ok",)), 0.01)
    pipeline.close()
    assert counted(growth) == {"hold": 1}
    assert timed(growth, Stage.HOLD) == 1


def test_a_child_that_hangs_is_known_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        faulthandler.disable()
        signal.pause()
        os._exit(1)
    child = ChildHandle(Post("worker", lambda _: None), pid, ours, Working())
    child.end_if_stuck()
    assert not child.stuck
    monkeypatch.setattr(child_handle, "SILENCE", 0.0)
    time.sleep(0.01)
    child.end_if_stuck()
    assert child.stuck
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGABRT
    ours.close()
    theirs.close()
