"""A gateway with one group, and what administrators import into it."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.admin.actor import Actor, ActorKind
from gateway.admin.changes import Change
from gateway.log import logger
from gateway.store import StoreOptions
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.wiring import Wiring
from tests.authority import Authority, Issued
from tests.store.conftest import closed, kind, options, postgresql

__all__ = ["closed", "kind", "options", "postgresql"]

ADA = Actor("ada", ActorKind.SYSTEM_USER)
GROUP = "groups: [{name: support, addresses: [support@example.org]}]\n"


@pytest.fixture
def wiring(tmp_path: Path) -> Iterator[Wiring]:
    """A gateway whose store is empty."""
    file = tmp_path / "gateway.yaml"
    file.write_text(f"state: {tmp_path / 'state'}\nhostname: gw.example.org\n{GROUP}")
    made = Wiring(file)
    yield made
    made.store.close()


@pytest.fixture(scope="session")
def support(authority: Authority) -> Issued:
    """The group's certificate."""
    return authority.leaf("support@example.org", kind="p256")


@pytest.fixture
def stocked(wiring: Wiring, authority: Authority, support: Issued) -> Wiring:
    """A gateway with the anchor, the intermediate below it, and the group's certificate and key."""
    fill(wiring, authority, support)
    return wiring


def fill(wiring: Wiring, authority: Authority, support: Issued) -> None:
    """Import the anchor, the intermediate below it, and the group's certificate and key."""
    for data in (authority.root.pem(), authority.intermediate.pem() + support.pem() + support.key_pem()):
        import_file(wiring.store, data, [], ImportOptions())


@pytest.fixture
def anywhere(options: StoreOptions, tmp_path: Path) -> Iterator[Wiring]:
    """A gateway with the group and an empty store, on SQLite and on PostgreSQL."""
    file = tmp_path / "gateway.yaml"
    file.write_text(f"state: {options.state}\ndatabase: {options.database}\nhostname: gw.example.org\n{GROUP}")
    made = Wiring(file)
    yield made
    made.store.close()


@pytest.fixture
def filled(anywhere: Wiring, authority: Authority, support: Issued) -> Wiring:
    """The same with the anchor, the intermediate below it, and the group's certificate and key."""
    fill(anywhere, authority, support)
    return anywhere


class Heard(logging.Handler):
    """Keeps the changes that are told."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[Change] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.changes += [record.change] if hasattr(record, "change") else []


@pytest.fixture
def heard() -> Iterator[list[Change]]:
    handler, before = Heard(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.changes
    logger.setLevel(before)
    logger.removeHandler(handler)
