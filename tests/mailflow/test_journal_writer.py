"""The journal writer: records in order, many in one transaction, nothing waits and nothing stops it."""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Event

import pytest

from gateway.engine.record import Record
from gateway.errors import Fault
from gateway.mailflow import journal_writer
from gateway.mailflow.journal_writer import JournalWriter


def record(number: int) -> Record:
    return Record(
        id=f"{number:04}",
        received_at=datetime(2026, 6, 1, tzinfo=UTC),
        direction="outbound",
        front_end="smtp",
        door="outbound",
        verdict="relay",
        sender="a@example.org",
        recipients=("b@example.com",),
        size=1,
    )


def test_many_records_in_few_transactions_in_order_and_all_at_the_end() -> None:
    batches: list[list[str]] = []

    def write(records: Sequence[Record]) -> None:
        batches.append([each.id for each in records])

    journal = JournalWriter(write)
    for number in range(50):
        journal.put(record(number))
    assert batches == []
    time.sleep(journal_writer.LINGER * 3)
    journal.put(record(50))
    journal.close()

    assert [id_ for batch in batches for id_ in batch] == [f"{number:04}" for number in range(51)]
    assert len(batches) <= 3


def test_what_cannot_be_written_is_in_the_log_and_the_next_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    written: list[str] = []

    def write(records: Sequence[Record]) -> None:
        if records[0].id == "0000":
            raise Fault("the store is locked")
        written.extend(each.id for each in records)

    with caplog.at_level(logging.ERROR):
        journal = JournalWriter(write)
        journal.put(record(0))
        time.sleep(journal_writer.LINGER * 3)
        journal.put(record(1))
        journal.close()
    assert written == ["0001"]
    assert "the store is locked; not written:" in caplog.text
    assert "id=0000" in caplog.text


def test_the_number_of_waiting_records_is_bounded(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_writer, "BACKLOG", 3)
    written: list[str] = []
    writing, go_on = Event(), Event()

    def write(records: Sequence[Record]) -> None:
        writing.set()
        go_on.wait(30)
        written.extend(each.id for each in records)

    with caplog.at_level(logging.ERROR):
        journal = JournalWriter(write)
        journal.put(record(0))
        writing.wait(30)  # the store is slow from now on
        for number in range(1, 6):
            journal.put(record(number))
        go_on.set()
        journal.close()
    assert written == ["0000", "0001", "0002", "0003"]
    assert "id=0004" in caplog.text
    assert "id=0005" in caplog.text
