"""An OCSP response about one certificate (RFC 6960), asked for as RFC 5019 §5 does: by GET, so that caches may answer.

One request names one certificate, by SHA-1 as every responder understands; it carries neither nonce nor name of who
asks. What comes is taken only if it lets ``pki.status`` tell the certificate's status: about this certificate, signed
by its issuer or by a responder that the issuer authorised, and current. How fresh it is, thisUpdate and nextUpdate say.
"""

from base64 import b64encode
from datetime import datetime
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from gateway.errors import Malformed
from gateway.lookup.fetch import Fetch, NotFetched
from gateway.pki.revocation import MAX_RESPONSE_SIZE, UNREADABLE, Evidence, StatusResponse, read_status_response
from gateway.pki.sources import Source
from gateway.pki.status import Status, statuses


def fetch_response(source: Source, fetch: Fetch, at: datetime) -> StatusResponse:
    """Return the response at ``source``, verified. Raises ``NotFetched``, ``Malformed``."""
    found = read_status_response(fetch.get(request_url(source), MAX_RESPONSE_SIZE))
    if statuses(source.path[:2], (), Evidence(responses=(found,)), at) == (Status.UNKNOWN,):
        raise NotFetched(
            "the response does not tell the status: not of this certificate, not authorised, or not current"
        )
    return found


def request_url(source: Source) -> str:
    """Return the URL that asks about the source's first certificate (RFC 6960 appendix A.1). Raises ``Malformed``."""
    try:
        certificate, issuer = (x509.load_der_x509_certificate(item.der) for item in source.path[:2])
        # A name for the issuer, not a signature: RFC 5019 §2.1.1 asks for SHA-1 here.
        request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, SHA1()).build()  # noqa: S303
    except UNREADABLE as error:
        raise Malformed("no OCSP request can be made for this certificate") from error
    return f"{source.url.rstrip('/')}/{quote(b64encode(request.public_bytes(Encoding.DER)), safe='')}"
