"""The sources that the configuration names."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from gateway.config import Options
from gateway.config.partners import Source as SourceOptions
from gateway.lookup.answer import Ask
from gateway.lookup.directory import Directory
from gateway.lookup.key_server import KeyServer
from gateway.lookup.ldap import ATTRIBUTES, FILTER, LdapServer
from gateway.lookup.smimea import SmimeaRecords
from gateway.mail.address import folded
from gateway.pki.holding import Origin
from gateway.policy.rule import EVERY_DOMAIN
from gateway.policy.wants import Lookup

LDAP_PORTS = {"ldap": 389, "ldaps": 636}
DNS_PORT = 53
Minimum = Literal["chain", "dnssec", "pending"]


@dataclass(frozen=True, slots=True)
class Source:
    """One source: how it is asked, of whose addresses (``domains``, folded), what its certificates need."""

    domains: frozenset[str]
    origin: Origin
    minimum: Minimum
    ask: Ask
    directory: Directory[Lookup]

    @property
    def name(self) -> str:
        """What it is called in records and metrics."""
        return self.directory.name

    def holds(self, address: str) -> bool:
        """Whether it is asked of an address."""
        return not self.domains.isdisjoint((EVERY_DOMAIN, folded(address).rpartition("@")[2]))


def build_sources(options: Options) -> Sequence[Source]:
    """Return the sources, none of which is asked yet; password and CA files are read. Raises ``OSError``."""
    return tuple(map(_source, options.discovery.sources))


def _source(options: SourceOptions) -> Source:
    makers = {"ldap": _ldap, "smimea": _smimea, "http": _http}
    return Source(
        domains=frozenset(options.domains),
        origin=Origin.DNS if options.kind == "smimea" else Origin.DIRECTORY,
        minimum=options.minimum,
        ask=makers[options.kind](options),
        directory=Directory(options.name),
    )


def _ldap(options: SourceOptions) -> Ask:
    url = urlsplit(options.url or "")
    password = "" if options.password_file is None else options.password_file.read_text().partition("\n")[0].strip()
    return LdapServer(
        host=url.hostname or "",
        port=url.port or LDAP_PORTS[url.scheme],
        base=options.base or "",
        tls=_tls(options),
        starttls=options.starttls,
        name=options.bind_dn or "",
        password=password,
        filter=options.filter or FILTER,
        attributes=options.attributes or ATTRIBUTES,
    )


def _smimea(options: SourceOptions) -> Ask:
    resolver = options.resolver
    return SmimeaRecords(None if resolver is None else (resolver.host, resolver.port))


def _http(options: SourceOptions) -> Ask:
    return KeyServer(options.url or "", _tls(options))


def _tls(options: SourceOptions) -> ssl.SSLContext | None:
    """Return what verifies a server: by the authorities of ``ca``, and no others."""
    return None if options.ca is None else ssl.create_default_context(cafile=options.ca)
