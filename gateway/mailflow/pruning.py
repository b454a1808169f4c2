"""What is past its retention goes, all kinds of it."""

from gateway.clock import now
from gateway.config import Options
from gateway.store import Store


def prune(store: Store, options: Options) -> None:
    """Remove what is past its retention. Raises ``Fault``."""
    moment, retention = now(), options.retention
    store.journal.prune(moment - retention.log)
    store.ledger.prune(moment - retention.ledger)
    store.replies.prune(moment - retention.replies)
    store.content_keys.prune(moment - retention.replies)
    store.failures.prune(moment)
    store.held.prune(moment - options.inbound.hold.retention)
    store.learned.prune(moment)
    store.gateways.forget()
    store.lookups.prune(moment)
    store.audit.prune(moment - retention.audit)
    store.sessions.prune(moment)
    store.failed_sign_ins.prune(moment)
