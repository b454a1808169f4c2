"""How new protection is made: what the engine is told of ``algorithms`` in the configuration."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Algorithms:
    """Of one group, or of all that have none of their own."""

    digest: str = "sha256"
    sign_rsa: str = "pkcs1v15"
    cipher: str = "aes-256-cbc"
    encrypt_rsa: str = "pkcs1v15"
    opaque: bool = False
    """Signatures carry the content, which no relay can alter then."""
