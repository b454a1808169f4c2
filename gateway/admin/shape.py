"""The shape of a message: its parts and what is around them, with nothing of its content."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from gateway.cms.algorithm import raised, scheme_for
from gateway.engine.outbound import Weighed
from gateway.engine.transaction import Delivery, Octets
from gateway.errors import Malformed
from gateway.mail.entity import Entity, read_entity
from gateway.mail.header import Header
from gateway.policy.decide import Copy
from gateway.smime.finding import Layer

PARTS = 100
"""Parts that are told of one message."""
NAME = 80
"""Characters of a content type, which is foreign text."""


@dataclass(frozen=True, slots=True)
class PartView:
    """One part: its content type, how it is encoded, octets; ``depth`` below the root."""

    type: str
    encoding: str
    size: int
    depth: int


@dataclass(frozen=True, slots=True)
class LayerView:
    """A layer that is put around. ``algorithms``: of a signature scheme and digest; of an envelope cipher and keys'.

    ``form``: of a signature, ``clear`` or ``opaque``. ``certificates``: fingerprints.
    """

    layer: Layer
    algorithms: tuple[str, ...]
    form: str | None
    certificates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CopyView:
    """One copy: for whom, what is put around it, outermost first, and the ``parts`` of what is inside, in order."""

    recipients: tuple[str, ...]
    layers: tuple[LayerView, ...]
    parts: tuple[PartView, ...]
    opened: bool = False


def outbound_copies(weighed: Weighed) -> tuple[CopyView, ...]:
    """Return the copies of a message that would leave; none of one that is refused, or kept."""
    if weighed.decision.reply is not None:
        return ()
    parts = parts_of(weighed.submission.content, weighed.submission.header)
    return tuple(CopyView(copy.recipients, tuple(_layers(weighed, copy)), parts) for copy in weighed.decision.copies)


def inbound_copies(deliveries: Sequence[Delivery]) -> tuple[CopyView, ...]:
    """Return the copies of a message that would go on to its recipients."""
    return tuple(
        CopyView(tuple(to.address for to in each.recipients), (), parts_of(each.content), each.opened)
        for each in deliveries
    )


def parts_of(content: Octets, header: Header | None = None) -> tuple[PartView, ...]:
    """Return the parts of a message, the root first; of one that cannot be read none."""
    try:
        root = read_entity(bytes(content), header=header)
    except Malformed:
        return ()
    return tuple(part for _, part in zip(range(PARTS), _walk(root, 0), strict=False))


def _walk(entity: Entity, depth: int) -> Iterator[PartView]:
    yield PartView(entity.content_type.type[:NAME], entity.encoding[:NAME], entity.end - entity.body, depth)
    for child in entity.children:
        yield from _walk(child, depth + 1)


def _layers(weighed: Weighed, copy: Copy) -> Iterator[LayerView]:
    decision, algorithms = weighed.decision, weighed.algorithms
    if copy.certificates:
        cipher = raised(algorithms.cipher, decision.capabilities)
        transport = partial(_transport, rsa=algorithms.encrypt_rsa)
        keys = dict.fromkeys(transport(certificate.key_kind) for certificate in copy.certificates)
        names = tuple(certificate.fingerprint for certificate in copy.certificates)
        yield LayerView(Layer.ENCRYPTED, (cipher, *keys), None, names)
    if decision.signer is not None:
        certificate = decision.signer.certificate
        scheme = scheme_for(certificate, algorithms.digest, algorithms.sign_rsa)
        form = "opaque" if algorithms.opaque else "clear"
        yield LayerView(Layer.SIGNED, (scheme.kind, scheme.digest), form, (certificate.fingerprint,))


def _transport(kind: str, rsa: str) -> str:
    return f"rsa-{rsa}" if kind == "rsa" else f"ecdh-{kind}"
