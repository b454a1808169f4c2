"""Kinds of keys and of what they make. The values are the words of records and JSON."""

from enum import StrEnum


class KeyKind(StrEnum):
    """What a public key is for. ``RSA_PSS``: makes PSS signatures and nothing else (RFC 4055 §1.2)."""

    RSA = "rsa"
    RSA_PSS = "rsa-pss"
    EC = "ec"
    ED25519 = "ed25519"
    ED448 = "ed448"
    X25519 = "x25519"
    X448 = "x448"
    ML_DSA = "ml-dsa"
    ML_KEM = "ml-kem"
    DSA = "dsa"

    @property
    def is_rsa(self) -> bool:
        """Whether its size is that of an RSA modulus."""
        return self in (KeyKind.RSA, KeyKind.RSA_PSS)


class SignatureKind(StrEnum):
    """How a signature is made, but for its digest."""

    RSA_PKCS1V15 = "rsa-pkcs1v15"
    RSA_PSS = "rsa-pss"
    ECDSA = "ecdsa"
    ED25519 = "ed25519"
    ED448 = "ed448"
    ML_DSA_44 = "ml-dsa-44"
    ML_DSA_65 = "ml-dsa-65"
    ML_DSA_87 = "ml-dsa-87"
    DSA = "dsa"


class TransportKind(StrEnum):
    """The padding under which a content key is wrapped to RSA."""

    PKCS1V15 = "pkcs1v15"
    OAEP = "oaep"
