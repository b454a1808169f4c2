"""Where customers' certificates are looked for, and domains with rules of their own."""

from typing import Literal

from gateway.config.algorithms import GroupAlgorithms
from gateway.config.kinds import Duration, FilePath, Fingerprint, HostName, Name, Resolver, SearchedDomain, Words
from gateway.config.section import Section, default, required
from gateway.policy.rule import Level


class Source(Section):
    """One place where certificates are looked for."""

    name: Name = required("name of the source in records and metrics")
    kind: Literal["ldap", "smimea", "http"] = required("ldap, smimea or http")
    domains: tuple[SearchedDomain, ...] = required(
        'domains whose addresses it is asked for; "*": every domain', min_length=1
    )
    url: Words | None = default(None, "where it is; http: a template")
    ca: FilePath | None = default(None, "PEM file: the authorities for its TLS")
    minimum: Literal["chain", "dnssec", "pending"] = default("chain", "what a certificate needs to be used by itself")
    base: Words | None = default(None, "ldap: where to search")
    filter: Words | None = default(None, "ldap: what to search for")
    attributes: tuple[Words, ...] = default([], "ldap: attributes that hold certificates")
    bind_dn: Words | None = default(None, "ldap: who we are; null: nobody")
    password_file: FilePath | None = default(None, "ldap: file with the password in its first line")
    starttls: bool = default(False, "ldap: start TLS on a plain connection")
    resolver: Resolver | None = default(
        None, "smimea: who is asked; null: the system's, whose word on DNSSEC is nothing"
    )


class Discovery(Section):
    """How customers' certificates are found."""

    sources: tuple[Source, ...] = default([], "who is asked; nobody by default")
    on_arrival: bool = default(True, "search for authors when their mail arrives")
    timeout: Duration = default("3s", "how long a message waits for all sources together")
    negative: Duration = default("1d", "how long an answer that there is none is kept")
    refresh: Duration = default("7d", "after this time a source is asked again")


class PartnerInbound(Section):
    """What a partner's mail must have."""

    sign: Literal["required"] | None = default(None, "required: unsigned mail is marked")
    encrypt: Literal["required"] | None = default(None, "required: plain mail is marked")


class Partner(Section):
    """Domains with rules of their own."""

    name: Words = required("name of the partner in records", max_length=64)
    domains: tuple[HostName, ...] = required("its domains", min_length=1)
    sign: Level | None = default(None, "only strengthens the group's level")
    encrypt: Level | None = default(None, "only strengthens the group's level")
    algorithms: GroupAlgorithms | None = default(None, "how mail to it is made")
    certificate: Fingerprint | None = default(
        None, "fingerprint of the certificate that stands for every address there"
    )
    authorities: tuple[Fingerprint, ...] = default([], "fingerprints: the only anchors for these domains")
    inbound: PartnerInbound = default({}, "what its mail must have")
    signs: Literal["person", "domain"] = default("person", "domain: its certificate signs for every address there")
