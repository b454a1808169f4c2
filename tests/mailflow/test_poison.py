"""What a process works on and who is suspected: notes that outlive a process, are bounded and expire (row REL-11)."""

import os
import time
from pathlib import Path

import pytest

from gateway import clock
from gateway.clock import Watch
from gateway.mailflow import poison
from gateway.mailflow.poison import Suspects, Working

ONE, TWO = b"1" * 32, b"2" * 32


@pytest.fixture
def suspects(tmp_path: Path) -> Suspects:
    return Suspects(tmp_path / "suspects")


def test_what_a_process_worked_on_when_it_died() -> None:
    working = Working()
    pid = os.fork()
    if pid == 0:
        with working.on(TWO):
            pass
        with working.on(ONE):
            os._exit(1)
    os.waitpid(pid, 0)
    assert working.digests() == {ONE}
    assert working.longest() > 0
    working.close()


def test_nothing_is_left_of_what_came_to_an_end() -> None:
    working = Working()
    with working.on(ONE), working.on(TWO), working.on(TWO):
        assert working.digests() == {ONE, TWO}
    with pytest.raises(ZeroDivisionError), working.on(ONE):
        raise ZeroDivisionError
    assert working.digests() == set()
    assert working.longest() == 0


def test_strikes_are_counted_for_all_processes(suspects: Suspects, tmp_path: Path) -> None:
    assert suspects.strikes(ONE) == 0
    assert not suspects.any()
    assert [suspects.strike(ONE) for _ in range(3)] == [1, 2, 3]
    assert Suspects(tmp_path / "suspects").strikes(ONE) == 3
    assert suspects.strikes(TWO) == 0
    assert suspects.any()
    suspects.acquit(ONE)
    suspects.acquit(ONE)
    assert suspects.strikes(ONE) == 0


@pytest.mark.parametrize(("age", "strikes"), [(86_000, 1), (87_000, 0), (-10_000_000, 1)])
def test_suspicion_expires(suspects: Suspects, tmp_path: Path, age: int, strikes: int) -> None:
    suspects.strike(ONE)
    (path,) = (tmp_path / "suspects").iterdir()
    os.utime(path, (time.time() - age,) * 2)
    assert suspects.strikes(ONE) == strikes
    assert suspects.strike(ONE) == strikes + 1


def test_suspects_are_bounded(suspects: Suspects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poison, "MOST_SUSPECTS", 3)
    digests = [bytes([number]) * 32 for number in range(6)]
    for number, each in enumerate(digests):
        suspects.strike(each)
        os.utime(tmp_path / "suspects" / each.hex(), (time.time() - 100 + number,) * 2)
    assert [suspects.strikes(each) for each in digests] == [0, 0, 0, 1, 1, 1]


def test_a_note_that_cannot_be_made_stops_nobody(
    suspects: Suspects, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "suspects").rmdir()
    assert suspects.strike(ONE) == 1
    assert "could not be noted" in caplog.text
    assert suspects.strikes(ONE) == 0


def test_rel_10_a_clock_that_is_set_is_noticed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    assert abs(watch.moved()) < 60
    real = time.time
    monkeypatch.setattr(clock.time, "time", lambda: real() + 7200)
    assert abs(watch.moved() - 7200) < 60
    assert abs(watch.moved()) < 60
    monkeypatch.undo()
    assert abs(watch.moved() + 7200) < 60
