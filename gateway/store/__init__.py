"""The store: certificates, private keys, journal, ledger and held mail in one database, SQLite or PostgreSQL.

``open_store`` gives a ``Store``; its ``certificates``, ``evidence``, ``keys`` and ``ledger`` are the engine's and the
doors' ports.

``opening``                   from options to an open store: folder, schema, key-encryption key
``files`` ``refusal``         ownership and modes of the state directory; what is refused at the door
``installation``              whether who becomes the owner of the state directory can read this code
``database`` ``generation``   transactions and faults; the memory in front of them
``changes``                   what each change concerns, so that the rest stays in memory
``schema`` ``people``         the tables; ``columns``: how values are kept in them
``migrate``                   bringing an older store up to date
``portable``                  all of it as a stream of rows: backup, restore, the move to another database
``persons``                   what is kept of one address, and its removal
``prefix`` ``pruning``        things named by the beginning of an id; what is old goes in slices
``due``                       when something that was put off is due, whatever the clock did
``lookups``                   what sources of certificates said of addresses
``certificates``              leaves, authorities, trust; what mail teaches
``keys``                      private keys, and the key-encryption key that keeps them unreadable
``imports``                   files that administrators bring
``revocation``                CRLs and OCSP responses, where and when they are fetched
``held``                      mail that waits for a certificate or key
``opened``                    what is remembered of opened mail: ids that answers name, content keys
``accounts``                  who may use console and API: accounts, sessions, tokens
``audit``                     who changed what, in a chain
``journal``                   what became of messages
``gateways``                  who runs on this store, who is elected, whether a process still runs
``ledger``                    which copies were taken without our 250, and which process holds what
"""

from gateway.store.opening import Store, StoreOptions, open_store
from gateway.store.refusal import Misconfigured, NotPermitted

__all__ = ["Misconfigured", "NotPermitted", "Store", "StoreOptions", "open_store"]
