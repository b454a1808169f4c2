"""What is wrong with a configuration: problems with their key path, all of them in one error."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.errors import GatewayError

KeyPath = tuple[str | int, ...]
"""Where a value stands: ``("listeners", 0, "clients", 1)``."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: the key path, what is wrong and what to do. ``line`` counts from 1; None: not in the file."""

    path: KeyPath
    text: str
    line: int | None = None

    @property
    def key(self) -> str:
        """The path as it is printed: ``listeners[0].clients[1]``; of the whole file ``configuration``."""
        return spelled(self.path) or "configuration"

    def __str__(self) -> str:
        return told(self.key, self.text, self.line)


def told(key: str, text: str, line: int | None) -> str:
    """Return one fault in a line."""
    return f"{key}: {text}" + (f" (line {line})" if line else "")


class ConfigError(GatewayError):
    """A configuration that cannot be used; ``problems`` holds every fault, the text has one a line. Exit code 78."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def spelled(path: KeyPath) -> str:
    """Return ``path`` as an operator would write it: ``groups[0].addresses[1]``."""
    words = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(words).removeprefix(".")
