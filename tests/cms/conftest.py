"""Certificates of every kind we seal with, issued once per run."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from gateway.cms.algorithm import scheme_for
from gateway.cms.signed import Signer
from gateway.pki.key import SoftwareKey
from tests.authority import Authority, Issued

AT = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
KINDS = ("rsa-2048", "rsa-3072", "p256", "p384", "p521", "ed25519", "x25519", "x448")


@pytest.fixture(scope="session")
def people(authority: Authority) -> dict[str, Issued]:
    """One leaf per kind of key."""
    return {kind: authority.leaf(f"{kind}@example.org", kind=kind) for kind in KINDS}


@pytest.fixture(scope="session")
def signer(people: dict[str, Issued]) -> Callable[..., Signer]:
    """Return the signer of a kind, under configured digest and RSA padding."""

    def make(kind: str = "p256", digest: str = "sha256", rsa: str = "pkcs1v15") -> Signer:
        issued = people[kind]
        scheme = scheme_for(issued.certificate, digest, rsa)
        return Signer(issued.certificate, SoftwareKey(issued.private_key), scheme)

    return make
