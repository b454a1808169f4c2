"""Fixtures that all tests share."""

import pytest

from tests.authority import Authority


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A test certification authority, one per run."""
    return Authority()
