"""Findings about signers' certificates, kept as long as they cannot change: a judgement costs milliseconds.

A finding is kept for the exact question (certificates, trust, evidence, settings: their content, not their identity)
and given again only between the two times that it names itself. So nothing has to be told when trust or evidence
changes: that is another question. The least recently asked questions are forgotten. Threads may share it.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from gateway.pki.certificate import Certificate
from gateway.pki.path import MAX_CARRIED
from gateway.pki.revocation import NO_EVIDENCE, RevocationEvidence
from gateway.pki.trust import TrustSnapshot
from gateway.pki.validation import PathFinding, Strictness, judge

MAX_KEPT = 1024
MAX_SIZE = 32 * 1024
"""Octets of the certificates in a question that is kept; usual ones have some 6,000, and a stranger may send many."""


class _Answer:
    """The last finding to one question."""

    __slots__ = ("finding",)

    def __init__(self) -> None:
        self.finding: PathFinding | None = None


class Verdicts:
    """``judge`` with a memory."""

    def __init__(self, size: int = MAX_KEPT) -> None:
        self._answers = lru_cache(maxsize=size)(_new_answer)

    def judge(
        self,
        leaf: Certificate,
        carried: Iterable[Certificate],
        trust: TrustSnapshot,
        at: datetime,
        evidence: RevocationEvidence = NO_EVIDENCE,
        strictness: Strictness | None = None,
    ) -> PathFinding:
        """As ``validation.judge``."""
        strictness = strictness or Strictness()
        at_hand = tuple(dict.fromkeys(carried))[:MAX_CARRIED]
        if sum(len(certificate.der) for certificate in (leaf, *at_hand)) > MAX_SIZE:
            return judge(leaf, at_hand, trust, at, evidence, strictness)
        answer = self._answers(leaf, frozenset(at_hand), trust.key, evidence.key, strictness)
        kept = answer.finding
        if kept is None or not kept.since < at < kept.until:
            answer.finding = kept = judge(leaf, at_hand, trust, at, evidence, strictness)
        return kept


def _new_answer(*_question: object) -> _Answer:
    return _Answer()
