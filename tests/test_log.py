"""The log's tracebacks say where, and never what was worked on."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from gateway import log
from gateway.errors import Fault

SECRET = "the-secret-canary"


@pytest.fixture(params=[False, True], ids=["text", "json"])
def written(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    log.start_logging(request.param)
    yield stream
    for handler in list(root.handlers):
        root.removeHandler(handler)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)


def caught(error: BaseException, cause: BaseException | None = None) -> Exception:
    try:
        raise error from cause
    except Exception as raised:
        return raised


def test_a_bug_has_its_traceback_and_no_content(written: io.StringIO) -> None:
    log.log_bug("01ab", caught(ValueError(SECRET), KeyError(SECRET)))
    text = written.getvalue()
    assert "01ab: a bug while opening" in text
    assert "ValueError" in text
    assert "KeyError" in text
    assert "in caught" in text
    assert SECRET not in text


def test_what_we_say_ourselves_stays(written: io.StringIO) -> None:
    log.log_bug("01ab", caught(Fault("the store is locked"), OSError(28, "No space left on device")))
    assert "Fault: the store is locked" in written.getvalue()
    assert "No space left on device" in written.getvalue()


def test_json_lines_stay_lines(written: io.StringIO) -> None:
    log.log_bug("01ab", caught(RuntimeError(SECRET)))
    first, *rest = written.getvalue().splitlines()
    assert (rest == []) is first.startswith("{")
    if not rest:
        assert "RuntimeError" in json.loads(first)["traceback"]
