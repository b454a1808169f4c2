"""Secrets that we make ourselves, and under what they are stored."""

import hashlib
import secrets

SIZE = 32
"""Random octets in a secret: so many that nobody tries them, and a plain hash gives none away."""


def new_secret(prefix: str = "") -> str:
    """Return a new secret of printable ASCII, no blanks."""
    return prefix + secrets.token_urlsafe(SIZE)


def secret_id(secret: str) -> str:
    """Return what a secret is found by: its SHA-256, in hexadecimal digits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
