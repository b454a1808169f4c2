"""The options: every key of the configuration file with its kind, default and meaning, as frozen types.

This is the reference; ``config schema`` prints it, ``docs/configuration.md`` explains it. Defaults are written as an
operator would write them and pass the same checks as the file. What needs more than one key to judge is in ``checks``;
keys whose feature does not exist yet are named in ``planned``.
"""

import socket
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from gateway.config.kinds import (
    Authentication,
    Client,
    Count,
    Database,
    Delimiter,
    Duration,
    FileMode,
    FilePath,
    ForeignId,
    HostName,
    KeySource,
    Listen,
    MilterSocket,
    Name,
    OwnId,
    OwnName,
    Pattern,
    Size,
    Words,
    Workers,
)
from gateway.config.values import host_name
from gateway.engine.transaction import Direction
from gateway.policy.rule import Level

LOOPBACK = ["127.0.0.0/8", "::1/128"]
DOORS = [
    {"name": "outbound", "direction": "outbound", "listen": "127.0.0.1:10025", "next_hop": "127.0.0.1:10026"},
    {"name": "inbound", "direction": "inbound", "listen": "127.0.0.1:10024", "next_hop": "127.0.0.1:10027"},
]


def default(value: Any, meaning: str, **limits: Any) -> Any:
    """One key: its default as written in a file, and what it means."""
    return Field(value, description=meaning, validate_default=True, **limits)


def required(meaning: str, **limits: Any) -> Any:
    """One key without a default."""
    return Field(description=meaning, **limits)


class Section(BaseModel):
    """A mapping of the file: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class Tls(Section):
    """TLS towards the clients of a listener."""

    mode: Literal["none", "starttls", "implicit"] = default(
        "none", "none, starttls, or implicit (TLS from the first byte)"
    )
    certificate: FilePath | None = default(None, "PEM file: the server's certificate, then its chain")
    key: FilePath | None = default(None, "PEM file: the private key, without a passphrase, not readable by others")


class NextHopAuth(Section):
    """The gateway's own login at a next hop."""

    user: Words = required("login name")
    password_file: FilePath = required("file with the password in its first line, not readable by others")


class Listener(Section):
    """One SMTP door. Its direction is the direction of all mail that comes through it."""

    name: Name = required("name of the door in records, logs and metrics")
    direction: Direction = required("outbound: sign and encrypt; inbound: open and judge")
    listen: Listen = required("address and port to listen on")
    next_hop: Listen = required("mail server that takes the mail, address and port")
    clients: tuple[Client, ...] = default(LOOPBACK, "networks that may connect", min_length=1)
    tls: Tls = default({}, "TLS towards the clients")
    auth: Authentication = default("none", "who checks logins: none, next-hop, or file:PATH (argon2 hashes)")
    next_hop_tls: Literal["none", "may", "verify"] = default(
        "none", "TLS to the next hop: none, may (where offered, unverified), verify (or the mail is deferred)"
    )
    next_hop_auth: NextHopAuth | None = default(None, "the gateway's own login at the next hop")


class Milter(Section):
    """One milter door."""

    name: Name = required("name of the door in records, logs and metrics")
    direction: Direction = required("outbound: sign and encrypt; inbound: open and judge")
    listen: MilterSocket = required("unix:PATH of the socket (inet:HOST:PORT on loopback is possible, and slow)")
    mode: FileMode = default("0660", "permissions of the socket, octal")


class Submitters(Section):
    """Who may send as a group."""

    clients: tuple[Client, ...] = default([], "networks")
    users: tuple[Words, ...] = default([], "logins")


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
    plain: Words | None = default(None, "tag that asks for neither; null: none")


class Overrides(Section):
    """How one message may ask for something else than its group's default."""

    headers: bool = default(True, "honour the request fields X-SMIME-Gateway-Sign and X-SMIME-Gateway-Encrypt")
    subject: SubjectTags = default({}, "honour tags in the Subject")


class Hold(Section):
    """Inbound mail that a missing certificate or key kept from being opened or judged."""

    enabled: bool = default(True, "keep such mail until the certificate or key comes")
    keep: Literal["unreadable", "all"] = default("unreadable", "unreadable (not decrypted), or all (not judged either)")
    redeliver: Literal["unreadable", "all", "manual"] = default("unreadable", "what is delivered again by itself")
    message_id: Literal["new", "keep"] = default("new", "Message-ID of a re-delivered message")
    sender: Literal["original"] | None = default("original", "envelope sender of a re-delivered message; null: <>")
    next_hop: Listen | None = default(None, "where to re-deliver; null: the inbound listener's next hop")
    auto_submitted: bool = default(False, "mark re-delivered mail with Auto-Submitted")
    retention: Duration = default("30d", "how long mail is kept")
    max_size: Size = default("50MB", "largest message that is kept")
    max_total: Size = default("2GB", "room for all of them")
    max_per_sender: Count = default(20, "messages kept of one sender")


class Inbound(Section):
    """What happens to mail that arrives."""

    domains: tuple[HostName, ...] = default([], "recipients' domains that are ours; empty: all")
    opaque: Literal["open", "keep"] = default("open", "replace an opaque-signed message by its content, or keep it")
    on_signature_fail: Literal["tag", "reject"] = default("tag", "a signature that is wrong")
    on_signature_policy: Literal["tag", "reject"] = default("tag", "a signature that is right but not acceptable")
    on_undecryptable: Literal["tag", "reject"] = default("tag", "mail that cannot be decrypted")
    decrypt_for: Literal["addressee", "any"] = default("addressee", "for which envelope recipients a key opens mail")
    failed_decrypts_per_hour: Count = default(100, "failures a key may have before it rests")
    revocation: Literal["off", "soft", "hard"] = default("off", "fetch CRLs and ask OCSP")
    hold: Hold = default({}, "mail kept because a certificate or key was missing")


class Signing(Section):
    """How signatures are made."""

    digest: Literal["sha256", "sha384", "sha512"] = default("sha256", "digest algorithm")
    rsa: Literal["pkcs1v15", "pss"] = default("pkcs1v15", "padding with RSA keys")


class Encryption(Section):
    """How mail is encrypted."""

    cipher: Literal["aes-256-cbc", "aes-256-gcm", "aes-128-gcm", "aes-128-cbc"] = default(
        "aes-256-cbc", "content encryption; a recipient's announced capabilities may raise it"
    )
    rsa: Literal["pkcs1v15", "oaep"] = default("pkcs1v15", "key transport to RSA keys")


class Algorithms(Section):
    """Cryptographic algorithms."""

    sign: Signing = default({}, "signatures")
    encrypt: Encryption = default({}, "encryption")
    accept_legacy: bool = default(False, "accept SHA-1, RSA-1024, DSA, 3DES and RC2-128 on inbound mail")


class Addresses(Section):
    """How addresses of groups and recipients compare; never those in certificates."""

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
    replies: Duration = default("400d", "Message-IDs of mail that arrived encrypted")


class Admin(Section):
    """The HTTP listener of the console and the API."""

    listen: Listen = default("127.0.0.1:9425", "address and port; loopback")


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
