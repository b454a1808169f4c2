"""What one message passes through does not grow unnoticed: the figures of ``tests.stations``, under a lid."""

import pytest

from tests.stations import Walk, walks

MOST = {"outbound": (85, 600, 1350), "inbound": (108, 790, 1750)}
"""Modules entered, changes of module, calls. Who has to lift one of these says why in docs/architecture.md."""


@pytest.fixture(scope="module")
def walked() -> dict[str, Walk]:
    return dict(walks(warm=2, turns=2))


@pytest.mark.parametrize("door", MOST)
def test_a_message_walks_no_further(walked: dict[str, Walk], door: str) -> None:
    walk = walked[door]
    assert len(walk.entered) > 500
    figures = len(walk.modules), walk.changes, len(walk.entered)
    assert all(figure <= most for figure, most in zip(figures, MOST[door], strict=True)), figures
