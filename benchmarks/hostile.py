"""Mail made to cost (``tests/hostile.py``, rows LIM-01 … LIM-06), one message of every kind through the engine.

What counts is the worst of them. Their time is the second that none may take; their memory is what an honest message
of 25 MB may take, four times its size. Memory is measured in a process of its own, kind after kind.
"""

from functools import partial
from pathlib import Path

from benchmarks.arriving import take_in
from benchmarks.engine import cost, process_of
from benchmarks.ground import ALICE, LARGE, SIGNING, Ground, small_mail
from benchmarks.probe import peaks
from benchmarks.ratio import Aim, Row, Sides
from tests.hostile import messages

SECOND = 1.0
MEMORY = 4 * LARGE

KINDS = {
    "LIM-01": "MIME structure",
    "LIM-02": "CMS structures, certificates and signers",
    "LIM-03": "nested addresses",
    "LIM-04": "long fields, endless lines",
    "LIM-06": "compression",
}


def _contents(ground: Ground, row: str) -> list[bytes]:
    return [hostile.make() for hostile in messages(ground.authority) if hostile.row == row]


def _time(row: str, ground: Ground) -> Sides:
    process, contents = process_of(ground.config), _contents(ground, row)
    return Sides(lambda: max(cost(partial(take_in, process, content), 1) for content in contents), lambda: SECOND)


def _memory(ground: Ground) -> Sides:
    first = ground.folder / "first.eml"
    first.write_bytes(small_mail(ALICE, SIGNING))
    files = [_written(ground, hostile.make(), n) for n, hostile in enumerate(messages(ground.authority))]
    return Sides(lambda: max(peaks(ground.config, first, files)), lambda: MEMORY)


def _written(ground: Ground, content: bytes, number: int) -> Path:
    path = ground.folder / f"hostile-{number}.eml"
    path.write_bytes(content)
    return path


def _row(row: str, what: str) -> Row:
    return Row(
        name=row.lower(),
        ours=f"engine, worst of the mails made to cost, {what}",
        theirs="a second",
        aim=Aim(1, at_most=True),
        show=lambda seconds: f"{seconds * 1000:.0f} ms",
        build=partial(_time, row),
    )


ROWS = (
    *(_row(row, what) for row, what in KINDS.items()),
    Row(
        name="memory-lim",
        ours="fresh process, peak memory, worst of the mails made to cost",
        theirs="4 × 25 MB",
        aim=Aim(1, at_most=True),
        show=lambda size: f"{size / 1e6:.0f} MB",
        build=_memory,
    ),
)
