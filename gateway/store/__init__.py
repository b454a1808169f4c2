"""The store: certificates, private keys, journal, ledger and held mail in one database, SQLite or PostgreSQL.

``open_store`` gives a ``Store``; its ``certificates``, ``evidence``, ``keys`` and ``ledger`` are the engine's and the
doors' ports.

``opening``                 from options to an open store: folder, schema, key-encryption key
``files`` ``refusal``       ownership and modes of the state directory; what is refused at the door
``installation``            whether who becomes the owner of the state directory can read this code
``database`` ``generation`` transactions and faults; the memory in front of them
``schema`` ``migrate``      the tables, and bringing an older store up to date
``wrapping``                the key-encryption key, and the secret of MAC keys
``certificates`` ``keys``   what is stored and found; ``importing`` takes files in, ``appraising`` says what of them
``learned``                 certificates taken from mail, in quarantine or ranking last
``standing``                what the store knows against a leaf that is to be used
``revocation_lists``        CRLs, imported or fetched; ``status_responses`` OCSP responses
``revocation_sources``      where those are fetched, and when
``evidence`` ``identities`` what judges and opens inbound mail; by which names messages know certificates
``path``                    certificates that belong together, in one column
``journal`` ``ledger``      what became of messages; which copies were taken without our 250
``held``                    mail that waits for a certificate or key: ``held_message`` one of it, ``held_content`` its
                            bytes, ``needs`` what would help
``replies``                 Message-IDs of mail that arrived encrypted
``content_keys``            which content each wrapped content key opened
``failed_decryptions``      how often each key failed
``owner``                   which process holds an entry of ledger or held mail, and whether it still runs
"""

from gateway.store.opening import Store, StoreOptions, open_store
from gateway.store.refusal import Misconfigured, NotPermitted

__all__ = ["Misconfigured", "NotPermitted", "Store", "StoreOptions", "open_store"]
