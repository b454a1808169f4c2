"""The command lines of the documentation, for stories that run them: every ``sh`` block, in order, by its heading.

A story runs a line as it stands. Only what a reader has to fill in (``ID``, ``FILE…``, an address of the example) is
replaced, by the words that the story names, and a line that cannot be run here is left out with the reason.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.machine import PATIENCE, Done, Machine

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")))
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_GOES_ON = ("\\", "|", "&&")
told: set[tuple[str, str]] = set()
"""Page and heading of every section that a story has asked for."""


@dataclass(frozen=True)
class Section:
    """A heading of a page with its command lines; a line that goes on below counts as one."""

    page: str
    heading: str
    lines: tuple[str, ...]

    @contextmanager
    def on(self, machine: Machine) -> Iterator["Telling"]:
        """Run the lines one by one; at the end none may be left."""
        telling = Telling(machine, list(self.lines))
        yield telling
        assert telling.left == [], f"{self.page}: {self.heading}: lines that nobody ran"


class Telling:
    """A section that is being told on a machine."""

    def __init__(self, machine: Machine, lines: list[str]) -> None:
        self.machine, self.left = machine, lines

    def next(self, beginning: str, instead: Mapping[str, str] | None = None, *, patience: float = PATIENCE) -> Done:
        """Run the next line, which begins so, with words of the story ``instead`` of the page's; it must end well."""
        return self.machine.run(self.line(beginning, instead), code=0, patience=patience)

    def line(self, beginning: str, instead: Mapping[str, str] | None = None) -> str:
        """Take the next line, for what is not simply run to its end."""
        assert self.left and self.left[0].startswith(beginning), self.left
        line = self.left.pop(0)
        for theirs, ours in (instead or {}).items():
            assert theirs in line, (theirs, line)
            line = line.replace(theirs, ours)
        return line

    def leave_out(self, beginning: str, why: str) -> None:
        """Do not run the next line, which begins so, and say why not."""
        assert why
        self.line(beginning)

    def rest(self) -> None:
        """Run what is left; every line must end well."""
        while self.left:
            self.next("")


def section(page: str, heading: str) -> Section:
    """The section of a page for the story that tells it."""
    found = {section.heading: section for section in sections(page)}[heading]
    told.add((page, heading))
    return found


def sections(page: str) -> list[Section]:
    """All sections of a page with command lines."""
    lines: dict[str, list[str]] = {}
    for heading, language, text in fences(page):
        if language == "sh":
            lines.setdefault(heading, []).extend(_commands(text))
    return [Section(page, heading, tuple(commands)) for heading, commands in lines.items()]


def block(page: str, heading: str, language: str) -> str:
    """The one block in that language under a heading."""
    (found,) = (text for name, kind, text in fences(page) if (name, kind) == (heading, language))
    return found


def fences(page: str) -> Iterator[tuple[str, str, str]]:
    """The heading, the language and the text of every fenced block."""
    text = (ROOT / page).read_text()
    outside = _FENCE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    headings = [(match.start(), match[1]) for match in _HEADING.finditer(outside)]
    for fence in _FENCE.finditer(text):
        above = [heading for at, heading in headings if at < fence.start()]
        yield above[-1], fence[1], fence[2]


def _commands(text: str) -> Iterator[str]:
    """The command lines of a block: a comment of its own line is none, and what goes on below is one."""
    gathered: list[str] = []
    for line in text.splitlines():
        if line and (gathered or not line.lstrip().startswith("#")):
            gathered.append(line)
            if not line.endswith(_GOES_ON):
                yield "\n".join(gathered)
                gathered = []
    assert not gathered, text
