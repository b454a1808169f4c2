"""Opening a store: the folder is checked, the schema brought up to date, the key-encryption key verified."""

import time
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import GatewayError
from gateway.store import files
from gateway.store.accounts.accounts import StoredAccounts
from gateway.store.accounts.failed_sign_ins import StoredFailedSignIns
from gateway.store.accounts.sessions import StoredSessions
from gateway.store.accounts.tokens import StoredTokens
from gateway.store.audit.trail import StoredAudit
from gateway.store.certificates.evidence import StoredEvidence
from gateway.store.certificates.found import StoredFound
from gateway.store.certificates.learned import StoredLearned
from gateway.store.certificates.listing import Listing
from gateway.store.certificates.places import StoredPlaces
from gateway.store.certificates.standing import Standings
from gateway.store.certificates.stored import StoredCertificates
from gateway.store.database import POOL, SQLITE_NAME, WAIT, Damaged, Database, open_database
from gateway.store.gateways.identity import StoredIdentity
from gateway.store.gateways.presence import StoredGateways
from gateway.store.generation import Clock, Generation
from gateway.store.held.entries import StoredHeld
from gateway.store.journal.records import Journal
from gateway.store.keys.failed_decryptions import StoredFailures
from gateway.store.keys.place import KeyPlace
from gateway.store.keys.private_keys import StoredKeys
from gateway.store.keys.wrapping import Wrapping
from gateway.store.ledger.copies import StoredLedger
from gateway.store.ledger.owner import this_owner
from gateway.store.lookups import StoredLookups
from gateway.store.migrate import bring_up_to_date
from gateway.store.opened.content_keys import StoredContentKeys
from gateway.store.opened.replies import StoredReplies
from gateway.store.refusal import Misconfigured
from gateway.store.revocation.lists import StoredRevocationLists
from gateway.store.revocation.sources import StoredSources


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Where the store is: the options of the same names, and the seconds to wait for a database that is locked.

    ``pool``: connections at most, of this process; ``gateway``: the id of the one that opens it, empty for a command.
    """

    state: Path
    database: str = "sqlite"
    key_encryption_key: str | None = None
    wait: float = WAIT
    pool: int = POOL
    gateway: str = ""


class Store:
    """One open store. Safe for threads; each process opens its own, after a fork, not before."""

    def __init__(self, database: Database, wrapping: Wrapping, clock: Clock, gateway: str = "") -> None:
        generation, owner = Generation(database, clock), this_owner(gateway)
        self.database = database
        self.generation = generation
        self.wrapping = wrapping
        self.evidence = StoredEvidence(database, generation)
        standings = Standings(self.evidence)
        self.certificates = StoredCertificates(database, generation, standings)
        self.listing = Listing(database, self.evidence, standings)
        self.learned = StoredLearned(database, generation)
        self.found = StoredFound(database, generation)
        self.places = StoredPlaces(database, generation)
        self.lookups = StoredLookups(database)
        self.keys = StoredKeys(database, generation, wrapping)
        self.journal = Journal(database)
        self.gateways = StoredGateways(database)
        self.identity = StoredIdentity(database)
        self.ledger = StoredLedger(database, owner)
        self.held = StoredHeld(database, generation, wrapping, owner)
        self.replies = StoredReplies(database, wrapping, clock)
        self.content_keys = StoredContentKeys(database, wrapping)
        self.failures = StoredFailures(database)
        self.revocation_lists = StoredRevocationLists(database, generation)
        self.revocation_sources = StoredSources(database, generation)
        self.accounts = StoredAccounts(database, wrapping)
        self.sessions = StoredSessions(database)
        self.failed_sign_ins = StoredFailedSignIns(database)
        self.tokens = StoredTokens(database)
        self.audit = StoredAudit(database)

    def check(self) -> None:
        """Look for damage (SQLite: every page is read, so seconds for a large store). Raises ``Misconfigured``."""
        if not self.database.is_sqlite:
            return
        try:
            with self.database.read() as connection:
                found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        except Damaged as error:
            raise Misconfigured(str(error)) from error
        if found != "ok":
            raise Misconfigured("the store cannot be used: the database file is damaged; restore a backup")

    def close(self) -> None:
        """Give up all connections."""
        self.database.close()


def open_store(
    options: StoreOptions, *, durable: bool, clock: Clock = time.monotonic, migrate_under_others: bool = False
) -> Store:
    """Open the store, created and migrated where that is to do. Run as root, the process becomes the owner of STATE.

    ``durable``: the journal, too, survives a power failure at once, not after some seconds (SQLite); the ledger,
    certificates and keys always do. ``clock`` paces the look for others' changes. ``migrate_under_others``: also while
    gateways of the release before use the store (``migrate``).
    Raises ``Fault``, ``Misconfigured``, ``NotPermitted``.
    """
    files.become_owner(options.state)
    files.secure_folder(options.state)
    database = open_database(options.database, options.state, durable=durable, wait=options.wait, pool=options.pool)
    if database.is_sqlite:
        _secure_database(options.state)
    try:
        bring_up_to_date(database, under_others=migrate_under_others)
        wrapping = Wrapping(database, KeyPlace(options.key_encryption_key, options.state))
        store = Store(database, wrapping, clock, options.gateway)
        store.wrapping.verify()
    except Damaged as error:
        database.close()
        raise Misconfigured(str(error)) from error
    except GatewayError:
        database.close()
        raise
    return store


def _secure_database(state: Path) -> None:
    """See to it that SQLite finds a file of mode 0600; its write-ahead log inherits the mode."""
    files.touch_file(state / SQLITE_NAME)
    for suffix in ("", "-wal", "-shm"):
        files.secure_file(state / f"{SQLITE_NAME}{suffix}")
