"""docs/interface.md says what there is: commands with their options, exit codes, keys, reasons, statuses, calls."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gateway.cli import command
from gateway.config.options import Options
from gateway.reason import Reason
from gateway.smime.finding import ORDER, Status, status_of
from gateway.web.api import create_api
from gateway.web.problem import CODES
from tests.interface import rows, section, words
from tests.web.serving import made


def commands(group: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something by itself, by its name."""
    if not isinstance(group, click.Group) or group.invoke_without_command:
        yield name, group
    if isinstance(group, click.Group):
        context = click.Context(group)
        for word in group.list_commands(context):
            below = group.get_command(context, word)
            assert below is not None
            yield from commands(below, f"{name} {word}".strip())


def options(of: click.Command) -> set[str]:
    return {name for part in of.params if isinstance(part, click.Option) for name in part.opts if name[:2] == "--"}


def test_the_commands_and_their_options() -> None:
    told = {words(name)[0]: set(words(taken)) for name, taken, _ in rows("3. Commands")}
    assert told == {name: options(found) for name, found in commands(command.root)}


def test_the_exit_codes() -> None:
    codes = {value for name, value in vars(command).items() if name.isupper() and isinstance(value, int)}
    assert {int(code) for code, _ in rows("Exit codes")} == codes | {0}


def test_the_keys_of_the_configuration() -> None:
    keys = section("2. Configuration").split("The keys at the top:")[1].split("A door")[0]
    assert words(keys) == list(Options.model_fields)


def test_the_reasons() -> None:
    assert [word for _, told in rows("5. Reasons") for word in words(told)] == [reason.value for reason in Reason]


def test_the_order_of_reasons() -> None:
    order = section("Status").split("the record has all:")[1].split("Of several")[0]
    assert words(order) == [reason.value for reason in ORDER]


@pytest.mark.parametrize("status", Status)
def test_the_statuses(status: Status) -> None:
    told = {words(word)[0]: set(words(reasons)) for word, reasons in rows("Status")}
    assert set(told) == {found.value for found in Status}
    if status not in (Status.NONE, Status.PASS, Status.POLICY):
        reasons = {reason.value for reason in ORDER if status_of(reason) is status}
        assert told[status] - {"inbound.revocation: hard"} == reasons


def test_the_calls_of_the_api_and_their_scopes() -> None:
    told = sorted((call, words(scope)) for calls, scope in rows("11. The API") for call in words(calls))
    paths = create_api(made(Path("/nowhere"))).openapi()["paths"]
    assert told == sorted(
        (f"{method.upper()} {path}", call["security"][0]["token"])
        for path, calls in paths.items()
        for method, call in calls.items()
    )


def test_the_codes_of_problems() -> None:
    told = {int(status): words(code) for statuses, code in rows("Problems") for status in statuses.split(",")}
    assert told == {status: [code] for status, code in CODES.items()}
