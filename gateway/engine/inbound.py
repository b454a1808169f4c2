"""The story of a message arriving: forged results are removed, the rest is relayed as it came.

Nothing is opened or judged in this version; the record says ``not-enabled``.
"""

from collections.abc import Collection
from dataclasses import dataclass

from gateway.engine.results import forged_fields
from gateway.engine.submission import author_of
from gateway.engine.transaction import Delivery, Outcome, Transaction, Verdict
from gateway.errors import Malformed
from gateway.mail.header import edit, read_header
from gateway.reason import Reason


@dataclass(frozen=True, slots=True)
class Inbound:
    """Inbound mail. ``authserv_ids``: the ids whose Authentication-Results only we may write."""

    authserv_ids: Collection[str]

    def process(self, transaction: Transaction) -> Outcome:
        """Return what becomes of an inbound message."""
        finding = {"status": "none", "reason": Reason.NOT_ENABLED}
        facts: dict[str, object] = {"signature": finding, "encryption": finding}
        content = transaction.content
        try:
            header = read_header(content)
        except Malformed:
            facts["signature"] = {"status": "neutral", "reason": Reason.MALFORMED}
        else:
            ids = header.named("message-id")
            facts["message_id"] = header.value(ids[0]).decode("utf-8", "replace") if ids else None
            facts["from_"] = author_of(header)
            forged = forged_fields(header, self.authserv_ids)
            content = edit(content, header, drop=forged) if forged else content
        return Outcome(Verdict.RELAY, deliveries=(Delivery(transaction.envelope.recipients, content),), facts=facts)
