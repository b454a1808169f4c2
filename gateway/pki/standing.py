"""What is known against a stored leaf that is to sign or to be encrypted to (rows CRT-04, CRT-06).

The judgement is that of inbound mail (``validation``). One that is trusted for itself must not be revoked by its
issuer; a learned one needs a path that holds, as it would for a signature, by way of stored CA certificates and of the
intermediates that it was learned with. That nothing is known of a revocation says nothing against either, whatever
``inbound.revocation`` is.

Not here: dates, usage and key of the leaf itself, and what was said of it (``policy.choose``).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding
from gateway.pki.revocation import RevocationEvidence
from gateway.pki.trust import TrustSnapshot
from gateway.pki.validation import PathFinding, Strictness
from gateway.pki.verdicts import Verdicts
from gateway.reason import Reason

_STRICTNESS = Strictness(accept_legacy=True)
"""Whether the path of a learned certificate is strong enough was asked when it was learned."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Why a leaf may not be used, None: nothing is known; the same at every time strictly between two."""

    fault: Reason | None
    since: datetime
    until: datetime


ALWAYS = Standing(None, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def is_in_doubt(holding: Holding, evidence: RevocationEvidence) -> bool:
    """Return whether anything may speak against a leaf; else it stands as ``ALWAYS``, whatever is trusted.

    One that nobody trusts is not used anyway.
    """
    return holding.trusted and (holding.learned or bool(evidence.lists or evidence.responses))


def standing(
    holding: Holding,
    intermediates: Iterable[Certificate],
    trust: TrustSnapshot,
    evidence: RevocationEvidence,
    at: datetime,
    verdicts: Verdicts,
) -> Standing:
    """Return how a leaf in doubt stands at ``at``. ``intermediates``: what it was learned with."""
    finding = verdicts.judge(holding.certificate, intermediates, trust, at, evidence, _STRICTNESS)
    return Standing(_fault(finding, learned=holding.learned), finding.since, finding.until)


def as_trusted(holding: Holding) -> Holding:
    """Return a certificate, a leaf or a CA's, as if it were trusted: evidence alone may speak against it."""
    return replace(holding, trusted=True, learned=False)


def _fault(finding: PathFinding, *, learned: bool) -> Reason | None:
    if Reason.REVOKED in finding.reasons:
        return Reason.REVOKED
    return Reason.UNTRUSTED if learned and not finding.holds_for_encryption else None
