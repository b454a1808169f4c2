"""Fixtures that all tests share, and how long property tests search: ``--hypothesis-profile=long`` is ``make fuzz``."""

import os
import signal
from collections.abc import Iterator
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

from tests.authority import Authority

# A shared machine may be slow at any moment; how long an example takes is not what these tests are about. Examples are
# new in every run, in CI too, where hypothesis would repeat the same by itself; what fails prints how to repeat it.
settings.register_profile(
    "default",
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("long", settings.get_profile("default"), max_examples=5000)
settings.register_profile("small", settings.get_profile("default"), max_examples=10)
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


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What the test starts hears SIGINT, also where the suite runs in the background and has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
