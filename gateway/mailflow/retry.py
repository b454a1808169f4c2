"""Held mail is tried again when a certificate or key has come, and delivered again when it can be read.

Every worker looks for work about once a second; the store gives each message to one of them, of a gateway that has the
door it came by, unless there is one next hop for all held mail. A message goes through the engine again as it came,
under a record of its own (``retry_of``). What can be read now is handed to the inbound next hop; only a crash between
its 250 and our mark repeats that, with the same Message-ID.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from gateway import backoff
from gateway.clock import new_id, now
from gateway.config import Options
from gateway.engine.engine import make_record
from gateway.engine.record import Record
from gateway.engine.redelivery import Step, as_answer, goes_again, next_step
from gateway.engine.transaction import Direction, FrontEnd, Hold, Outcome, Receipt, Transaction, Verdict
from gateway.errors import Fault
from gateway.log import logger, status
from gateway.mailflow.pipeline import Pipeline
from gateway.metrics import ERRORS, Kind
from gateway.reason import Reason
from gateway.smtp.copy import send_unreported
from gateway.smtp.door import Door, NextHop
from gateway.smtp.ledger_session import Holds, dot_of
from gateway.smtp.next_hop import Dot, Pool
from gateway.store.held.entries import HoldLimits
from gateway.store.held.message import HeldMessage, redelivery_message_id, to_hold
from gateway.wiring import build_redelivery_rules, door_names

LOOK_EVERY = 1.0
"""Seconds between two looks for work where there is none."""
AFTER_A_FAULT = (1.0, 30.0)
"""Seconds before the next look where the store fails: doubled from the first to the second while it goes on failing."""
UNLIMITED = HoldLimits(sys.maxsize, sys.maxsize, sys.maxsize)
"""For what takes the place of a message that was within the limits."""
LEASE = timedelta(hours=1)
"""How long one attempt may take."""
MARK_AGAIN = 60
"""How often, once a second, the store is told again what became of an attempt."""
UNDELIVERED = {
    Step.WAIT: "held: judged again, still waiting",
    Step.KEEP: "held: judged again, not delivered by itself (redeliver)",
    Step.LATER: "held: tried again later",
    Step.GIVE_UP: "held: given up",
}
"""The ``rule`` of an attempt that delivered nothing."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Result:
    """What the engine made of a held message under a ``generation`` of the store, and what is to be done with it:
    ``step``, after a delivery where ``goes_again`` says so."""

    transaction: Transaction
    outcome: Outcome
    step: Step
    goes_again: bool
    generation: int


class Retry:
    """One worker's attempts at held mail, one at a time."""

    def __init__(
        self,
        options: Options,
        pipeline: Pipeline,
        doors: Sequence[Door],
        threads: Executor,
        pool: Callable[[NextHop], Pool],
        holds: Holds = lambda _: True,
    ) -> None:
        """``pool`` makes the connections to a next hop; ``holds``: whether what was claimed then is still ours."""
        self._enabled = options.enabled
        self._own = door_names(options)
        self._holds = holds
        self._options = options.inbound.hold
        self._domain = options.hostname
        self._redeliver = build_redelivery_rules(options)
        self._pipeline = pipeline
        self._store = pipeline.store
        self._doors = [door for door in doors if door.direction is Direction.INBOUND]
        self._threads = threads
        self._pool = pool
        self._pools: dict[NextHop, Pool] = {}
        self._faults = 0

    async def run(self, stopped: asyncio.Event) -> None:
        """Try what is ready until told to stop; an attempt under way is brought to its end.

        Nothing is tried where the gateway is switched off.
        """
        try:
            while self._enabled and not stopped.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopped.wait(), await self._pause())
        finally:
            for pool in self._pools.values():
                pool.close()

    async def _pause(self) -> float:
        """Make an attempt if there is one to make; return the seconds until the next look."""
        try:
            pause = 0.0 if await self.once() else LOOK_EVERY
        except Fault as error:
            pause = self._after_a_fault()
            logger.warning("held mail: %s; tried again in %d s", error, pause)
        except Exception:  # noqa: BLE001 - a bug must not end the attempts at all other mail
            pause = self._after_a_fault()
            logger.exception("held mail: an attempt failed")
        else:
            self._faults = 0
        return pause

    def _after_a_fault(self) -> float:
        self._faults += 1
        return backoff.pause(self._faults, *AFTER_A_FAULT)

    async def once(self) -> bool:
        """Make the next attempt that is due; return whether there was one. Raises ``Fault``."""
        since = time.monotonic()
        anywhere = self._options.next_hop is not None
        claimed = await self._thread(self._store.held.claim, now(), LEASE, None if anywhere else self._own)
        if claimed is None:
            return False
        message, content = claimed
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(LEASE.total_seconds() * 0.9):
                result = await self._thread(self._process, message, content)
                dot = partial(dot_of, self._holds, since)
                receipt = await self._deliver(message, result, dot) if result.goes_again else None
        except Exception as error:  # noqa: BLE001 - whatever it was, the message stays and is tried again
            await self._failed(message, error)
            return True
        await self._settle(message, content, result, receipt)
        seconds = asyncio.get_running_loop().time() - started
        self._pipeline.write(_record(message, result, receipt, seconds))
        if receipt is not None and receipt.reply is not None and receipt.reply.taken:
            await self._thread(self._pipeline.learn, result.transaction, result.outcome)
        return True

    async def _failed(self, message: HeldMessage, error: Exception) -> None:
        """Fault or bug: tried again after a pause."""
        ERRORS[Kind.RETRY].inc()
        note = str(error) if isinstance(error, Fault) else f"the attempt failed: {type(error).__name__}"
        logger.error("held message %s: %s", message.id, note, exc_info=not isinstance(error, Fault))
        await self._mark(self._store.held.failed_temporarily, message.id, now(), note)

    def _process(self, message: HeldMessage, content: bytes) -> _Result:
        generation = self._store.generation.current()
        hold = self._options
        # Named by an administrator, who knows that its content key opened something else. Before, it may have gone as
        # it came: under the same Message-ID most helpdesks would drop what is opened now.
        named = message.asked and message.reason is Reason.KEY_REUSED
        name = redelivery_message_id(message.id, self._domain, named=named) if hold.message_id == "new" else None
        transaction = Transaction(
            id=new_id(),
            direction=Direction.INBOUND,
            front_end=FrontEnd.SMTP,
            door=message.door,
            client=message.client,
            envelope=message.envelope,
            content=as_answer(content, name, auto_submitted=hold.auto_submitted),
            received_at=now(),
            retry_of=message.record_id,
            arrived_at=message.received_at,
            asked=named,
        )
        outcome = self._pipeline.judge(transaction)
        rule = self._redeliver.of(message.envelope.addresses)
        step = next_step(outcome, rule, unreadable=message.unreadable, asked=message.asked)
        again = goes_again(outcome, step, rule, unreadable=message.unreadable, asked=message.asked)
        return _Result(transaction, outcome, step, again, generation)

    def _succeeded(self, message: HeldMessage, content: bytes, result: _Result) -> None:
        self._keep_for_others(message, content, result)
        self._store.held.succeeded(message.id)

    def _keep_for_others(self, message: HeldMessage, content: bytes, result: _Result) -> None:
        """Hold it for the recipients for whom it stays closed: their own key may come yet, if it waited for any."""
        readers = {to.address for to in result.outcome.deliveries[0].recipients}
        others = tuple(to for to in message.envelope.recipients if to.address not in readers)
        if not others or not message.needs:
            return
        envelope = replace(message.envelope, recipients=others)
        arrived = replace(result.transaction, id=message.record_id, envelope=envelope, content=content)
        rest = to_hold(
            replace(arrived, received_at=message.received_at),
            message.reason,
            message.needs,
            unreadable=message.unreadable,
            message_id=message.message_id,
        )
        self._store.held.hold(rest, content, UNLIMITED, result.generation)

    async def _deliver(self, message: HeldMessage, result: _Result, dot: Dot) -> Receipt:
        """Hand the first delivery, that of those who can read it, to the next hop."""
        sender = "" if self._options.sender is None else message.envelope.sender
        transaction = replace(result.transaction, envelope=replace(message.envelope, sender=sender))
        pool = self._pool_of(self._next_hop(message.door))
        return await send_unreported(transaction, result.outcome.deliveries[0], pool, dot)

    async def _settle(self, message: HeldMessage, content: bytes, result: _Result, receipt: Receipt | None) -> None:
        held, outcome = self._store.held, result.outcome
        reply = None if receipt is None else receipt.reply
        taken = reply is not None and reply.taken
        if receipt is not None and not taken and (reply is None or not reply.permanent):
            await self._mark(held.failed_temporarily, message.id, now(), f"not taken by the next hop: {reply}")
            return
        match result.step:
            case Step.DELIVER if taken:
                await self._mark(self._succeeded, message, content, result)
            case Step.DELIVER:
                await self._mark(held.failed_permanently, message.id, f"refused by the next hop: {reply}")
            case Step.WAIT:
                hold = outcome.hold or Hold(Reason.NOT_ADDRESSED, message.needs, message.unreadable)
                await self._mark(held.still_waiting, message.id, hold.needs, hold.reason)
            case Step.KEEP:
                await self._mark(held.judged, message.id, f"can be delivered again now: {_status(outcome)}")
            case Step.LATER:
                await self._mark(held.failed_temporarily, message.id, now(), _status(outcome))
            case Step.GIVE_UP:
                await self._mark(held.failed_permanently, message.id, str(outcome.reply or _status(outcome)))

    async def _mark(self, verb: Callable[..., None], *values: Any) -> None:
        """Tell the store how an attempt ended, again and again where it fails: else a delivery would be repeated."""
        for _ in range(MARK_AGAIN):
            try:
                return await self._thread(verb, *values)
            except Fault as error:
                logger.warning("held mail: %s; tried again in a second", error)
            await asyncio.sleep(1)
        return await self._thread(verb, *values)

    def _next_hop(self, name: str) -> NextHop:
        """Return where to deliver: what is set, or the next hop of the door the mail came by, or of the first."""
        doors = [door for door in self._doors if door.name == name] or self._doors
        elsewhere = self._options.next_hop
        if elsewhere is not None:
            base = doors[0].next_hop if doors else NextHop(elsewhere.host, elsewhere.port)
            return replace(base, host=elsewhere.host, port=elsewhere.port, credentials=None)
        if not doors:
            raise Fault("no inbound listener, hence no next hop for held mail: set inbound.hold.next_hop")
        return doors[0].next_hop

    def _pool_of(self, hop: NextHop) -> Pool:
        if hop not in self._pools:
            self._pools[hop] = self._pool(hop)
        return self._pools[hop]

    async def _thread(self, function: Callable[..., T], *values: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *values)


def _record(message: HeldMessage, result: _Result, receipt: Receipt | None, seconds: float) -> Record:
    """Return the record of an attempt; what was not delivered again goes by the Message-ID with which it came."""
    if receipt is not None:
        record = make_record(result.transaction, result.outcome, (receipt,), receipt.reply, seconds)
        return replace(record, held=message.id)
    outcome = Outcome(_verdict(result), finding=result.outcome.finding)
    record = make_record(result.transaction, outcome, (), result.outcome.reply, seconds)
    return replace(record, held=message.id, message_id=message.message_id, rule=UNDELIVERED[result.step])


def _verdict(result: _Result) -> Verdict:
    """Only what is to be tried again by itself is deferred; what was merely judged again is not."""
    if result.step is Step.LATER:
        return Verdict.DEFER
    return result.outcome.verdict


def _status(outcome: Outcome) -> str:
    """Return the two statuses of a message in words."""
    found = (("encryption", outcome.finding.encryption), ("signature", outcome.finding.signature))
    return ", ".join(f"{name} {(status(finding) or 'unknown').replace('(', ' (')}" for name, finding in found)
