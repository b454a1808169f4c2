"""Object identifiers by the names that their documents give them, in dotted form.

Algorithms stand in tables of their own: ``cms.algorithm``, and ``pki.pbe`` for what encrypts files of keys.
"""

from enum import StrEnum


class Oid(StrEnum):
    """What a structure, a field of it or a kind of key is; ``der.oid`` encodes it."""

    # extensions (RFC 5280 §4.2, §5.3)
    SUBJECT_KEY_IDENTIFIER = "2.5.29.14"
    KEY_USAGE = "2.5.29.15"
    SUBJECT_ALT_NAME = "2.5.29.17"
    BASIC_CONSTRAINTS = "2.5.29.19"
    CERTIFICATE_ISSUER = "2.5.29.29"
    NAME_CONSTRAINTS = "2.5.29.30"
    CRL_DISTRIBUTION_POINTS = "2.5.29.31"
    AUTHORITY_KEY_IDENTIFIER = "2.5.29.35"
    EXTENDED_KEY_USAGE = "2.5.29.37"
    AUTHORITY_INFO_ACCESS = "1.3.6.1.5.5.7.1.1"
    SMIME_CAPABILITIES = "1.2.840.113549.1.9.15"
    """An extension (RFC 4262) and a signed attribute (RFC 8551 §2.5.2)."""

    # what stands in them
    ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0"
    EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4"
    SMTP_UTF8_MAILBOX = "1.3.6.1.5.5.7.8.9"
    OCSP = "1.3.6.1.5.5.7.48.1"

    # attributes of a Name (RFC 4514 §3, RFC 5280 §4.1.2.6)
    COMMON_NAME = "2.5.4.3"
    COUNTRY = "2.5.4.6"
    LOCALITY = "2.5.4.7"
    STATE = "2.5.4.8"
    STREET = "2.5.4.9"
    ORGANIZATION = "2.5.4.10"
    ORGANIZATIONAL_UNIT = "2.5.4.11"
    USER_ID = "0.9.2342.19200300.100.1.1"
    DOMAIN_COMPONENT = "0.9.2342.19200300.100.1.25"
    EMAIL_ADDRESS = "1.2.840.113549.1.9.1"

    # public keys (RFC 3279 §2.3, RFC 4055 §1.2, RFC 8410 §3)
    DSA = "1.2.840.10040.4.1"
    EC_PUBLIC_KEY = "1.2.840.10045.2.1"
    RSASSA_PSS = "1.2.840.113549.1.1.10"
    X25519 = "1.3.101.110"
    X448 = "1.3.101.111"

    # content types (RFC 5652, RFC 5083, RFC 3274)
    DATA = "1.2.840.113549.1.7.1"
    SIGNED_DATA = "1.2.840.113549.1.7.2"
    ENVELOPED_DATA = "1.2.840.113549.1.7.3"
    AUTH_ENVELOPED_DATA = "1.2.840.113549.1.9.16.1.23"
    COMPRESSED_DATA = "1.2.840.113549.1.9.16.1.9"
    ZLIB = "1.2.840.113549.1.9.16.3.8"
    KEM_RECIPIENT = "1.2.840.113549.1.9.16.13.3"
    """A RecipientInfo of RFC 9629."""

    # attributes of a signer (RFC 5652 §11, RFC 5035, RFC 8551 §2.5)
    CONTENT_TYPE = "1.2.840.113549.1.9.3"
    MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
    SIGNING_TIME = "1.2.840.113549.1.9.5"
    ENCRYPTION_KEY_PREFERENCE = "1.2.840.113549.1.9.16.2.11"
    SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
    SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
