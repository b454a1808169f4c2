"""Fixtures that all tests share, and how long property tests search: ``--hypothesis-profile=long`` is ``make fuzz``."""

import os
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

from tests.authority import Authority

# A shared machine may be slow at any moment; how long an example takes is not what these tests are about.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", deadline=None, max_examples=5000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

# Before anything imports gateway.metrics, as ``serve`` does it.
COUNTED = TemporaryDirectory(prefix="smime-gateway-tests-")
os.environ["PROMETHEUS_MULTIPROC_DIR"] = COUNTED.name


def pytest_unconfigure() -> None:
    COUNTED.cleanup()


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A test certification authority, one per run."""
    return Authority()
