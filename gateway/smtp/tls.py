"""TLS contexts for both sides: the listener's certificate, and how far a next hop is believed (RFC 8314, RFC 3207)."""

import ssl

from gateway.smtp.door import Door, HopTls, NextHop, TlsMode


def server_context(door: Door) -> ssl.SSLContext | None:
    """Return the listener's context, None where it speaks no TLS. Raises ``OSError`` for unusable files."""
    if door.tls is TlsMode.NONE:
        return None
    if door.certificate is None:
        raise ValueError(f"door {door.name}: TLS needs a certificate")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(door.certificate, door.key)
    return context


def client_context(hop: NextHop) -> ssl.SSLContext | None:
    """Return the context for a next hop, None where it is spoken to in the clear."""
    if hop.tls is HopTls.NONE:
        return None
    context = ssl.create_default_context(cafile=hop.ca)
    # On by itself since Python 3.13: a newer interpreter alone must not defer all mail to a next hop whose own
    # authority writes no key identifiers. Path, dates and name are checked all the same.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if hop.tls is HopTls.MAY:
        # Encryption that anybody may terminate is still better than none; ``verify`` is there for more.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
