"""Our own certificates, for others to find: SMIMEA records, entries of a directory, vCards; and what the DNS has."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.clock import now
from gateway.config import Options
from gateway.errors import Refused
from gateway.lookup.answer import NotAnswered
from gateway.lookup.published import Agreement, agreement, mail_issuers
from gateway.lookup.smimea import SmimeaRecords, owner_name
from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding
from gateway.policy.choose import for_encryption
from gateway.store import Store
from gateway.store.certificates.consequences import own_certificates
from gateway.wiring import Wiring

FOLD = 74
"""Octets of a line, behind the blank that goes on with it (RFC 2849 note 2, RFC 6350 §3.2)."""


class Form(StrEnum):
    """How certificates are published."""

    DNS = "dns"
    LDIF = "ldif"
    VCARD = "vcard"


@dataclass(frozen=True, slots=True)
class PublishedView:
    """The certificate that others encrypt to for ``address``, and the ``text`` that publishes it.

    Of the DNS only: ``zone`` says whether it agrees, ``issuers`` which authorities' domains may issue for the address
    (RFC 9495; None: all, or it is not known), ``issuer`` who did.
    """

    address: str
    fingerprint: str
    text: str
    issuer: str
    zone: Agreement | None = None
    issuers: tuple[str, ...] | None = None


def published(wiring: Wiring, form: Form, addresses: Sequence[str]) -> list[PublishedView]:
    """Return what publishes our certificates for these addresses; none named: for all that have one.

    For ``Form.DNS`` the DNS is asked. Raises ``Fault``, and ``Refused`` where an address has no certificate of ours.
    """
    own = [_own(wiring.store, address) for address in addresses] if addresses else list(_all(wiring.store))
    if form is Form.DNS:
        records = _records(wiring.options)
        return [_in_dns(records, address, certificate) for address, certificate in own]
    make = {Form.LDIF: _entry, Form.VCARD: _card}[form]
    return [
        PublishedView(address, certificate.fingerprint, make(address, certificate), certificate.issuer)
        for address, certificate in own
    ]


def _own(store: Store, address: str) -> tuple[str, Certificate]:
    found = _served(store, address)
    if found is None:
        raise Refused(f"nothing to publish for {address}: no certificate to encrypt to whose private key is here")
    return address, found


def _all(store: Store) -> Iterator[tuple[str, Certificate]]:
    names = {name for item in own_certificates(store.database) for name in item.certificate.addresses}
    for address in sorted(names):
        if (found := _served(store, address)) is not None:
            yield address, found


def _served(store: Store, address: str) -> Certificate | None:
    """Return the certificate that we would encrypt to for an address, where its key is here."""
    at = now()
    mine = [item for item in store.certificates.find([address], at)[address] if item.has_key]
    choice = for_encryption(mine, at)
    return choice.certificate if isinstance(choice, Holding) else None


def _records(options: Options) -> SmimeaRecords:
    """Return who is asked: the resolver of a source, else the system's."""
    named = next((source.resolver for source in options.discovery.sources if source.resolver is not None), None)
    return SmimeaRecords(None if named is None else (named.host, named.port))


def _in_dns(records: SmimeaRecords, address: str, certificate: Certificate) -> PublishedView:
    text = f"{owner_name(address)} IN SMIMEA 3 0 0 {certificate.der.hex()}"
    try:
        issuers = mail_issuers(records, address.rpartition("@")[2]).allowed
    except NotAnswered:
        issuers = None
    zone = agreement(records, address, certificate.der)
    return PublishedView(address, certificate.fingerprint, text, certificate.issuer, zone, issuers)


def _entry(address: str, certificate: Certificate) -> str:
    """An entry of the address under the names of its domain (RFC 2247), of inetOrgPerson (RFC 2798)."""
    above = ",".join(f"dc={label}" for label in address.rpartition("@")[2].split("."))
    lines = [
        f"dn:: {_base64(f'mail={_escaped(address)},{above}'.encode())}",
        "objectClass: inetOrgPerson",
        *(f"{name}:: {_base64(address.encode())}" for name in ("cn", "sn", "mail")),
        f"userCertificate;binary:: {_base64(certificate.der)}",
    ]
    return "\n".join([*(line for each in lines for line in _folded(each)), ""])


def _card(address: str, certificate: Certificate) -> str:
    """A vCard 4.0 (RFC 6350) with the certificate as KEY."""
    lines = [
        "BEGIN:VCARD",
        "VERSION:4.0",
        f"FN:{_text(address)}",
        f"EMAIL:{_text(address)}",
        f"KEY:data:application/pkix-cert;base64,{_base64(certificate.der)}",
        "END:VCARD",
    ]
    return "\r\n".join([*(line for each in lines for line in _folded(each)), ""])


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")


def _escaped(value: str) -> str:
    """A value of a distinguished name (RFC 4514 §2.4)."""
    return "".join(f"\\{sign}" if sign in '"+,;<>\\=#' else sign for sign in value)


def _text(value: str) -> str:
    """A value of a vCard (RFC 6350 §3.4)."""
    return "".join(f"\\{sign}" if sign in "\\,;" else sign for sign in value)


def _folded(line: str) -> Iterator[str]:
    yield line[: FOLD + 1]
    for at in range(FOLD + 1, len(line), FOLD):
        yield f" {line[at : at + FOLD]}"
