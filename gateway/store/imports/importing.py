"""Taking files in: what a file holds is read, judged, and stored in one transaction. Held mail that waited for it is
made ready in the same.

What cannot be read (``malformed``, ``limit``) is a fault of the file: then nothing of it is stored. An object that may
not be stored, or that no passphrase opens, is refused by itself. Keys and certificates come in any order, in one file
or several; a key without a certificate waits, and serves every certificate with its public key.

Trust: a leaf is trusted for itself. A CA certificate is an anchor if its file holds no leaf; one that came along with
a leaf is an intermediate. A self-issued one that is a person's (``pki.self_issued``) is a leaf. A certificate that is
known keeps its trust, except that an import that makes it trusted lifts one that nobody had said anything of, or that
mail had brought; and whose it is changes only where somebody says so. A CRL is stored in the place of an older one of
its series. Of a signed mail only its signers' certificates are taken (``smime.signers``), never as anchors.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from gateway.cms.rejected import Rejected
from gateway.errors import Malformed
from gateway.pki.acceptance import mail_addresses
from gateway.pki.armour import has_blocks
from gateway.pki.bundle import MAX_SIZE, BundledCertificate, BundledObject, BundleFault, read_bundle
from gateway.pki.certificate import Certificate, key_facts, public_key_id, read_certificate
from gateway.pki.revocation import RevocationList
from gateway.pki.self_issued import Whose, read_as
from gateway.pki.summary import sealing_fault
from gateway.reason import Reason
from gateway.smime.signers import is_mail, signers_of
from gateway.store.certificates import identities, stored
from gateway.store.certificates.said import Origin, Said, Trust
from gateway.store.imports.appraising import Appraised, Imported, ImportOptions, NewKey, appraised, certificate_line
from gateway.store.keys import private_keys
from gateway.store.keys.key_encryption_key import KeyEncryptionKey
from gateway.store.opening import Store
from gateway.store.revocation import lists
from gateway.store.revocation.lists import Filed

__all__ = ["FILE_FAULTS", "ImportOptions", "Imported", "import_file"]

_UNSIGNED = BundleFault("mail", Reason.MALFORMED, "a mail that is not signed as a whole brings no certificate")
FILE_FAULTS = frozenset({Reason.MALFORMED, Reason.LIMIT})


def import_file(store: Store, data: bytes, passphrases: Sequence[bytes], options: ImportOptions) -> list[Imported]:
    """Import what ``data`` holds; one result per object, in the file's order, or only the faults of the file.

    Raises ``Fault``, and ``Misconfigured`` where keys cannot be wrapped; then nothing is stored.
    """
    shown = _of_mail(data)
    if shown is None:
        judged = appraised(read_bundle(data, passphrases).objects, options)
    else:
        options = replace(options, trust_cas=False)
        judged = appraised(shown, replace(options, whose=Whose.PERSON))
    if faults := [item for item in judged if isinstance(item, Imported) and item.reason in FILE_FAULTS]:
        return faults
    with store.database.change(keep=not options.dry_run) as connection:
        filing = _Filing(
            connection,
            options,
            shown is None and _makes_anchors(judged, options),
            _key_for(connection, store, judged, options),
        )
        results = filing.all(judged)
    store.generation.expire()
    return results


def _of_mail(data: bytes) -> list[BundledObject] | None:
    """Return what a saved mail brings, its signers' certificates and nothing else; None: it is no signed mail.

    Whoever wrote it chose what is in it, so none of it becomes an anchor.
    """
    if len(data) > MAX_SIZE or not is_mail(data):
        return None
    try:
        found = signers_of(data)
    except Rejected as rejected:
        return [BundleFault("mail", rejected.reason, f"{rejected}; nothing of it is taken")]
    except Malformed as error:
        return [BundleFault("mail", Reason.MALFORMED, f"its signature cannot be read: {error}")]
    if found is not None:
        return [BundledCertificate("mail", certificate.der) for certificate in found]
    return None if has_blocks(data) else [_UNSIGNED]


def _makes_anchors(judged: Sequence[Appraised], options: ImportOptions) -> bool:
    """Whether the CA certificates of this file become anchors. A refused certificate is a leaf: no CA is refused."""
    holds_leaf = any(
        not item.is_ca if isinstance(item, Certificate) else isinstance(item, Imported) and item.object == "certificate"
        for item in judged
    )
    return options.trust and (options.trust_cas or (not holds_leaf and options.whose is not Whose.PERSON))


def _key_for(
    connection: Connection, store: Store, judged: Sequence[Appraised], options: ImportOptions
) -> KeyEncryptionKey | None:
    """The key to wrap with; None where no private key is to be stored, so that none is created needlessly."""
    if not any(isinstance(item, NewKey) for item in judged):
        return None
    return store.wrapping.rehearse() if options.dry_run else store.wrapping.first_use(connection)


@dataclass(frozen=True, slots=True)
class _Filing:
    """One transaction that stores what a file holds."""

    connection: Connection
    options: ImportOptions
    makes_anchors: bool
    wrapping_key: KeyEncryptionKey | None

    def all(self, judged: Sequence[Appraised]) -> list[Imported]:
        """Store everything, keys after certificates, so that only keys without any are waiting."""
        results: dict[int, Imported] = {}
        for place, item in sorted(enumerate(judged), key=lambda pair: isinstance(pair[1], NewKey)):
            results[place] = self._one(item)
        in_file = {item for item in judged if isinstance(item, Certificate)}
        return [self._with_gap(results[place], judged[place], in_file) for place in sorted(results)]

    def _with_gap(self, imported: Imported, item: Appraised, in_file: Collection[Certificate]) -> Imported:
        """Say what is missing above a certificate that has a key, or above one that came before its key."""
        mine: list[Certificate] = []
        if isinstance(item, Certificate) and not item.is_ca and stored.has_key(self.connection, item):
            mine = [item]
        elif isinstance(item, NewKey):
            named = stored.with_key(self.connection, public_key_id(item.key.public_key()))
            mine = [certificate for certificate in named if certificate not in in_file]
        gaps = [gap for each in mine if (gap := stored.stored_chain(self.connection, each).gap)]
        texts = dict.fromkeys((imported.text, *gaps))
        return replace(imported, text="; ".join(filter(None, texts))) if gaps else imported

    def _one(self, item: Appraised) -> Imported:
        if isinstance(item, Certificate):
            return self._certificate(item)
        if isinstance(item, RevocationList):
            return self._revocation_list(item)
        return self._key(item) if isinstance(item, NewKey) else item

    def _certificate(self, found: Certificate) -> Imported:
        before = stored.said_of(self.connection, found)
        if before is None:
            said = Said(Origin.IMPORTED, self._wanted(found))
            addresses = mail_addresses(found, self.options.subject_email)
            stored.add(self.connection, found, addresses, said, self.options.by)
            text = _standing(found, said, self.options.at)
            if other := identities.namesake(self.connection, found):
                text += f"; {other[:16]} has the same issuer and serial number: mail may mean either"
            return _lifted(certificate_line(found, "added", None, text), found, said)
        is_ca = stored.is_authority(self.connection, found)
        if found.is_ca != is_ca and self.options.whose is not None:
            return self._otherwise(found)
        return self._again(read_as(found.der, is_ca=is_ca), before)

    def _wanted(self, found: Certificate) -> Trust:
        trusted = self.makes_anchors if found.is_ca else self.options.trust
        return Trust.TRUSTED if trusted else Trust.NONE

    def _otherwise(self, found: Certificate) -> Imported:
        """Take a person's certificate for an authority's from now on, or the other way round: somebody said so."""
        said, addresses = Said(Origin.IMPORTED, self._wanted(found)), mail_addresses(found, self.options.subject_email)
        stored.reread(self.connection, found, addresses, said, self.options.by)
        line = certificate_line(found, "known", Reason.DUPLICATE, f"now {_standing(found, said, self.options.at)}")
        return _lifted(line, found, said)

    def _again(self, found: Certificate, before: Said) -> Imported:
        if self._wanted(found) is not Trust.TRUSTED or before.trust is Trust.DISTRUSTED:
            return certificate_line(found, "known", Reason.DUPLICATE, _standing(found, before, self.options.at))
        said = Said(Origin.IMPORTED, Trust.TRUSTED)
        if before != said:
            stored.mark(self.connection, found, said, self.options.by)
        text = _standing(found, said, self.options.at)
        if before.trust is Trust.NONE:
            text = f"now {text}"
        line = certificate_line(found, "known", Reason.DUPLICATE, text)
        return line if before.trust is Trust.TRUSTED else _lifted(line, found, said)

    def _revocation_list(self, found: RevocationList) -> Imported:
        filed = lists.add(self.connection, found)
        result, reason = ("added", None) if filed.new else ("known", Reason.DUPLICATE)
        text = _beside(found, filed)
        return Imported("crl", result, found.fingerprint, subject=found.issuer, reason=reason, text=text)

    def _key(self, item: NewKey) -> Imported:
        assert self.wrapping_key is not None
        name = public_key_id(item.key.public_key())
        new = private_keys.add(self.connection, self.wrapping_key, item.key, item.passphrase)
        waits = not private_keys.serves(self.connection, name)
        kind, size, _ = key_facts(item.key.public_key())
        text = f"{kind} {size}" + (", waiting for its certificate" if waits else "")
        reason = (Reason.WAITING if waits else None) if new else Reason.DUPLICATE
        return Imported("key", "added" if new else "known", name, reason=reason, text=text)


def _lifted(line: Imported, found: Certificate, said: Said) -> Imported:
    """Return what is told of a certificate, with whether what is said of it now makes it an anchor."""
    return replace(line, anchor=found.is_ca and said.trust is Trust.TRUSTED)


def _beside(found: RevocationList, filed: Filed) -> str:
    if filed.other is None or filed.other.fingerprint == found.fingerprint:
        return ""
    day = f"{filed.other.this_update:%Y-%m-%d}"
    return f"in the place of the one of {day}" if filed.new else f"a newer one, of {day}, is stored"


def _standing(found: Certificate, said: Said, at: datetime) -> str:
    if said.trust is Trust.DISTRUSTED:
        return f"distrusted; `cert trust {found.fingerprint[:16]}` lifts it"
    if said.is_learned:
        return f"learned from mail; `cert trust {found.fingerprint[:16]}` trusts it"
    if said.trust is Trust.NONE:
        kind = "a CA, but no anchor" if found.is_ca else "not trusted"
        return f"{kind}; `cert trust {found.fingerprint[:16]}` trusts it"
    standing = "trust anchor: believed for every address" if found.is_ca else "trusted"
    if not found.is_ca and read_certificate(found.der).is_ca:
        standing = "a person's, though it says CA: trusted for itself and its own addresses"
    return "; ".join((standing, *_limits(found, at)))


def _limits(found: Certificate, at: datetime) -> Iterator[str]:
    """What a trusted certificate is not good for, which the administrator may not expect."""
    fault = found.fault_at(at)
    if fault is not None:
        ended = f"expired {found.not_after:%Y-%m-%d}"
        word = ended if fault is Reason.EXPIRED else f"not valid before {found.not_before:%Y-%m-%d}"
        yield word if found.is_ca else f"{word}: seals nothing"
    elif (seals_nothing := sealing_fault(found)) is not None:
        yield seals_nothing
    elif not found.is_ca and not (found.may_sign and found.may_encrypt):
        yield "signs only" if found.may_sign else "encrypts only"
