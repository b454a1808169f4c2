"""Judging the signers of one signed layer: mathematics, path, algorithm and address, each a fact of its own.

``pass`` needs all of them. Sender, Reply-To, display names and common names never count (rows SIG-05, SIG-07..09).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from gateway.cms.attribute import reads_as_attributes
from gateway.cms.identity import Identity
from gateway.cms.rejected import Rejected
from gateway.cms.signed import SignerInfo, Verified, content_digests, verify_signer
from gateway.engine.opened import Arrived, Opened
from gateway.engine.wants import EvidenceOn, NamedBy
from gateway.errors import GatewayError, LimitExceeded, Malformed
from gateway.mail.address import same_mailbox
from gateway.mail.author import read_author
from gateway.mail.content_type import content_type
from gateway.mail.header import read_header
from gateway.pki.certificate import Certificate, read_certificate
from gateway.pki.names import rfc4514, same_name
from gateway.pki.path import CertificatePath
from gateway.pki.unreadable import Unreadable, unreadable
from gateway.pki.validation import REVOCATION_UNKNOWN, PathFinding, Strictness, told
from gateway.pki.verdicts import Verdicts
from gateway.reason import Reason
from gateway.smime.finding import SignerFinding, ordered
from gateway.smime.open import SignedLayer
from gateway.story import Story, ask

CANDIDATES = 4
"""Certificates of one name that are tried for a signature."""

USUAL = 16 * 1024
"""Octets of a certificate that is remembered once it was read; most have 2,000."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges signers by the evidence it is told. ``subject_email``: see ``addresses`` in the configuration."""

    verdicts: Verdicts
    strictness: Strictness
    subject_email: bool = True
    fold: bool = True
    """Whether letter case counts in no local part."""

    def signers(self, layer: SignedLayer, arrived: Arrived, opened: Opened) -> Story[tuple[SignerFinding, ...]]:
        """Return a finding for every signer of ``layer``; of one without signers, a finding that says so.

        A signer that no operation is left for is not verified: ``limit``.
        """
        if not layer.data.signers:
            return (SignerFinding((Reason.NO_SIGNER,)),)
        carried = _carried(layer)
        digests = content_digests(layer.data.signers, layer.content)
        found = []
        for info in layer.data.signers:
            found.append((yield from self._signer(info, layer, digests, carried, arrived, opened)))
        return tuple(found)

    def _signer(
        self,
        info: SignerInfo,
        layer: SignedLayer,
        digests: dict[str, bytes],
        carried: Sequence[Certificate],
        arrived: Arrived,
        opened: Opened,
    ) -> Story[SignerFinding]:
        author = arrived.author
        candidates = yield from _candidates(info, carried)
        if not candidates:
            return _without_certificate(info, layer)
        certificate, verified, fault = _verified(info, digests, candidates, opened)
        if verified is not None and not verified.attributes and reads_as_attributes(layer.content):
            verified, fault = None, Malformed("the signed content reads as signed attributes, and there are none")
        path = yield from self._path(certificate, carried, arrived.at)
        certificate = path.path[0]
        addresses = self._addresses(certificate)
        reasons = [*path.reasons, *_address_faults(author, addresses, layer, self.fold)]
        reasons += [_reason(fault)] if fault else []
        issuer = _unreadable_issuer(path, layer)
        reasons += [issuer.reason] if issuer else []
        reasons += verified.reasons(self.strictness.accept_legacy) if verified else []
        reasons += [Reason.ALTERED] if layer.contradicted else []
        opened.unknown += _worth_asking(path, reasons)
        encrypt_to: CertificatePath = ()
        if not reasons:
            encrypt_to = yield from self._encrypt_to(verified, path, carried, arrived)
        return SignerFinding(
            reasons=ordered(reasons),
            identity=info.signer,
            certificate=certificate,
            anchor=path.anchor,
            addresses=_author_first(addresses, author, self.fold),
            digest=verified.digest if verified else None,
            algorithm=verified.algorithm if verified else None,
            signing_time=verified.signing_time if verified else None,
            notes=path.notes,
            detail=str(fault) if fault else _path_detail(path, issuer),
            issuers_wanted=_wanted(path),
            encrypt_to=encrypt_to,
            capabilities=verified.capabilities if verified and not reasons else (),
        )

    def _encrypt_to(
        self, verified: Verified | None, own: PathFinding, carried: Sequence[Certificate], arrived: Arrived
    ) -> Story[CertificatePath]:
        """The path of the certificate a signer prefers (RFC 8551 §2.5.3) if it holds as his own does, but for signing
        (CRT-05); none: ().
        """
        named = verified.preferred if verified else None
        if named is None or named.names(own.path[0]):
            return own.path
        for other in carried:
            if named.names(other) and arrived.author and _among(arrived.author, other.addresses, self.fold):
                path = yield from self._path(other, carried, arrived.at)
                return path.path if path.holds_for_encryption else ()
        return ()

    def _path(self, certificate: Certificate, carried: Sequence[Certificate], at: datetime) -> Story[PathFinding]:
        trust, evidence = yield from ask(EvidenceOn(certificate))
        return self.verdicts.judge(certificate, carried, trust, at, evidence, self.strictness)

    def _addresses(self, certificate: Certificate) -> tuple[str, ...]:
        """The mail names a certificate binds (RFC 8550 §3): the SAN's, else those of its subject where allowed."""
        if certificate.addresses or not self.subject_email:
            return certificate.addresses
        return certificate.subject_addresses


def _candidates(info: SignerInfo, carried: Sequence[Certificate]) -> Story[Sequence[Certificate]]:
    named = [certificate for certificate in carried if info.signer.names(certificate)]
    if not named:
        stored = (yield from ask(NamedBy((info.signer,)))).get(info.signer, ())
        named = [holding.certificate for holding in stored]
    return named[:CANDIDATES]


def _worth_asking(path: PathFinding, reasons: Sequence[Reason]) -> Sequence[CertificatePath]:
    """Return what to find out where nothing graver is wrong: else it makes no difference (row NET-01)."""
    if path.unknown and ordered([*reasons, Reason.REVOCATION_UNKNOWN])[0] is Reason.REVOCATION_UNKNOWN:
        return path.unknown
    return ()


def _verified(
    info: SignerInfo, digests: dict[str, bytes], candidates: Sequence[Certificate], opened: Opened
) -> tuple[Certificate, Verified | None, GatewayError | None]:
    """Return the candidate whose key made the signature and what holds of it; else the first and what is wrong."""
    faults: list[GatewayError] = []
    for certificate in candidates:
        try:
            opened.spend()
            return certificate, verify_signer(info, digests[info.digest.name], certificate), None
        except (Rejected, Malformed) as error:
            faults.append(error)
    return candidates[0], None, faults[0]


def _without_certificate(info: SignerInfo, layer: SignedLayer) -> SignerFinding:
    """One that came along and cannot be read is not one that is absent."""
    for found in map(_read, map(bytes, layer.data.certificates)):
        if isinstance(found, Unreadable) and info.signer.names(found):
            return SignerFinding((found.reason,), info.signer, detail=f"the signer's certificate: {found.fault}")
    return SignerFinding((Reason.NO_CERTIFICATE,), info.signer, detail=f"not stored: {_named(info.signer)}")


def _named(signer: Identity) -> str:
    """Return how a signature names its certificate, for the record."""
    if signer.key_id is not None:
        return f"subjectKeyIdentifier={told(signer.key_id.hex())}"
    issuer = "" if signer.issuer_der is None else told(rfc4514(signer.issuer_der))
    return f"issuer={issuer} serial={told(format(signer.serial or 0, 'x'))}"


def _unreadable_issuer(path: PathFinding, layer: SignedLayer) -> Unreadable | None:
    """Return the issuer that the path lacks, where its certificate came along and cannot be read."""
    if Reason.NO_PATH not in path.reasons:
        return None
    missing = path.path[-1].issuer_der
    for found in map(_read, map(bytes, layer.data.certificates)):
        if isinstance(found, Unreadable) and same_name(found.subject_der, missing):
            return found
    return None


def _path_detail(path: PathFinding, issuer: Unreadable | None) -> str | None:
    """What exactly is wrong with the path, where there is a phrase for it."""
    if issuer is not None:
        return f"an issuer's certificate: {issuer.fault}"
    return path.authority or next((note for note in path.notes if note != REVOCATION_UNKNOWN), None)


def _reason(fault: GatewayError) -> Reason:
    if isinstance(fault, Rejected):
        return fault.reason
    return Reason.LIMIT if isinstance(fault, LimitExceeded) else Reason.MALFORMED


def _address_faults(author: str | None, addresses: Sequence[str], layer: SignedLayer, fold: bool) -> list[Reason]:
    if author is None:
        return [Reason.FROM_AMBIGUOUS]
    if not _among(author, addresses, fold):
        return [Reason.ADDRESS_MISMATCH]
    return [] if _inner_author_agrees(layer, author, fold) else [Reason.ADDRESS_MISMATCH]


def _among(author: str, addresses: Sequence[str], fold: bool) -> bool:
    return any(same_mailbox(author, address, fold=fold) for address in addresses)


def _inner_author_agrees(layer: SignedLayer, author: str, fold: bool) -> bool:
    """Where the payload protects its header (RFC 9788, ``hp=``), its From must be the message's (row SIG-19)."""
    try:
        header = read_header(layer.content) if layer.part is None else layer.part.header
        types = header.named("content-type")
        kind = header.value(types[0]) if types else b""
        if b"hp" not in kind.lower() or "hp" not in content_type(kind).parameters:
            return True
    except Malformed:
        return False
    inner = read_author(header, fold=fold).address
    return inner is not None and same_mailbox(inner, author, fold=fold)


def _wanted(path: PathFinding) -> tuple[bytes, ...]:
    """The issuers that an administrator might import or trust; none where the path holds."""
    if path.anchor is not None or not path.path:
        return ()
    return tuple(dict.fromkeys(certificate.issuer_der for certificate in path.path))


def _author_first(addresses: Sequence[str], author: str | None, fold: bool) -> tuple[str, ...]:
    mine = [address for address in addresses if author is not None and same_mailbox(author, address, fold=fold)]
    return tuple(dict.fromkeys((*mine, *addresses)))


def _carried(layer: SignedLayer) -> list[Certificate]:
    """The certificates of a signature that can be read; they serve to build paths and are never trusted."""
    found = (_read(bytes(der)) for der in layer.data.certificates)
    return [certificate for certificate in found if isinstance(certificate, Certificate)]


def _read(der: bytes) -> Certificate | Unreadable | None:
    return _usual(der) if len(der) <= USUAL else _read_anew(der)


def _read_anew(der: bytes) -> Certificate | Unreadable | None:
    try:
        return read_certificate(der)
    except Malformed as fault:
        return unreadable(der, fault)


_usual = lru_cache(maxsize=512)(_read_anew)
