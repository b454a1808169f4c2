"""How many functions one mail of 10 kB calls in the engine and its store: work that no machine does faster.

Counted as a profiler does: each function of the package, of a library or in C that is entered, and one that goes on
after a ``yield`` again. The messages are those of the rows ``engine`` and ``open`` (docs/performance.md).
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import FrameType

import pytest

from benchmarks.arriving import opening
from benchmarks.engine import signing
from benchmarks.ground import Ground

WARM, TURNS = 25, 5
MOST = {"signed": 850, "opened": 2_780}
"""Who has to lift one of these says why in docs/performance.md."""


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with ExitStack() as stack:
        yield Ground(tmp_path_factory.mktemp("calls"), stack, quick=True)


def calls(work: Callable[[], None]) -> int:
    """Return how many functions the quietest of several turns calls, all memories filled."""
    for _ in range(WARM):
        work()
    return min(_counted(work) for _ in range(TURNS))


def _counted(work: Callable[[], None]) -> int:
    count = 0

    def see(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("kind", MOST)
def test_a_mail_calls_no_more_functions(ground: Ground, kind: str) -> None:
    work = signing(ground) if kind == "signed" else opening(ground, "aes-256-cbc")
    counted = calls(work)
    assert MOST[kind] * 0.5 < counted <= MOST[kind]
