"""What goes along when certificates are deleted or an authority is distrusted: asked before it is done."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding
from gateway.pki.issuance import names_issuer
from gateway.pki.names import rfc4514
from gateway.store import schema
from gateway.store.certificates.stored import has_key, holding, holdings, stored_chain, stored_text, with_key
from gateway.store.database import Database


@dataclass(frozen=True, slots=True)
class Loss:
    """What goes along with certificates that are deleted, but for themselves.

    ``keys``: those among them with whom their private key goes. ``chains``: own certificates that stay and whose chain
    breaks, each with the issuer that would be missing.
    """

    keys: Sequence[Certificate]
    chains: Sequence[tuple[Certificate, str]]


def loss(database: Database, doomed: Iterable[Certificate]) -> Loss:
    """Return what would go along if these stored certificates were deleted together. Raises ``Fault``."""
    gone = set(doomed)
    with database.read() as connection:
        last = [item for item in gone if gone.issuperset(with_key(connection, item.public_key_id))]
        keys = [item for item in last if has_key(connection, item)]
        broken: list[tuple[Certificate, str]] = []
        for item in own_certificates(database) if any(item.is_ca for item in gone) else ():
            missing = stored_chain(connection, item.certificate, gone).missing
            if item.certificate not in gone and missing and not stored_chain(connection, item.certificate).missing:
                broken.append((item.certificate, rfc4514(missing)))
    return Loss(sorted(keys, key=lambda item: item.fingerprint), broken)


def below(database: Database, authority: Certificate) -> Collection[Holding]:
    """Return the stored certificates that name an authority as their issuer, those below these, and so on.

    Names are compared as they are shown, and no signature is checked: it is a number for people. Raises ``Fault``.
    """
    table, found = schema.certificates.c, dict[Certificate, Holding]()
    level = [authority]
    with database.read() as connection:
        while level:
            names = sorted({stored_text(issuer.subject) for issuer in level})
            rows = connection.execute(holdings().where(table.issuer.in_(names)).order_by(table.fingerprint))
            new = {
                item.certificate: item
                for item in map(holding, rows)
                if item.certificate != authority and any(names_issuer(item.certificate, issuer) for issuer in level)
            }
            level = [item for item in new if item.is_ca and item not in found]
            found |= new
    return found.values()


def own_certificates(database: Database) -> list[Holding]:
    """Return the leaves whose private key is stored. Raises ``Fault``."""
    table, keys = schema.certificates.c, schema.keys.c.public_key_id
    query = holdings().where(keys.is_not(None), ~table.is_ca).order_by(table.fingerprint)
    with database.read() as connection:
        return [holding(row) for row in connection.execute(query)]
