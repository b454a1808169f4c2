"""The table, its surroundings, and its place in ``docs/performance.md``, with the picture beside it."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from cryptography.hazmat.backends.openssl import backend

from benchmarks.load import program
from benchmarks.plot import picture
from benchmarks.ratio import Measured, NotMeasured, Row

BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"
DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
PICTURE = DOCUMENT.with_suffix(".svg")
HEAD = (
    "| row | ours | theirs | ours : theirs | ratio | min–max | aim | reached |\n"
    "| --- | --- | --- | --- | ---: | --- | --- | --- |\n"
)


def line(row: Row, result: Measured | NotMeasured) -> str:
    """Return the row's line."""
    start = f"| {row.name} | {row.ours} | {row.theirs} |"
    aim = row.aim or "none"
    if isinstance(result, NotMeasured):
        why = " ".join(str(result).replace("|", "/").split())
        return f"{start} not measured: {why} | | | {aim} | |\n"
    values = f"{row.show(median(result.ours))} : {row.show(median(result.theirs))}"
    spread = f"{min(result.ratios):.2f}–{max(result.ratios):.2f}"
    reached = "" if row.aim is None else "yes" if row.aim.reached(result.ratio) else "**no**"
    return f"{start} {values} | {result.ratio:.2f} | {spread} | {aim} | {reached} |\n"


def surroundings(command: str) -> str:
    """Return date, command line and machine."""
    facts = {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "command": f"`{command}`",
        "machine": _machine(),
        "software": f"Python {platform.python_version()}, {backend.openssl_version_text()}, Postfix {_postfix()}",
        "load before": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }
    return "".join(f"{name}: {value}  \n" for name, value in facts.items()) + "\n"


def write(text: str, measured: Sequence[Measured]) -> None:
    """Put the text in place of the last one in the document, and the picture beside it."""
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(before + BEGIN + text + END + after)
    PICTURE.write_text(picture(measured, f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}"))


def _machine() -> str:
    return f"{_processor()}, {os.cpu_count()} cores, Linux {platform.release()}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _postfix() -> str:
    try:
        command = [program("postconf"), "-dh", "mail_version"]
    except NotMeasured:
        return "missing"
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
