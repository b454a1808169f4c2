"""The people of the inbound tests: the helpdesk, Alice who writes to it, Mallory who would like to be her."""

import pytest

from tests.authority import Authority, Issued
from tests.inbound.made import ALICE, MALLORY, Desk


@pytest.fixture(scope="session")
def alice(authority: Authority) -> Issued:
    return authority.leaf(ALICE, kind="p256")


@pytest.fixture(scope="session")
def mallory(authority: Authority) -> Issued:
    return authority.leaf(MALLORY, kind="p256")


@pytest.fixture
def desk(authority: Authority) -> Desk:
    return Desk(authority)
