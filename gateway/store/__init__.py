"""The store: certificates, private keys, journal, ledger and held mail in one database, SQLite or PostgreSQL.

``open_store`` gives a ``Store``; its ``certificates``, ``evidence``, ``keys`` and ``ledger`` are the engine's and the
doors' ports.

``opening``                   from options to an open store: folder, schema, key-encryption key
``files`` ``refusal``         ownership and modes of the state directory; what is refused at the door
``installation``              whether who becomes the owner of the state directory can read this code
``database`` ``generation``   transactions and faults; the memory in front of them
``changes``                   what each change concerns, so that the rest stays in memory
``schema`` ``migrate``        the tables, and bringing an older store up to date
``prefix`` ``pruning``        things named by the beginning of an id; what is old goes in slices
``due``                       when something that was put off is due, whatever the clock did
``lookups``                   what sources of certificates said of addresses
``certificates``              leaves, authorities, trust; what mail teaches
``keys``                      private keys, and the key-encryption key that keeps them unreadable
``imports``                   files that administrators bring
``revocation``                CRLs and OCSP responses, where and when they are fetched
``held``                      mail that waits for a certificate or key
``opened``                    what is remembered of opened mail: ids that answers name, content keys
``journal``                   what became of messages
``ledger``                    which copies were taken without our 250, and which process holds what
"""

from gateway.store.opening import Store, StoreOptions, open_store
from gateway.store.refusal import Misconfigured, NotPermitted

__all__ = ["Misconfigured", "NotPermitted", "Store", "StoreOptions", "open_store"]
