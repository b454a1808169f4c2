"""Unwrapping a message layer by layer, and what was found on the way.

Only layers at the root count, one inside the other, up to a limit. The innermost signature gives the verdict; one that
covers ciphertext which was then opened says nothing about what the reader sees. A layer deeper in the tree is an errant
one: it is left as it is and makes the message ``partial``, in an attached message not even that.

A key is chosen by the recipient identifier and used once, only where its owner is addressed; after it was used every
failure looks the same. Nothing of a failed decryption is kept.

A content key opens one content: before anything of an opened envelope is handed over, its wrapped keys are remembered.
Another content under one of them is opened only if it authenticates itself; else it says what somebody makes it say who
cannot read it, to whoever answers, forwards or bounces it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.cms.compressed import Compressed, decompress
from gateway.cms.enveloped import Enveloped, decrypt
from gateway.cms.identity import Identity
from gateway.cms.recipient import Recipient
from gateway.cms.rejected import Rejected
from gateway.engine.judging import Judge
from gateway.engine.opened import Access, Arrived, Opened
from gateway.engine.wants import EarlierUse, Failed, FailuresOf, KeyOf, NamedBy, Use
from gateway.errors import LimitExceeded, Malformed
from gateway.mail.entity import Entity, read_entity
from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding
from gateway.policy.entitlement import Entitlement
from gateway.reason import Reason
from gateway.smime.content import as_entity, sole_content
from gateway.smime.finding import (
    Coverage,
    Encryption,
    EncryptionFinding,
    Layer,
    RecipientFinding,
    SignatureFinding,
    SignerFinding,
    Status,
    over_ciphertext_only,
    status_of,
    verdict,
)
from gateway.smime.frame import CMS_TYPES, check_opaque
from gateway.smime.open import SignedLayer, claimed_kind, layer_name, read_layer
from gateway.smime.protected import read_protected
from gateway.story import Story, ask

MAX_LAYERS = 5
"""Layers in one another (row LIM-02); triple wrapping needs three."""


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens messages with the keys it is given; ``size_limit`` in bytes bounds what compressed content may become.

    ``failures_per_hour``: how often a key may fail: an oracle needs many tries, honest mail hardly any (row DEC-08).
    """

    judge: Judge
    entitlement: Entitlement
    failures_per_hour: int
    size_limit: int
    open_opaque: bool = True
    accept_legacy: bool = False
    open_clear: bool = False

    def open(self, arrived: Arrived, access: Access, opened: Opened) -> Story[Opened]:
        """Unwrap a message.

        ``opened`` is filled in on the way: any exception is a bug, and it then tells for whom a key may have been used.
        """
        yield from self._unwrap(arrived, access, opened)
        earlier = yield from _earlier_use(opened, arrived)
        if earlier is None:
            return opened
        closed = Opened()
        yield from self._unwrap(replace(arrived, recipients=()), Access.NONE, closed)
        closed.encryption = replace(
            closed.encryption,
            status=Encryption.FAILED,
            reason=Reason.KEY_REUSED,
            key=opened.encryption.key,
            detail=f"a content key of this message opened something else before: record {earlier}",
        )
        closed.entitled, closed.key_used = opened.entitled, True
        return closed

    def _unwrap(self, arrived: Arrived, access: Access, opened: Opened) -> Story[None]:
        header = arrived.header
        signed: list[SignedLayer] = []
        covered: list[SignedLayer] = []
        try:
            entity = opened.standing = read_entity(arrived.content, header=header)
        except LimitExceeded as error:
            return _unreadable(opened, Reason.LIMIT, str(error))
        try:
            while (layer := read_layer(entity)) is not None:
                if len(opened.layers) == MAX_LAYERS:
                    raise LimitExceeded(f"more than {MAX_LAYERS} layers")
                opened.layers.append(layer_name(layer))
                if isinstance(layer, SignedLayer):
                    signed.append(layer)
                    entity = self._signed_alone(entity, opened) or layer.part or self._carried(layer, entity, opened)
                    continue
                entity = yield from self._unwrapped(layer, arrived, access, opened)
                if isinstance(layer, Enveloped):
                    covered += signed
                    signed.clear()
            if opened.layers:
                opened.protected = read_protected(entity, header)
        except _Closed:
            pass
        except Rejected as error:
            return _unreadable(opened, error.reason, str(error))
        except LimitExceeded as error:
            return _unreadable(opened, Reason.LIMIT, str(error), claimed_kind(entity))
        except Malformed as error:
            _unreadable(opened, Reason.MALFORMED, str(error), claimed_kind(entity))
            _look_for_errant_layers(opened, entity)
            with suppress(LimitExceeded):
                # Of a frame that does not hold, the content is shown all the same.
                payload = self._signed_alone(entity, opened) or (*entity.children, entity)[0]
                opened.protected = read_protected(payload, header)
            return None
        yield from self._sum_up(arrived, opened, signed, covered)
        _look_for_errant_layers(opened, entity)
        return None

    def _signed_alone(self, entity: Entity, opened: Opened) -> Entity | None:
        """Put a clear-signed part in the place of ``entity`` where that stands in the message's, and holds no more."""
        part = sole_content(entity) if self.open_clear and entity is opened.standing else None
        return None if part is None else _put(opened, as_entity(part))

    def _carried(self, layer: SignedLayer, entity: Entity, opened: Opened) -> Entity:
        """Return the content of the opaque signature that ``entity`` is. Raises ``Malformed``, ``LimitExceeded``."""
        inner = as_entity(layer.content)
        if self.open_opaque and layer.replaceable:
            return _put(opened, inner)
        if layer.replaceable:
            check_opaque(entity)
        return read_entity(inner)

    def _unwrapped(
        self, layer: Enveloped | Compressed, arrived: Arrived, access: Access, opened: Opened
    ) -> Story[Entity]:
        """Return the content of a layer; raises ``_Closed`` where it stays closed."""
        if isinstance(layer, Compressed):
            inner = as_entity(decompress(layer, self.size_limit))
            if len(inner) > self.size_limit:
                raise LimitExceeded(f"compressed content of more than {self.size_limit} octets with its line ends")
        else:
            inner = yield from self._decrypted(layer, arrived, access, opened)
        return _put(opened, inner)

    def _decrypted(self, layer: Enveloped, arrived: Arrived, access: Access, opened: Opened) -> Story[bytes]:
        recipients = arrived.recipients
        identities = tuple(item.identity for item in layer.recipients if item.identity is not None)
        held = yield from ask(NamedBy(identities))
        finding = _described(layer, held)
        try:
            readers = [to for to in recipients if opened.entitled is None or to in opened.entitled]
            holding, entitled = self._key_for(layer, held, identities, readers, arrived.at)
            if not access.allows(entitled, recipients):
                opened.withheld = True
                finding = replace(finding, key=holding.certificate.fingerprint)
                raise Rejected(
                    Reason.NOT_ADDRESSED, "a key may open this, but not for all who get this copy, or not now"
                )
            opened.entitled = entitled
            plain = yield from self._open(layer, holding, arrived.at, opened)
        except Rejected as error:
            if opened.encryption.status is not Encryption.DECRYPTED:
                # What is wrong is told before a key is used; after that every failure looks the same.
                detail = None if error.reason is Reason.DECRYPT_FAILED else str(error)
                opened.encryption = replace(finding, status=Encryption.FAILED, reason=error.reason, detail=detail)
            # Inside an envelope that was opened: what is told of it stays the same, or it were an oracle (row DEC-03).
            if error.reason is Reason.NO_KEY:
                opened.wanted = identities
            raise _Closed from error
        row = layer.cipher
        opened.encryption = replace(
            finding, status=Encryption.DECRYPTED, key=holding.certificate.fingerprint, authenticated=row.aead
        )
        opened.uses += _uses(layer, held)
        return as_entity(plain)

    def _key_for(
        self,
        layer: Enveloped,
        held: Mapping[Identity, Sequence[Holding]],
        identities: Sequence[Identity],
        recipients: Sequence[str],
        at: datetime,
    ) -> tuple[Holding, frozenset[str]]:
        """Return our certificate to open with, and for whom. Raises ``Rejected`` no-key, not-addressed and others.

        Of two with one issuer and serial number, which an authority should never give twice, the one valid at ``at``.
        """
        named = [holding for identity in identities for holding in held.get(identity, ()) if holding.has_key]
        ours = sorted(named, key=lambda holding: holding.certificate.fault_at(at) is not None)
        if not ours:
            raise layer.unreadable()
        for holding in ours:
            certificate = holding.certificate
            entitled = self.entitlement.entitled((*certificate.addresses, *certificate.subject_addresses), recipients)
            if entitled:
                return holding, entitled
        raise Rejected(Reason.NOT_ADDRESSED, "the key's owner is no recipient of this message")

    def _open(self, layer: Enveloped, holding: Holding, at: datetime, opened: Opened) -> Story[bytearray]:
        certificate = holding.certificate
        yield from self._check_rate(certificate, at, opened)
        key = yield from ask(KeyOf(certificate.public_key_id))
        if key is None:
            raise Rejected(Reason.NO_KEY, "the key has just been deleted")
        try:
            opened.spend()
            plain = decrypt(layer, certificate, key, self.accept_legacy)
            opened.key_used = True
            # Once more: of many that came at once, none may have been counted before.
            yield from self._check_rate(certificate, at, opened)
            return plain
        except Rejected as error:
            if error.reason is Reason.DECRYPT_FAILED:
                opened.key_used = True
                # Before anything else: what follows may fail, and he who tries would have had one more for nothing.
                yield from ask(Failed(certificate.public_key_id, at))
            raise
        except LimitExceeded as error:
            raise Rejected(Reason.LIMIT, str(error)) from error
        except Malformed as error:
            raise Rejected(Reason.MALFORMED, str(error)) from error

    def _check_rate(self, certificate: Certificate, at: datetime, opened: Opened) -> Story[None]:
        if (yield from ask(FailuresOf(certificate.public_key_id, at))) >= self.failures_per_hour:
            opened.key_used = True  # or it could be counted from outside which earlier ones failed
            raise Rejected(Reason.RATE, "too many failures with this key")

    def _sum_up(
        self, arrived: Arrived, opened: Opened, signed: Sequence[SignedLayer], covered: Sequence[SignedLayer]
    ) -> Story[None]:
        innermost: Sequence[SignerFinding] = ()
        if signed:
            innermost = yield from self.judge.signers(signed[-1], arrived, opened)
        around: list[SignerFinding] = []
        for layer in covered:
            around += yield from self.judge.signers(layer, arrived, opened)
        if signed:
            opened.signature = verdict(innermost, around)
        elif around:
            opened.signature = over_ciphertext_only(around)
        if opened.encryption.status is Encryption.DECRYPTED and opened.signature.status is Status.PASS:
            opened.encryption = replace(opened.encryption, authenticated=True)


def _earlier_use(opened: Opened, arrived: Arrived) -> Story[str | None]:
    """Return the record of another content that a key of this message opened; None: remembered anew."""
    if not opened.uses:
        return None
    proven = arrived.asked or opened.signature.status is Status.PASS
    uses = [Use(use.wrapped, use.content, True) for use in opened.uses] if proven else opened.uses
    return (yield from ask(EarlierUse(tuple(uses), arrived.record, arrived.at)))


def _unreadable(opened: Opened, reason: Reason, detail: str, kind: str = "") -> None:
    """A layer that is labelled or begins as S/MIME and cannot be read."""
    if "enveloped" in kind and opened.encryption.status is Encryption.NONE:
        opened.encryption = EncryptionFinding(Encryption.FAILED, reason, detail=detail)
    else:
        opened.signature = SignatureFinding(status_of(reason), (reason,), Coverage.NONE, detail=detail)


def _put(opened: Opened, inner: bytes) -> Entity:
    """Have ``inner`` stand in the message's place, even if it is over a limit. Raises ``LimitExceeded``."""
    opened.inner, opened.standing = inner, None
    opened.standing = read_entity(inner)
    return opened.standing


class _Closed(Exception):
    """A layer stays closed; why stands in the finding."""


def _described(layer: Enveloped, held: Mapping[Identity, Sequence[Holding]]) -> EncryptionFinding:
    try:
        cipher = layer.cipher.name
    except Rejected:
        cipher = None
    recipients = tuple(_recipient(item, held) for item in layer.recipients)
    return EncryptionFinding(cipher=cipher, key_algorithm=recipients[0].algorithm, recipients=recipients)


def _uses(layer: Enveloped, held: Mapping[Identity, Sequence[Holding]]) -> list[Use]:
    """Return the content keys in ``layer`` that are wrapped for keys of ours, that of the key in use among them."""
    ours = {identity for identity, holdings in held.items() if any(holding.has_key for holding in holdings)}
    content, authenticated = layer.digest, layer.cipher.aead
    return [Use(item.wrapped, content, authenticated) for item in layer.recipients if item.identity in ours]


def _recipient(item: Recipient, held: Mapping[Identity, Sequence[Holding]]) -> RecipientFinding:
    holdings = held.get(item.identity, ()) if item.identity is not None else ()
    return RecipientFinding(item.identity, item.method, holdings[0].certificate.fingerprint if holdings else None)


def _look_for_errant_layers(opened: Opened, root: Entity) -> None:
    """A signed or encrypted part below the root protects only itself (RFC 9787 §6.2; rows SIG-01, DEC-14)."""
    errant = {kind for entity in _below_root(root) if (kind := _errant(entity)) is not None}
    if Layer.SIGNED in errant and opened.signature.status is Status.NONE:
        reasons = (Reason.PARTIAL,)
        opened.signature = SignatureFinding(status_of(Reason.PARTIAL), reasons, Coverage.PARTIAL)
    if Layer.ENCRYPTED in errant and opened.encryption.status is Encryption.NONE:
        opened.encryption = EncryptionFinding(Encryption.PARTIAL, Reason.PARTIAL)


def _below_root(entity: Entity) -> Iterator[Entity]:
    """The parts of a multipart at any depth; what stands in an attached message is that message's affair."""
    if entity.content_type.type.startswith("multipart/"):
        for child in entity.children:
            yield child
            yield from _below_root(child)


def _errant(entity: Entity) -> Layer | None:
    """What a part is by its content; a signature only by its label too, for a file that is signed is just a file."""
    labelled = entity.content_type.type == "multipart/signed" or entity.content_type.type in CMS_TYPES
    try:
        layer = read_layer(entity)
    except Malformed:
        return None
    if layer is None or (isinstance(layer, SignedLayer) and not labelled):
        return None
    return layer_name(layer)
