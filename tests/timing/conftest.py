"""Statistics of time take minutes and a machine that is not too busy: ``make fuzz`` asks for them."""

import os
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("SMIME_GATEWAY_TIMING"):
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip("statistics of time: make fuzz, or SMIME_GATEWAY_TIMING=1"))
