"""By which names a message may know a certificate (``cms.identity``), as an index.

A name is indexed in the form of ``pki.need``: one hash for issuer and serial number, one for the subject key
identifier. Issuers are folded in it, so what is found may be named only nearly so: ``Identity.names`` tells.
"""

from sqlalchemy import Connection

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


def add(connection: Connection, certificate: Certificate) -> None:
    """Index a certificate that has just been stored."""
    rows = [{"value": each, "fingerprint": certificate.fingerprint} for each in sorted(index_values(certificate))]
    insert_new(connection, schema.identities, rows)
