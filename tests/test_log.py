"""The log's tracebacks say where, and never what was worked on."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from gateway import log
from gateway.errors import Fault
from tests.store.journal.records import record

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


def said(**facts: Any) -> str:
    return log.line(record(**facts))


@pytest.mark.parametrize("written_by_others", ["a\r\nverdict=relay", "\x1b[2K", "x\u2028y", 'blank and "quote"'])
def test_nobody_writes_lines_or_fields_of_his_own(written_by_others: str) -> None:
    """WEB-08."""
    text = said(message_id=written_by_others, sender=written_by_others)
    assert text.isascii()
    assert text.isprintable()
    assert text.count(" verdict=relay") == said(message_id="x", sender="y").count(" verdict=relay")


def test_a_line_names_whose_certificate_is_missing_and_why() -> None:
    missing = [{"address": "bob@example.net", "reason": "untrusted"}, {"address": "c@example.net", "reason": "expired"}]
    finding = {"status": "not-encrypted", "reason": "untrusted", "reasons": ["untrusted"], "missing": missing}
    text = said(encryption=finding)
    assert " encryption=not-encrypted(untrusted) missing=bob@example.net(untrusted),c@example.net(expired) " in text
    many = said(encryption={**finding, "missing": missing * 500})
    assert many.count("bob@example.net") == log.NAMED / 2
    assert f",+{1000 - log.NAMED} " in many


def test_a_line_has_the_true_reason_beside_that_of_an_answer() -> None:
    finding = {"status": "not-encrypted", "reason": "reply-to-encrypted"}
    assert " encryption=not-encrypted(reply-to-encrypted) " in said(encryption=finding)
    text = said(encryption={**finding, "reasons": ["reply-to-encrypted", "no-certificate"]})
    assert " encryption=not-encrypted(reply-to-encrypted,no-certificate) " in text


def test_a_line_says_what_exactly_was_wrong() -> None:
    signer = {"status": "policy", "reason": "untrusted", "detail": "CN=Root is not trusted, and not stored"}
    finding = {"status": "policy", "reason": "untrusted", "detail": None, "signers": [signer]}
    text = said(direction="inbound", signature=finding)
    assert " signature=policy(untrusted) " in text
    assert ' detail="CN=Root is not trusted, and not stored" ' in text


def test_what_was_only_judged_again_is_neither_relayed_nor_deferred() -> None:
    assert said(direction="inbound", retry_of="r0", deliveries=()).startswith("inbound judged ")
    assert said(direction="inbound", retry_of="r0").startswith("inbound relay ")
    assert said(retry_of="r0", deliveries=(), verdict="defer").startswith("outbound defer ")
