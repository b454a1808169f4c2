"""What the DNS says of our own addresses: whether it publishes their certificates, and who may issue them."""

from dataclasses import dataclass
from enum import StrEnum

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.CAA import CAA

from gateway.lookup.answer import NotAnswered
from gateway.lookup.smimea import SmimeaRecords, told

ISSUEMAIL = b"issuemail"
SECONDS = 5.0


class Agreement(StrEnum):
    """Whether a zone publishes a certificate."""

    AGREES = "agrees"
    """It does."""
    DIFFERS = "differs"
    """It publishes others only: mail may be encrypted to a key that is not the present one."""
    ABSENT = "absent"
    """It publishes none."""
    UNKNOWN = "unknown"
    """It could not be asked."""


@dataclass(frozen=True, slots=True)
class MailIssuers:
    """Who may issue mail certificates for a domain (RFC 9495), as the records at ``name`` say.

    ``allowed``: domains of authorities; None: anybody may; none at all: nobody.
    """

    name: str | None
    allowed: tuple[str, ...] | None


def agreement(records: SmimeaRecords, address: str, certificate: bytes) -> Agreement:
    """Return whether the DNS publishes a certificate (DER) for an address."""
    try:
        found = records(address).certificates
    except NotAnswered:
        return Agreement.UNKNOWN
    if certificate in found:
        return Agreement.AGREES
    return Agreement.DIFFERS if found else Agreement.ABSENT


def mail_issuers(records: SmimeaRecords, domain: str) -> MailIssuers:
    """Ask who may issue for addresses of a domain: the nearest records at it or above count (RFC 8659 §3).

    Raises ``NotAnswered``.
    """
    try:
        name = dns.name.from_text(f"{domain}.")
        while name != dns.name.root:
            if (found := _records(records, name)) is not None:
                named = [record.value for record in found if record.tag.lower() == ISSUEMAIL]
                where = name.to_text(omit_final_dot=True)
                return MailIssuers(where, tuple(filter(None, map(_issuer, named))) if named else None)
            name = name.parent()
    except dns.exception.DNSException as error:
        raise NotAnswered(told(error)) from error
    return MailIssuers(None, None)


def _records(records: SmimeaRecords, name: dns.name.Name) -> list[CAA] | None:
    try:
        found = records.made().resolve(name, dns.rdatatype.CAA, lifetime=SECONDS, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return None
    return [record for record in found if isinstance(record, CAA)]


def _issuer(value: bytes) -> str:
    """The issuer's domain, without the parameters behind it (RFC 8659 §4.2); empty: nobody."""
    return value.decode("ascii", "replace").partition(";")[0].strip().lower()
