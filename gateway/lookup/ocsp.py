"""An OCSP response about one certificate (RFC 6960), asked for as RFC 5019 §5 does: by GET, so that caches may answer.

One request names one certificate, by SHA-1 as every responder understands; it carries neither nonce nor name of who
asks. What comes is taken only if it lets ``pki.status`` tell the certificate's status: about this certificate, signed
by its issuer or by a responder that the issuer authorised, and current. How fresh it is, thisUpdate and nextUpdate say.
"""

from base64 import b64encode
from datetime import datetime
from hashlib import sha1
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from gateway.asn1.ber import pair, read
from gateway.asn1.der import BIT_STRING
from gateway.errors import Malformed
from gateway.lookup.fetch import Fetch, NotFetched
from gateway.pki.certificate import Certificate
from gateway.pki.outline import read_outline
from gateway.pki.revocation import (
    MAX_RESPONSE_SIZE,
    UNREADABLE,
    RevocationEvidence,
    StatusResponse,
    read_status_response,
)
from gateway.pki.sources import Source
from gateway.pki.status import Status, statuses


def fetch_response(source: Source, fetch: Fetch, at: datetime) -> StatusResponse:
    """Return the response at ``source``, verified. Raises ``NotFetched``, ``Malformed``."""
    found = read_status_response(fetch.get(request_url(source), MAX_RESPONSE_SIZE))
    if statuses(source.path[:2], (), RevocationEvidence(responses=(found,)), at) == (Status.UNKNOWN,):
        raise NotFetched(
            "the response does not tell the status: not of this certificate, not authorised, or not current"
        )
    return found


def request_url(source: Source) -> str:
    """Return the URL that asks about the source's first certificate (RFC 6960 appendix A.1). Raises ``Malformed``."""
    try:
        certificate, issuer = source.path[:2]
        # Names for the issuer, not signatures: RFC 5019 §2.1.1 asks for SHA-1 here.
        name, key = (sha1(octets).digest() for octets in (issuer.subject_der, _key_bits(issuer)))  # noqa: S324
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(name, key, certificate.serial, SHA1())  # noqa: S303
        request = builder.build()
    except UNREADABLE as error:
        raise Malformed("no OCSP request can be made for this certificate") from error
    return f"{source.url.rstrip('/')}/{quote(b64encode(request.public_bytes(Encoding.DER)), safe='')}"


def _key_bits(issuer: Certificate) -> bytes:
    """The value of the BIT STRING subjectPublicKey (RFC 6960 §4.1.1)."""
    _, bits = pair(read(read_outline(issuer.der).key))
    return bits.expect(BIT_STRING).value[1:]
