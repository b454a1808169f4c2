"""A record's question asked again, of today's store and under today's rules: what is different now?

Of mail that is held the message is there, and it is explained as any other is. Of all else there is what the record
knows (``past``). No private key is used.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.admin import explain
from gateway.admin.activity import shown
from gateway.admin.cure import Cure, cure_of
from gateway.admin.findings import inbound_steps
from gateway.admin.past import judged_again, question_of
from gateway.admin.steps import Step, outbound_steps
from gateway.clock import now
from gateway.engine.description import of_decision
from gateway.engine.finding import Finding
from gateway.engine.outbound import verdict_of
from gateway.engine.record import Record, as_json, from_json
from gateway.engine.transaction import Direction, FrontEnd, Outcome, Verdict
from gateway.errors import Refused
from gateway.gather import Gather, Memory
from gateway.policy.decide import decide
from gateway.story import tell
from gateway.wiring import Wiring


@dataclass(frozen=True, slots=True)
class ResultView:
    """What became of a message: ``signature`` and ``encryption`` as in a record."""

    verdict: Verdict
    signature: Mapping[str, Any]
    encryption: Mapping[str, Any]
    rule: str | None


@dataclass(frozen=True, slots=True)
class ReplayView:
    """A record, what became of it and what would today. ``certain``: all that counts is known.

    ``differs``: verdict, statuses or reasons are others now. ``steps``: rule by rule, today.
    """

    id: str
    direction: Direction
    before: ResultView
    today: ResultView
    differs: bool
    certain: bool
    steps: tuple[Step, ...]
    cure: Cure | None


@dataclass(frozen=True, slots=True)
class _Again:
    """The record that it would have today."""

    record: Record
    steps: tuple[Step, ...]
    certain: bool


def replayed(wiring: Wiring, name: str, groups: Collection[str] | None = None) -> ReplayView:
    """Ask the question of a record again; ``name``: its id or a beginning of one. ``groups``: only of these groups.

    Raises ``Fault``, ``Refused``.
    """
    record = from_json(shown(wiring, name, groups).record)
    ways: dict[Direction, Callable[[Wiring, Record], _Again]] = {
        Direction.OUTBOUND: _decided,
        Direction.INBOUND: _judged,
    }
    again = ways[record.direction](wiring, record)
    before, today = _result(record), _result(again.record)
    return ReplayView(
        id=record.id,
        direction=record.direction,
        before=before,
        today=today,
        differs=_gist(before) != _gist(today),
        certain=again.certain,
        steps=again.steps,
        cure=cure_of(wiring.store, again.record),
    )


def _result(record: Record) -> ResultView:
    document = as_json(record)
    return ResultView(record.verdict, document["signature"], document["encryption"], record.rule)


def _gist(result: ResultView) -> Sequence[Any]:
    found = (result.signature, result.encryption)
    return [result.verdict, *((each.get("status"), each.get("reason")) for each in found)]


def _decided(wiring: Wiring, record: Record) -> _Again:
    question, at, outbound = question_of(record), now(), wiring.engine.outbound
    noting = explain.Noting(Gather(wiring.store, Memory.ASKED))
    decision = tell(decide(question, outbound.rules, at), noting)
    algorithms = outbound.of_groups.get(decision.group or "", outbound.algorithms)
    signature, encryption = of_decision(decision, algorithms, question.fault)
    verdict = verdict_of(decision)
    # A next hop that refused it, or could not be had, is not asked again.
    by_policy = verdict is Verdict.RELAY and not record.deliveries
    today = replace(
        record,
        verdict=verdict if by_policy or verdict is not Verdict.RELAY else record.verdict,
        deliveries=() if decision.reply is not None else record.deliveries,
        rule=decision.rule,
        group=decision.group,
        signature=signature,
        encryption=encryption,
    )
    steps = tuple(outbound_steps(question, outbound.rules, decision, noting.found, at))
    return _Again(today, steps, certain=record.front_end is not FrontEnd.MILTER and record.from_ is not None)


def _judged(wiring: Wiring, record: Record) -> _Again:
    held = _held(wiring, record)
    if held is not None:
        question = explain.Question(Direction.INBOUND, record.sender, record.recipients, held)
        view = explain.explained(wiring, question)
        today = from_json(as_json(record) | {name: getattr(view, name) for name in explain.TOLD})
        return _Again(replace(today, verdict=view.verdict), view.steps, certain=not view.keys)
    today, certain = judged_again(wiring.store, wiring.engine.inbound, record, now())
    finding = Finding(
        signature=today.signature,
        encryption=today.encryption,
        author=today.from_,
        group=today.group,
        layers=today.layers,
        pass_of=today.pass_of,
    )
    return _Again(today, tuple(inbound_steps(Outcome(today.verdict, finding=finding))), certain)


def _held(wiring: Wiring, record: Record) -> bytes | None:
    """Return the message, where it is kept."""
    if record.held is None:
        return None
    try:
        return wiring.store.held.content(record.held)
    except Refused:
        return None
