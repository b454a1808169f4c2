"""The options: every key of the configuration file with its kind, default and meaning, as frozen types.

This is the reference; ``config schema`` prints it, ``docs/configuration.md`` explains it. The larger sections stand in
``doors``, ``algorithms`` and ``partners``. What needs more than one key to judge is in ``checks``; keys whose feature
does not exist yet are named in ``planned``.
"""

import socket
from typing import Literal

from pydantic import ValidationInfo, field_validator

from gateway.config.algorithms import Algorithms, GroupAlgorithms
from gateway.config.doors import DOORS, Listener, Milter
from gateway.config.kinds import (
    Client,
    Count,
    Database,
    Delimiter,
    Duration,
    FilePath,
    Fingerprint,
    ForeignId,
    HostName,
    KeySource,
    Listen,
    MediaType,
    OwnId,
    OwnName,
    Pattern,
    Size,
    Words,
    Workers,
)
from gateway.config.partners import Discovery, Partner
from gateway.config.section import Section, default, required
from gateway.config.values import host_name
from gateway.policy.rule import Level


class Submitters(Section):
    """Who may send as a group."""

    clients: tuple[Client, ...] = default([], "networks")
    users: tuple[Words, ...] = default([], "logins")


class Invitation(Section):
    """A mail that asks a customer without a certificate for a signed one."""

    text: FilePath = required("file with the text")
    every: Duration = default("90d", "at most once in this time")


class Group(Section):
    """A group of the helpdesk: its addresses and what happens to its mail."""

    name: Words = required("name of the group in records and logs", max_length=64)
    addresses: tuple[Pattern, ...] = required("From addresses of the group: local@domain or @domain", min_length=1)
    recipients: tuple[Pattern, ...] = default([], "further mailboxes of the group: its keys open their mail")
    sign: Level | None = default(None, "never, if-possible or required; null: defaults.sign")
    encrypt: Level | None = default(None, "never, if-possible or required; null: defaults.encrypt")
    replies_to_encrypted: Literal["require", "warn", "ignore"] = default("warn", "answers to encrypted mail")
    submitters: Submitters = default({}, "who may send as this group; all empty: every client of the door")
    redeliver: Literal["unreadable", "all", "manual"] | None = default(None, "null: inbound.hold.redeliver")
    domain_key: Fingerprint | None = default(
        None, "fingerprint whose key opens mail for the addresses of inbound.domains"
    )
    minimum: Literal["chain", "dnssec"] | None = default(None, "what a found certificate needs; null: the source's")
    invitation: Invitation | None = default(None, "asks customers without a certificate for a signed mail")
    algorithms: GroupAlgorithms | None = default(None, "how this group's mail is made; what it leaves out: algorithms")


class Defaults(Section):
    """What a group leaves out."""

    sign: Level = default("if-possible", "never, if-possible or required")
    encrypt: Level = default("if-possible", "never, if-possible or required")


class Internal(Section):
    """Recipients that need no encryption; the groups' own addresses are always among them."""

    addresses: tuple[Pattern, ...] = default([], "colleagues, journals: local@domain or @domain")
    encrypt: Literal["never", "if-possible"] = default("never", "never or if-possible")


class SubjectTags(Section):
    """Words in the Subject that are a wish for this one message; they are removed."""

    sign: Words | None = default(None, "tag that asks for a signature; null: none")
    encrypt: Words | None = default(None, "tag that asks for encryption, such as [encrypt]; null: none")
    plain: Words | None = default(None, "tag that asks for neither, not honoured in answers; null: none")


class Overrides(Section):
    """How one message may ask for something else than its group's default."""

    headers: bool = default(True, "honour the request fields X-SMIME-Gateway-Sign and X-SMIME-Gateway-Encrypt")
    subject: SubjectTags = default({}, "honour tags in the Subject")
    exempt: tuple[MediaType, ...] = default([], "content types that if-possible leaves alone, such as text/calendar")


class Hold(Section):
    """Inbound mail that a missing certificate or key kept from being opened or judged."""

    enabled: bool = default(True, "keep such mail until the certificate or key comes")
    keep: Literal["unreadable", "all"] = default("all", "unreadable (not decrypted), or all (not judged either)")
    redeliver: Literal["unreadable", "all", "manual"] = default("unreadable", "what is delivered again by itself")
    message_id: Literal["new", "keep"] = default("new", "Message-ID of a re-delivered message")
    sender: Literal["original"] | None = default("original", "envelope sender of a re-delivered message; null: <>")
    next_hop: Listen | None = default(None, "where to re-deliver; null: the inbound listener's next hop")
    auto_submitted: bool = default(False, "mark re-delivered mail with Auto-Submitted")
    retention: Duration = default("30d", "how long mail is kept")
    max_size: Size = default("50MB", "largest message that is kept")
    max_total: Size = default("2GB", "room for all of them; as much again for what is withheld")
    max_per_sender: Count = default(20, "messages kept of one sender")


class Inbound(Section):
    """What happens to mail that arrives."""

    domains: tuple[HostName, ...] = default([], "recipients' domains that are ours; empty: all")
    opaque: Literal["open", "keep"] = default("open", "replace an opaque-signed message by its content, or keep it")
    clear: Literal["keep", "open"] = default(
        "keep", "keep a clear-signed message as it is, or replace it by its content"
    )
    notify: Literal["never", "failure"] = default("never", "reports from behind us that the sender of opened mail gets")
    subject: Literal["protected", "outer"] = default("protected", "the Subject that readers see, where two are there")
    on_signature_fail: Literal["tag", "reject"] = default("tag", "a signature that is wrong")
    on_signature_policy: Literal["tag", "reject"] = default("tag", "a signature that is right but not acceptable")
    on_undecryptable: Literal["tag", "reject"] = default("tag", "mail that cannot be decrypted")
    decrypt_for: Literal["addressee", "any"] = default("addressee", "for which envelope recipients a key opens mail")
    failed_decrypts_per_hour: Count = default(100, "failures a key may have before it rests")
    revocation: Literal["off", "soft", "hard"] = default("off", "fetch CRLs and ask OCSP")
    hold: Hold = default({}, "mail kept because a certificate or key was missing")


class Addresses(Section):
    """How addresses compare: those of groups and recipients, and a signer's with From."""

    local_part_case: Literal["fold", "exact"] = default("fold", "fold: Support@ is support@; exact: it is not")
    recipient_delimiter: Delimiter = default("+", 'support+42@ is support@; "" switches it off')
    subject_email: Literal["never", "inbound", "always"] = default(
        "inbound", "whether a certificate's subject emailAddress counts where its SAN holds no mail name"
    )


class Limits(Section):
    """Bounds of the whole gateway, divided among its workers."""

    message_size: Size = default("50MB", "largest message taken")
    connections: Count = default(200, "clients at one time")
    connections_per_client: Count = default(50, "connections of one client address at one time; not for loopback")
    copies: Count = default(16, "transactions with a next hop prepared at once for one message")


class Retention(Section):
    """How long things are remembered."""

    log: Duration = default("90d", "records of messages")
    ledger: Duration = default("5d", "copies taken in failed transactions; at least as long as clients try again")
    personal: Duration | None = default(None, "addresses in records, before they become keyed hashes; null: as log")
    replies: Duration = default(
        "400d", "Message-IDs of mail that arrived encrypted, and the content keys that opened it"
    )
    audit: Duration = default("3650d", "changes to certificates, keys, trust and accounts")


class AdminTls(Section):
    """TLS of the console and the API."""

    certificate: FilePath = required("PEM file: the server's certificate, then its chain")
    key: FilePath = required("PEM file: the private key, without a passphrase, not readable by others")


class Admin(Section):
    """The HTTP listener of the console and the API."""

    listen: Listen | None = default("127.0.0.1:9425", "address and port; null: neither console nor API")
    tls: AdminTls | None = default(None, "TLS of its own")
    url: Words | None = default(None, "the console as browsers see it")
    proxies: tuple[Client, ...] = default([], "networks whose X-Forwarded-For and X-Forwarded-Proto count")


class Metrics(Section):
    """The HTTP listener of metrics and health."""

    listen: Listen = default("127.0.0.1:9426", "address and port; loopback")


class Log(Section):
    """The log on standard error: one line per message."""

    format: Literal["text", "json"] = default("text", "text or json")


class Options(Section):
    """Configuration of smime-gateway. Every key is optional."""

    enabled: bool = default(True, "false: nothing is signed, encrypted, opened or judged")
    hostname: OwnName = default(None, "name in EHLO and greetings; null: this machine's full name")
    authserv_id: OwnId = default(None, "id in Authentication-Results, one per store; null: smime.HOSTNAME")
    authserv_ids_removed: tuple[ForeignId, ...] = default([], "further ids whose results are removed from inbound mail")
    state: FilePath = default("/var/lib/smime-gateway", "folder of the database and of the key-encryption key")
    database: Database = default("sqlite", "sqlite (a file in state) or postgresql+psycopg://USER@HOST/NAME")
    key_encryption_key: KeySource | None = default(None, "credential:NAME or file:PATH; null: see the manual")
    workers: Workers = default("auto", "worker processes; auto: as many as there are processors")
    listeners: tuple[Listener, ...] = default(DOORS, "SMTP doors")
    milters: tuple[Milter, ...] = default([], "milter doors")
    groups: tuple[Group, ...] = default([], "groups of the helpdesk; the first that matches the From address wins")
    defaults: Defaults = default({}, "what a group leaves out")
    unknown_sender: Literal["relay", "reject"] = default(
        "relay", "mail whose From is in no group: relay (as it is) or reject"
    )
    internal: Internal = default({}, "recipients that need no encryption")
    overrides: Overrides = default({}, "what one message may ask for")
    inbound: Inbound = default({}, "mail that arrives")
    learn: Literal["off", "quarantine", "trusted"] = default(
        "quarantine", "certificates of inbound signatures that passed"
    )
    algorithms: Algorithms = default({}, "cryptographic algorithms")
    addresses: Addresses = default({}, "how addresses compare")
    limits: Limits = default({}, "bounds of the whole gateway")
    retention: Retention = default({}, "how long things are remembered")
    database_pool: Count = default(5, "connections of one process to PostgreSQL at most")
    discovery: Discovery = default({}, "how customers' certificates are found")
    partners: tuple[Partner, ...] = default([], "domains with rules of their own; the first that matches counts")
    drain: Duration = default("30s", "how long running transactions may take when the service stops")
    admin: Admin = default({}, "console and API")
    metrics: Metrics = default({}, "metrics and health")
    log: Log = default({}, "logging")

    @field_validator("hostname", mode="before")
    @classmethod
    def _own_name(cls, value: object) -> object:
        if value is not None:
            return value
        try:
            return host_name(this_machine())
        except ValueError:
            raise ValueError("the machine's own name is no host name; set one such as gw.example.org") from None

    @field_validator("authserv_id", mode="before")
    @classmethod
    def _own_id(cls, value: object, info: ValidationInfo) -> object:
        return f"smime.{info.data.get('hostname', 'invalid')}" if value is None else value


def this_machine() -> str:
    """Return the machine's fully qualified name, or the short one where it has no other."""
    name = socket.getfqdn()
    return socket.gethostname() if name.startswith("localhost") else name
