"""The way of a message from its end at a door to the reply, the same for every front end.

It is processed, handed over and reported; only then is the reply known. Whatever goes wrong on our side defers (451 and
a record id): no path ends in a loss, in a permanent error, or in the text of an exception.

One pace for all mail on which a key was used, for how long that took tells whoever waits for the reply what came of it.
Opening takes longer than failing: there is a content to read and to judge, and more to remember; and a next hop looks
longer at what it can read. So such mail goes on, and is answered, at a multiple of a step since it came. A step grows
with the mail, as that difference does: it is several times what opening takes, so that nearly always it is exactly one.
Who counts the steps of a busy gateway learns little from each, and ``inbound.failed_decrypts_per_hour`` bounds how many
he has.

The way is written once, as a coroutine. An event loop awaits its steps; where a thread may block they do
(``blocking``), and ``at_once`` runs it to its end.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, Protocol, TypeVar

from gateway.engine.transaction import Outcome, Receipt, Transaction, Verdict
from gateway.reply import Reply, trouble

STEP = 0.1
"""Seconds, for a small mail and for every ``MEGABYTE``; to open one of these takes some 0.02 seconds of CPU."""
MEGABYTE = 1_000_000

_logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")


class Handed(Protocol):
    """What became of a message that was handed over: the copies' receipts, and the reply."""

    @property
    def receipts(self) -> Sequence[Receipt]: ...

    @property
    def reply(self) -> Reply: ...


H = TypeVar("H", bound=Handed)


@dataclass(frozen=True, slots=True)
class Steps:
    """How one front end takes the steps that are its own. What ``process`` or ``report`` raise stays here."""

    process: Callable[[Transaction], Awaitable[Outcome]]
    """The engine: what is to become of a message."""
    report: Callable[[Transaction, Outcome, Sequence[Receipt], Reply, float], Awaitable[None]]
    """The record: made before the reply leaves, with that reply and the seconds since the end of the message."""
    wait: Callable[[float], Awaitable[None]]
    """Lets seconds pass."""


async def finish(
    transaction: Transaction,
    decided: Outcome | None,
    steps: Steps,
    hand_over: Callable[[Transaction, Outcome], Awaitable[H]],
) -> H:
    """Bring a message to its end; the reply is to be sent then.

    ``decided``: what is to become of it, where that is known without a look into it. ``hand_over`` does what an outcome
    says, be it a refusal, and raises nothing.
    """
    began = time.monotonic()
    outcome = decided or await _processed(transaction, steps)
    await _pause(transaction, outcome, began, steps)
    handed = await hand_over(transaction, outcome)
    try:
        await steps.report(transaction, outcome, handed.receipts, handed.reply, time.monotonic() - began)
    except Exception:
        # What the next hop took is delivered, with or without a record.
        _logger.exception("%s: the record could not be written", transaction.id)
    await _pause(transaction, outcome, began, steps)
    return handed


async def _processed(transaction: Transaction, steps: Steps) -> Outcome:
    try:
        return await steps.process(transaction)
    except Exception:
        _logger.exception("%s: processing failed", transaction.id)
        return Outcome(Verdict.DEFER, trouble(transaction.id))


async def _pause(transaction: Transaction, outcome: Outcome, began: float, steps: Steps) -> None:
    if pause := rest(transaction, outcome, time.monotonic() - began):
        await steps.wait(pause)


def blocking(step: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """Return a step that blocks in the form of one that is awaited; it never suspends."""

    async def awaited(*values: P.args, **named: P.kwargs) -> T:
        return step(*values, **named)

    return awaited


def at_once(way: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine whose steps block, and never suspend it, to its end; return what it returns."""
    try:
        way.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    way.close()
    raise RuntimeError("a step that blocks has suspended its coroutine")


def step(transaction: Transaction) -> float:
    """Return the step of a message in seconds; it depends on nothing but its size."""
    return STEP * (1 + len(transaction.content) / MEGABYTE)


def rest(transaction: Transaction, outcome: Outcome, taken: float) -> float:
    """Return for how many seconds a message waits that has taken so many; 0 where no key was used."""
    if not any(delivery.key_used for delivery in outcome.deliveries):
        return 0.0
    length = step(transaction)
    return length - taken % length
