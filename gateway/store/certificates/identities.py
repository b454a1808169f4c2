"""By which names a message may know a certificate (``cms.identity``), as an index.

A name is indexed in the form of ``pki.need``: one hash for issuer and serial number, one for the subject key
identifier. Issuers are folded in it, so what is found may be named only nearly so: ``Identity.names`` tells.
"""

from sqlalchemy import Connection, select

from gateway.cms.identity import Identity
from gateway.pki.certificate import Certificate
from gateway.pki.need import NeedKind, brings, by_key_id, by_serial
from gateway.store import schema
from gateway.store.database import insert_new


def index_value(identity: Identity) -> str | None:
    """Return what ``identity`` is looked up by; None: it names nothing."""
    if identity.key_id is not None:
        return by_key_id(NeedKind.SIGNER, identity.key_id).value
    if identity.issuer_der is not None and identity.serial is not None:
        return by_serial(NeedKind.SIGNER, identity.issuer_der, identity.serial).value
    return None


def index_values(certificate: Certificate) -> frozenset[str]:
    """Return what ``certificate`` is found by."""
    return frozenset(need.value for need in brings(certificate, False) if need.kind is NeedKind.SIGNER)


def namesake(connection: Connection, certificate: Certificate) -> str | None:
    """Return the fingerprint of another stored certificate with the same issuer and serial number; None: none has it.

    No two ever should (RFC 5280 §4.1.2.2): a message that names one of them may mean either.
    """
    table = schema.identities.c
    named = by_serial(NeedKind.SIGNER, certificate.issuer_der, certificate.serial).value
    others = select(table.fingerprint).where(table.value == named, table.fingerprint != certificate.fingerprint)
    return connection.scalar(others.limit(1))


def add(connection: Connection, certificate: Certificate) -> None:
    """Index a certificate that has just been stored."""
    rows = [{"value": each, "fingerprint": certificate.fingerprint} for each in sorted(index_values(certificate))]
    insert_new(connection, schema.identities, rows)
