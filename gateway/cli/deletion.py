"""What every ``delete`` has in common: IDs that are no slip of a finger, and a question before something is lost."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from gateway.cli.printing import print_json, visible

LEAST_DIGITS = 8
"""Of an ID that is to be deleted; where nothing is lost, the shortest that is unambiguous will do."""


def _long_enough(context: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        digits = len(name.replace(":", "").replace(" ", ""))
        if 0 < digits < LEAST_DIGITS:
            text = f"{name!r} has {digits} digits: to delete, write at least {LEAST_DIGITS} digits of the ID"
            raise click.BadParameter(text, context, parameter)
    return names


doomed_argument = click.argument("names", nargs=-1, required=True, metavar="ID...", callback=_long_enough)
yes_option = click.option("--yes", is_flag=True, help="Do not ask, whatever is lost.")


def agree(losses: Sequence[str], *, yes: bool) -> None:
    """Ask on a terminal whether to lose what the sentences say; elsewhere only ``--yes`` agrees.

    Raises ``click.UsageError``, and ``click.Abort`` where the answer is no.
    """
    if not losses or yes:
        return
    said = [visible(loss) for loss in losses]
    if not on_terminal():
        raise click.UsageError("\n".join((*said, "nothing was deleted; --yes deletes it all the same")))
    for line in said:
        click.echo(line, err=True)
    click.confirm("delete?", abort=True, err=True)


def on_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def print_results(results: Sequence[Any]) -> None:
    """Print as JSON what became of each ID: an object for one, an array for several."""
    print_json(results[0] if len(results) == 1 else list(results))
