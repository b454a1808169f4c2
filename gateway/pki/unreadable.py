"""Certificates that are there and cannot be read: by what a message may name them, and what is wrong with them.

So that a signature whose certificate came along is not said to have none.
"""

from dataclasses import dataclass

from gateway.asn1.ber import Fields, read
from gateway.asn1.der import INTEGER, OCTET_STRING, SEQUENCE
from gateway.asn1.oid import Oid
from gateway.errors import LimitExceeded, Malformed
from gateway.pki.certificate import MAX_SIZE, UnsupportedKey
from gateway.pki.outline import VERSION, read_extensions
from gateway.reason import Reason


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The names of a certificate, as in ``Certificate``, and the ``fault`` of its reading."""

    issuer_der: bytes
    subject_der: bytes
    serial: int
    subject_key_id: bytes | None
    fault: Malformed

    @property
    def reason(self) -> Reason:
        """The word for its fault."""
        if isinstance(self.fault, UnsupportedKey):
            return Reason.UNSUPPORTED_ALGORITHM
        return Reason.LIMIT if isinstance(self.fault, LimitExceeded) else Reason.MALFORMED


def unreadable(der: bytes, fault: Malformed) -> Unreadable | None:
    """Return what ``read_certificate`` gave ``fault`` for; None: not even its names can be told."""
    if len(der) > MAX_SIZE:
        return None
    try:
        body = Fields(read(der)).take(SEQUENCE)
        fields = Fields(body)
        fields.optional(VERSION)
        serial = fields.take(INTEGER).integer()
        fields.take(SEQUENCE)
        issuer, _, subject = (bytes(fields.take(SEQUENCE).raw) for _ in range(3))
    except Malformed:
        return None
    try:
        value = read_extensions(body.children).get(Oid.SUBJECT_KEY_IDENTIFIER)
        key_id = None if value is None else read(value).expect(OCTET_STRING).value
    except Malformed:
        key_id = None
    return Unreadable(issuer, subject, serial, key_id, fault)
