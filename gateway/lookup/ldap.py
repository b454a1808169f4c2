"""LDAP and Active Directory as a source of certificates (RFC 4511, 4523, 2798)."""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.errors import Malformed
from gateway.lookup.answer import MOST, Answer, NotAnswered
from gateway.lookup.channel import Channel, Deadline, connected
from gateway.lookup.fetch import Resolve, resolve, told
from gateway.lookup.ldap_filter import read_filter
from gateway.lookup.ldap_session import Search, Session
from gateway.pki.bundle import certificates_in

SECONDS = 10.0
FILTER = "(|(mail={address})(proxyAddresses=smtp:{address}))"
ATTRIBUTES = ("userCertificate;binary", "userSMIMECertificate")


@dataclass(frozen=True, slots=True)
class LdapServer:
    """Where and how to ask. ``tls``: None: never; ``starttls``: on a plain connection, else from the first octet.

    ``name``, ``password``: the login; both empty: nobody's. ``filter``: with places for the address (``ldap_filter``).
    """

    host: str
    port: int
    base: str
    tls: ssl.SSLContext | None = None
    starttls: bool = False
    name: str = ""
    password: str = field(default="", repr=False)
    filter: str = FILTER
    attributes: Sequence[str] = ATTRIBUTES
    seconds: float = SECONDS
    resolve: Resolve = resolve

    def __call__(self, address: str) -> Answer:
        """Ask for an address. Raises ``NotAnswered``."""
        local, _, domain = address.rpartition("@")
        places = {"address": address.encode(), "local": local.encode(), "domain": domain.encode()}
        search = Search(self.base, read_filter(self.filter).encoded(places), self.attributes)
        try:
            return Answer(tuple(self._asked(search))[:MOST])
        except (Malformed, OSError) as error:
            raise NotAnswered(told(error)) from error

    def _asked(self, search: Search) -> list[bytes]:
        deadline = Deadline(self.seconds)
        with self._session(deadline) as session:
            if self.tls is not None and self.starttls:
                session.start_tls(self.tls, self.host)
            session.bind(self.name, self.password)
            entries = list(session.search(search))
            session.end()
        return [found for entry in entries for value in self._values(entry) for found in certificates_in(value)]

    def _session(self, deadline: Deadline) -> Session:
        channel = Channel(connected(self.resolve(self.host, self.port), self.port, deadline), deadline)
        if self.tls is not None and not self.starttls:
            channel = channel.under_tls(self.tls, self.host)
        return Session(channel, deadline)

    def _values(self, entry: Mapping[str, Sequence[bytes]]) -> list[bytes]:
        """Return the values that were asked for; a server may send what it likes."""
        names = [name.partition(";")[0].lower() for name in self.attributes]
        return [value for name in names for value in entry.get(name, ())][:MOST]
