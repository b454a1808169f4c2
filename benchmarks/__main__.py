"""``python -m benchmarks [NAME…] [--rounds N] [--quick] [--write]``."""

import argparse
import shlex
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import (
    arriving,
    engine,
    filtering,
    hostile,
    idle,
    large,
    latency,
    milter,
    relaying,
    segmented,
    table,
    workers,
)
from benchmarks.ground import Ground
from benchmarks.ratio import Measured, NotMeasured, Row, measure
from gateway.errors import Fault

ROWS = (
    *relaying.ROWS,
    *milter.ROWS,
    *filtering.ROWS,
    *workers.ROWS,
    *latency.ROWS,
    *idle.ROWS,
    *engine.ROWS,
    *arriving.ROWS,
    *large.ROWS,
    *segmented.ROWS,
    *hostile.ROWS,
)


def main() -> None:
    """Measure the rows asked for and print them one by one."""
    arguments = _arguments()
    rows = [row for row in ROWS if not arguments.names or row.name in arguments.names]
    text = table.surroundings(shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])) + table.HEAD
    print(text, end="", flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-")))
        folder.chmod(0o755)  # Postfix's own user looks in
        ground = Ground(folder, stack, quick=arguments.quick)
        results = []
        for row in rows:
            results.append(_measured(row, ground, arguments.rounds))
            line = table.line(row, results[-1])
            print(line, end="", flush=True)
            text += line
    if arguments.write:
        table.write(text, [result for result in results if isinstance(result, Measured)])


def _measured(row: Row, ground: Ground, rounds: int) -> Measured | NotMeasured:
    try:
        return measure(row, ground, rounds)
    except NotMeasured as reason:
        return reason
    except Fault as fault:
        return NotMeasured(str(fault))


def _arguments() -> argparse.Namespace:
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Print one table of ratios.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"rows to measure (default: all): {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count (default: 3)")
    parser.add_argument("--quick", action="store_true", help="few messages: to see that it works, not to measure")
    parser.add_argument("--write", action="store_true", help="put table and picture into docs")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.names) - set(names)):
        parser.error(f"no such row: {', '.join(unknown)}")
    return arguments


main()
