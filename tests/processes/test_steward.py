"""What only one gateway of a store does goes on, whatever it meets."""

from pathlib import Path
from threading import Event

import pytest

from gateway.config import parse
from gateway.processes import steward
from gateway.processes.gateway import Gateway
from gateway.processes.steward import Steward
from gateway.store import Misconfigured
from tests.stores import ready


def test_a_store_that_is_refused_once_is_pruned_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    met, again = list[object](), Event()

    def prune(*_: object) -> None:
        met.append(None)
        if len(met) == 1:
            raise Misconfigured("the key is not there")
        again.set()

    monkeypatch.setattr(steward, "PRUNE_EVERY", 0.01)
    monkeypatch.setattr(steward, "prune", prune)
    options = parse(f"state: {ready(tmp_path / 'state')}")
    one = Steward(Gateway(1, shares=False), options)
    one.start()
    try:
        assert again.wait(10)
    finally:
        one.leave()
