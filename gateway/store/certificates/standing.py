"""What the store knows against a leaf that is to sign or to be encrypted to (rows CRT-04, CRT-06).

The judgement is that of inbound mail (``pki.validation``), made anew whenever trust or evidence has changed and when
time may change it. One that is trusted for itself, or approved, must not be revoked by its issuer; any other that was
learned or found needs a path that holds, as it would for a signature, by way of stored CA certificates and of the
intermediates that it came with; or, where that is enough, the word of the DNS and nobody distrusted above it.
That nothing is known of a revocation says nothing against either, whatever ``inbound.revocation`` is.

Not here: dates, usage and key of the leaf itself, and what was said of it (``policy.choose``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding, Origin
from gateway.pki.revocation import RevocationEvidence
from gateway.pki.trust import TrustSnapshot
from gateway.pki.validation import Strictness
from gateway.pki.verdicts import Verdicts
from gateway.reason import Reason

_STRICTNESS = {True: Strictness(accept_legacy=True), False: Strictness()}
"""Whether the path of a certificate from mail is strong enough was asked when it was learned."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Why a leaf may not be used, None: nothing is known; the same at every time strictly between two.

    ``by_dns_alone``: it may be, for the DNS vouches for it, and no anchor does.
    """

    fault: Reason | None
    since: datetime
    until: datetime
    by_dns_alone: bool = False


ALWAYS = Standing(None, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


class Evidence(Protocol):
    """What is stored that judges a leaf. Both methods raise ``Fault``."""

    def trust(self, leaf: Certificate) -> TrustSnapshot:
        """Return whom an administrator trusts, as far as it matters for ``leaf``."""

    def revocation(self, leaf: Certificate) -> RevocationEvidence:
        """Return the stored evidence of revocation, as far as it matters for ``leaf``."""


class Standings:
    """Judges leaves by the store's trust and evidence. Safe for threads."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._verdicts = Verdicts()

    def of(self, holding: Holding, intermediates: Sequence[Certificate], at: datetime) -> Standing:
        """Return how a leaf stands at ``at``. Raises ``Fault``."""
        leaf = holding.certificate
        if not holding.trusted:
            return ALWAYS
        evidence = self._evidence.revocation(leaf)
        needs_path = holding.learned and not holding.approved
        if not needs_path and not evidence.lists and not evidence.responses:
            return ALWAYS
        trust = self._evidence.trust(leaf)
        strictness = _STRICTNESS[holding.origin in (Origin.IMPORTED, Origin.LEARNED)]
        finding = self._verdicts.judge(leaf, intermediates, trust, at, evidence, strictness)
        if Reason.REVOKED in finding.reasons:
            return Standing(Reason.REVOKED, finding.since, finding.until)
        if not needs_path or finding.holds_for_encryption:
            return Standing(None, finding.since, finding.until)
        vouched = holding.dnssec and not any(map(trust.is_distrusted, finding.path))
        return Standing(None if vouched else Reason.UNTRUSTED, finding.since, finding.until, vouched)

    def is_revoked(self, holding: Holding, intermediates: Sequence[Certificate], at: datetime) -> bool:
        """Return whether the evidence at hand revokes a certificate, trusted or not, a leaf or a CA's."""
        as_trusted = replace(holding, trusted=True, learned=False)
        return self.of(as_trusted, intermediates, at).fault is Reason.REVOKED
