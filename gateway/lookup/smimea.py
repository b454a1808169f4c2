"""SMIMEA records as a source of certificates (RFC 8162): certificates that a domain publishes in the DNS.

Only whole certificates serve (selector 0, matching type 0); hashes name one that nobody has. Whether an answer was
validated (RFC 4035 §3.2.3) is believed of a resolver on this machine alone, and only one that the configuration names:
on the way from any other the bit may be set by anybody.
"""

from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address

import dns.exception
import dns.flags
import dns.name
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.SMIMEA import SMIMEA

from gateway.lookup.answer import MOST, Answer, NotAnswered
from gateway.mail.address import folded

SECONDS = 5.0
_HASH = 28
"""Octets of the hash that stand in the name (RFC 8162 §3)."""
_WHOLE, _EXACT = 0, 0
_PAYLOAD = 1232


@dataclass(frozen=True, slots=True)
class SmimeaRecords:
    """``resolver``: address and port of a validating resolver; None: the system's, which is believed nothing."""

    resolver: tuple[str, int] | None = None
    seconds: float = SECONDS

    def __call__(self, address: str) -> Answer:
        """Ask for an address. Raises ``NotAnswered``."""
        try:
            name = owner_name(address)
        except NotAnswered:
            return Answer()  # nobody publishes under what is no name
        try:
            found = self.made().resolve(name, dns.rdatatype.SMIMEA, lifetime=self.seconds, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return Answer()
        except dns.exception.DNSException as error:
            raise NotAnswered(told(error), lives=_came(error)) from error
        except OSError as error:
            raise NotAnswered(f"the resolver cannot be reached: {error.strerror}") from error
        records = [record for record in found if isinstance(record, SMIMEA)]
        whole = [bytes(record.cert) for record in records if (record.selector, record.mtype) == (_WHOLE, _EXACT)]
        return Answer(tuple(whole[:MOST]), secure=self.is_believed and bool(found.response.flags & dns.flags.AD))

    @property
    def is_believed(self) -> bool:
        """Whether the resolver's word counts that an answer was validated."""
        return self.resolver is not None and ip_address(self.resolver[0]).is_loopback

    def made(self) -> dns.resolver.Resolver:
        """Return who is asked."""
        made = dns.resolver.Resolver(configure=self.resolver is None)
        if self.resolver is not None:
            made.nameservers, made.port = [self.resolver[0]], self.resolver[1]
        made.use_edns(0, dns.flags.DO, _PAYLOAD)
        made.flags = dns.flags.RD | dns.flags.AD
        return made


def owner_name(address: str) -> dns.name.Name:
    """Return the name under which an address's records stand (RFC 8162 §3). Raises ``NotAnswered``.

    The local part is hashed as addresses are compared here, its ASCII letters lower-case, as it is published.
    """
    local, _, domain = folded(address).rpartition("@")
    hashed = sha256(local.encode()).hexdigest()[: 2 * _HASH]
    try:
        return dns.name.from_text(f"{hashed}._smimecert.{domain}.")
    except dns.exception.DNSException as error:
        raise NotAnswered("the address's domain is no DNS name") from error


def told(error: dns.exception.DNSException) -> str:
    """Return what went wrong in our own words."""
    if isinstance(error, dns.resolver.NoNameservers):
        return "the resolver failed, or refused the answer: it may not validate"
    if isinstance(error, dns.exception.Timeout):
        return "it took too long"
    return f"the resolver gave no answer: {type(error).__name__}"


def _came(error: dns.exception.DNSException) -> bool:
    """Whether the resolver said something, such as that the servers of the domain fail: anybody may have such ones."""
    return isinstance(error, dns.resolver.NoNameservers) and any(reply for *_, reply in error.kwargs["errors"])
