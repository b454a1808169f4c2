"""A message's way from its end to the reply, where steps are awaited and where they block."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.engine.finish import STEP, Steps, at_once, blocking, finish
from gateway.engine.transaction import (
    Client,
    Delivery,
    Direction,
    FrontEnd,
    Outcome,
    Receipt,
    Transaction,
    Verdict,
)
from gateway.mail.envelope import Envelope, Recipient
from gateway.reply import EnhancedCode, Reply, reply

TO = (Recipient("support@example.org"),)
MAIL = Transaction(
    "1", Direction.INBOUND, FrontEnd.SMTP, "in", Client(), Envelope("a@b.example", TO), b"", datetime.now(UTC)
)
RELAYED = Outcome(Verdict.RELAY, deliveries=(Delivery(TO),))
OK = reply(250, EnhancedCode.OTHER, "Ok")
Run = Callable[[Coroutine[Any, Any, Any]], Any]


@dataclass
class Handed:
    reply: Reply
    receipts: Sequence[Receipt] = ()


@dataclass
class FrontEndSteps:
    """Steps that block, and what was done in them."""

    outcome: Outcome = RELAYED
    broken: str = ""
    done: list[Any] = field(default_factory=list)

    def way(self, decided: Outcome | None = None) -> Coroutine[Any, Any, Handed]:
        steps = Steps(blocking(self._process), blocking(self._report), blocking(self._wait))
        return finish(MAIL, decided, steps, blocking(self._hand_over))

    def _process(self, transaction: Transaction) -> Outcome:
        self._step("process")
        return self.outcome

    def _hand_over(self, transaction: Transaction, outcome: Outcome) -> Handed:
        self._step("hand over")
        return Handed(outcome.reply or OK)

    def _report(
        self, transaction: Transaction, outcome: Outcome, receipts: Sequence[Receipt], answer: Reply, seconds: float
    ) -> None:
        self._step("report")
        assert seconds >= 0
        self.done.append((outcome.verdict, answer))

    def _wait(self, seconds: float) -> None:
        assert 0 < seconds <= STEP
        self.done.append("wait")

    def _step(self, name: str) -> None:
        self.done.append(name)
        if name == self.broken:
            raise RuntimeError("secret text")


both = pytest.mark.parametrize("run", [asyncio.run, at_once])


@both
def test_it_is_processed_handed_over_and_reported(run: Run) -> None:
    steps = FrontEndSteps()
    assert run(steps.way()).reply == OK
    assert steps.done == ["process", "hand over", "report", (Verdict.RELAY, OK)]


@both
def test_what_is_decided_is_not_processed(run: Run) -> None:
    steps, no = FrontEndSteps(), reply(550, EnhancedCode.INVALID_CONTENT, "No")
    assert run(steps.way(Outcome(Verdict.REJECT, no))).reply == no
    assert steps.done == ["hand over", "report", (Verdict.REJECT, no)]


@both
def test_a_bug_in_processing_defers_and_is_reported(run: Run) -> None:
    steps = FrontEndSteps(broken="process")
    answer = run(steps.way()).reply
    assert answer.temporary and "(record 1)" in str(answer) and "secret" not in str(answer)
    assert steps.done == ["process", "hand over", "report", (Verdict.DEFER, answer)]


@both
def test_what_was_handed_over_stands_without_a_record(run: Run) -> None:
    steps = FrontEndSteps(broken="report")
    assert run(steps.way()).reply == OK
    assert steps.done == ["process", "hand over", "report"]


@both
def test_what_a_key_was_used_on_waits_before_it_goes_on_and_before_its_reply(run: Run) -> None:
    steps = FrontEndSteps(Outcome(Verdict.RELAY, deliveries=(Delivery(TO, key_used=True),)))
    run(steps.way())
    assert steps.done == ["process", "wait", "hand over", "report", (Verdict.RELAY, OK), "wait"]


def test_a_step_that_suspends_cannot_be_run_at_once() -> None:
    with pytest.raises(RuntimeError, match="suspended"):
        at_once(asyncio.sleep(0))
