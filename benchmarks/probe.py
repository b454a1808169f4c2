"""The peak memory of inbound messages in a fresh process: ``python -m benchmarks.probe CONFIG FIRST FILE…``.

Prints one figure in bytes for every FILE: the resident set at its highest while that message is read and goes through
the engine, above what the process took before. FIRST is a small message that has everything loaded beforehand.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.arriving import take_in
from benchmarks.engine import process_of
from benchmarks.process import memory_of, reset_peak
from benchmarks.ratio import NotMeasured
from gateway.processes.worker import return_large_blocks


def peaks(config: Path, first: Path, files: Sequence[Path]) -> list[float]:
    """Return the peak of each file's message, all in one fresh process. Raises ``NotMeasured``."""
    command = [sys.executable, "-m", __name__, *map(str, (config, first, *files))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotMeasured(f"the probe failed: {done.stderr.strip().splitlines()[-1:]}")
    return [float(line) for line in done.stdout.split()]


def _main() -> None:
    config, first, *files = map(Path, sys.argv[1:])
    return_large_blocks()
    process, pid = process_of(config), os.getpid()
    take_in(process, first.read_bytes())
    for file in files:
        reset_peak(pid)
        idle = memory_of(pid, "VmRSS")
        take_in(process, file.read_bytes())
        print(memory_of(pid, "VmHWM") - idle)


if __name__ == "__main__":
    _main()
