"""Machines for the stories; where this user may have none, they are skipped and say why."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.authority import Authority, Issued
from tests.e2e.machine import Machine, impossible
from tests.e2e.roles.place import CUSTOMER, SUPPORT
from tests.tools import missing


@pytest.fixture(scope="module")
def machines() -> Iterator[Callable[[], Machine]]:
    """Makes machines that live as long as the story."""
    if reason := impossible():
        pytest.skip(reason)
    for tool in ("git", "ip", "nsenter", "script", "sqlite3"):
        shutil.which(tool) or missing(tool)
    with ExitStack() as running:
        yield lambda: running.enter_context(Machine())


@pytest.fixture(scope="module")
def support(authority: Authority) -> Issued:
    """The helpdesk's certificate and key."""
    return authority.leaf(SUPPORT)


@pytest.fixture(scope="module")
def customer(authority: Authority) -> Issued:
    """A customer's."""
    return authority.leaf(CUSTOMER)
