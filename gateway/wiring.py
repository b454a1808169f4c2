"""The composition root: from a configuration to a store and an engine that work. Commands and the daemon live on it."""

from functools import cached_property
from pathlib import Path

from gateway.config import Listener, Options, load
from gateway.config.algorithms import Algorithms as GeneralAlgorithms
from gateway.config.algorithms import GroupAlgorithms
from gateway.engine.algorithms import Algorithms
from gateway.engine.engine import Engine
from gateway.engine.inbound import Inbound, InboundRules
from gateway.engine.judging import Judge
from gateway.engine.mark import Sealer
from gateway.engine.opening import Opener
from gateway.engine.outbound import Outbound
from gateway.mail.address import folded
from gateway.pki.validation import Revocation, Strictness
from gateway.pki.verdicts import Verdicts
from gateway.policy.entitlement import Entitlement
from gateway.policy.redelivery import Redeliver, RedeliveryRules
from gateway.policy.rule import Addresses, Group, Level, ReplyRule, Rules, Submitters, Tags
from gateway.smtp.door import Auth, Credentials, Door, HopTls, Limits, NextHop, TlsMode
from gateway.store import Store, StoreOptions, open_store

LEGACY_RULES = (False, "open", True)
"""The strictest first."""


ROOM, LEAST = 32, 4
"""Messages of the largest size that the gateway holds at once, and each worker at least."""


class Wiring:
    """One configuration and what is built from it, each part made when it is first asked for."""

    def __init__(self, path: Path | None = None, *, durable: bool = True, options: Options | None = None) -> None:
        """``options``: those of a configuration that is read already; else it is read from ``path``."""
        self.path = path
        self._durable = durable
        if options is not None:
            self.options = options

    def under(self, options: Options) -> "Wiring":
        """Return the same store, where it is open, under other options."""
        other = Wiring(self.path, durable=self._durable, options=options)
        if "store" in vars(self):
            other.store = self.store
        return other

    @cached_property
    def options(self) -> Options:
        """The configuration. Raises ``ConfigError``."""
        return load(self.path)

    @cached_property
    def store(self) -> Store:
        """The store, opened and migrated. Raises ``Fault``, ``Misconfigured``, ``NotPermitted``."""
        return open_store(store_options(self.options), durable=self._durable)

    def close(self) -> None:
        """Give up the store, where it is open."""
        if "store" in vars(self):
            self.store.close()

    @cached_property
    def engine(self) -> Engine:
        """The engine over this store."""
        return build_engine(self.options, self.store)


def store_options(options: Options, gateway: str = "") -> StoreOptions:
    """Return what the store needs to know; ``gateway``: the id of the one whose process asks."""
    source = options.key_encryption_key
    key = None if source is None else str(source)
    return StoreOptions(options.state, options.database, key, pool=options.database_pool, gateway=gateway)


def build_engine(options: Options, store: Store) -> Engine:
    """Return an engine under the rules of ``options``; of the store it has the key of its seals."""
    algorithms = options.algorithms
    sealer = Sealer(
        key=store.wrapping.mac_key("seal"),
        authserv_ids=(options.authserv_id, *options.authserv_ids_removed, *store.identity.former()),
        good_for=options.retention.ledger,
        legacy=LEGACY_RULES.index(algorithms.accept_legacy),
    )
    outbound = Outbound(
        rules=build_rules(options),
        algorithms=build_algorithms(algorithms, None),
        sealer=sealer,
        of_groups={
            group.name: build_algorithms(algorithms, group.algorithms) for group in options.groups if group.algorithms
        },
    )
    return Engine(outbound, build_inbound(options, outbound))


def build_algorithms(general: GeneralAlgorithms, own: GroupAlgorithms | None) -> Algorithms:
    """Return how mail is made; what ``own`` leaves out comes from ``general``."""
    own = own or GroupAlgorithms()
    return Algorithms(
        digest=own.sign.digest or general.sign.digest,
        sign_rsa=own.sign.rsa or general.sign.rsa,
        cipher=own.encrypt.cipher or general.encrypt.cipher,
        encrypt_rsa=own.encrypt.rsa or general.encrypt.rsa,
        opaque=(own.sign.form or general.sign.form) == "opaque",
    )


def build_inbound(options: Options, outbound: Outbound) -> Inbound:
    """Return what judges and opens inbound mail, under the groups and the seal of ``outbound``."""
    settings, legacy = options.inbound, options.algorithms.accept_legacy
    judge = Judge(
        verdicts=Verdicts(),
        strictness=Strictness(Revocation(settings.revocation), legacy is True),
        subject_email=options.addresses.subject_email != "never",
        fold=outbound.rules.fold,
    )
    opener = Opener(
        judge=judge,
        entitlement=Entitlement(outbound.rules, anybody=settings.decrypt_for == "any"),
        failures_per_hour=settings.failed_decrypts_per_hour,
        size_limit=options.limits.message_size,
        open_opaque=settings.opaque == "open",
        open_clear=settings.clear == "open",
        accept_legacy=bool(legacy),
    )
    return Inbound(
        rules=InboundRules(
            enabled=options.enabled,
            domains=frozenset(folded(f"x@{domain}").partition("@")[2] for domain in settings.domains),
            reject_signature_fail=settings.on_signature_fail == "reject",
            reject_signature_policy=settings.on_signature_policy == "reject",
            reject_undecryptable=settings.on_undecryptable == "reject",
            protected_subject=settings.subject == "protected",
            notify_failure=settings.notify == "failure",
        ),
        opener=opener,
        sealer=outbound.sealer,
        authserv_id=options.authserv_id,
    )


def build_rules(options: Options) -> Rules:
    """Return the policy of ``options``."""
    return Rules(
        groups=tuple(
            Group(
                name=group.name,
                addresses=group.addresses,
                sign=Level(group.sign or options.defaults.sign),
                encrypt=Level(group.encrypt or options.defaults.encrypt),
                recipients=group.recipients,
                replies=ReplyRule(group.replies_to_encrypted),
                submitters=Submitters(group.submitters.clients, frozenset(group.submitters.users)),
                needs_anchor=group.minimum == "chain",
            )
            for group in options.groups
        ),
        enabled=options.enabled,
        reject_unknown_sender=options.unknown_sender == "reject",
        internal=options.internal.addresses,
        domains=tuple(options.inbound.domains),
        encrypt_internal=options.internal.encrypt == "if-possible",
        honour_headers=options.overrides.headers,
        tags=Tags(options.overrides.subject.sign, options.overrides.subject.encrypt, options.overrides.subject.plain),
        exempt=frozenset(options.overrides.exempt),
        fold=options.addresses.local_part_case == "fold",
        delimiter=options.addresses.recipient_delimiter,
        searched=frozenset(domain for source in options.discovery.sources for domain in source.domains),
    )


def build_redelivery_rules(options: Options) -> RedeliveryRules:
    """Return which held mail is delivered again by itself."""
    general, addresses = Redeliver(options.inbound.hold.redeliver), options.addresses
    mailboxes = [(*group.addresses, *group.recipients) for group in options.groups]
    return RedeliveryRules(
        Addresses.of(mailboxes, addresses.local_part_case == "fold", addresses.recipient_delimiter),
        tuple(Redeliver(group.redeliver or general) for group in options.groups),
        general,
    )


def build_doors(options: Options) -> tuple[Door, ...]:
    """Return the SMTP doors; password and login files are read here. Raises ``OSError``."""
    return tuple(_door(listener) for listener in options.listeners)


def door_names(options: Options) -> tuple[str, ...]:
    """Return the names of all doors."""
    return (*(listener.name for listener in options.listeners), *(milter.name for milter in options.milters))


def build_limits(options: Options, workers: int) -> Limits:
    """Return one worker's share of the limits."""
    limits = options.limits
    return Limits(
        message_size=limits.message_size,
        room=max(LEAST, ROOM // workers) * limits.message_size,
        connections=max(1, limits.connections // workers),
        connections_per_client=max(1, limits.connections_per_client // workers),
        copies=max(1, limits.copies // workers),
    )


def _door(listener: Listener) -> Door:
    login = listener.next_hop_auth
    return Door(
        name=listener.name,
        direction=listener.direction,
        host=listener.listen.host,
        port=listener.listen.port,
        next_hop=NextHop(
            host=listener.next_hop.host,
            port=listener.next_hop.port,
            tls=HopTls(listener.next_hop_tls),
            credentials=None if login is None else Credentials(login.user, _first_line(login.password_file)),
        ),
        clients=listener.clients,
        tls=TlsMode(listener.tls.mode),
        certificate=listener.tls.certificate,
        key=listener.tls.key,
        auth=Auth(listener.auth.kind),
        users={} if listener.auth.file is None else _users(listener.auth.file),
    )


def _first_line(path: Path) -> str:
    return path.read_text().partition("\n")[0].strip()


def _users(path: Path) -> dict[str, str]:
    """Read a login file: ``LOGIN:ARGON2-HASH`` a line; blank lines and ``#`` lines are passed over."""
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition(":") for line in lines if line and not line.startswith("#"))
    return {login: password_hash for login, _, password_hash in pairs}
