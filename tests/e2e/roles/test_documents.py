"""Every command line of the documentation is run by a story, or it stands here with the reason why not."""

import importlib
import re
import shlex
from pathlib import Path

import click
import pytest

from gateway.cli.command import COMMANDS, root
from tests.e2e.documents import PAGES, ROOT, fences, sections, told

STORIES = [path.stem for path in sorted(Path(__file__).parent.glob("test_*.py")) if path.name != Path(__file__).name]
NOT_TOLD = {
    ("docs/performance.md", "Performance"): "measuring takes twenty minutes and an idle machine",
    ("docs/scale.md", "Scale"): "likewise",
}
NOT_RUN = {
    "chown smime-gateway /path": "whose a key-encryption key must be, tests/store/keys asks",
    "docker compose exec zammad-railsserver rails c": "there is no Zammad; test_helpdesks.py has its expressions",
    "docker network inspect NAME": "there is no Docker; the address of its bridge is made by hand (test_helpdesk.py)",
    "docker network inspect": "likewise",
    "ls -l /var/spool/postfix/smime-gateway": "the folder is tests/e2e/recipes",
    "systemctl edit smime-gateway": "opens an editor; what it makes is a drop-in, as credential.conf is",
    "systemctl reload": "not a line of its own: test_on_call.py reloads the service",
    "systemd-creds encrypt": "likewise: its lines are under the headings on the key",
    "zammad run rails c": "there is no Zammad",
}
_OTHERS = ("chown ", "docker ", "journalctl ", "ls ", "sqlite3 ", "systemctl ", "systemd-", "zammad ")
_SPAN = re.compile(r"`([^`\n]+)`")


def test_every_section_with_command_lines_is_told() -> None:
    for story in STORIES:
        importlib.import_module(f"tests.e2e.roles.{story}")
    there = {(section.page, section.heading) for page in PAGES for section in sections(page)}
    assert there - told - set(NOT_TOLD) == set(), "a story should run these lines"
    assert set(NOT_TOLD) <= there - told, "these are told, or are no more"


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page: str) -> None:
    """Else a command line might hide in it."""
    assert [text for _, language, text in fences(page) if not language] == []


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_the_text_exist(page: str) -> None:
    """What stands in a sentence (``held retry ID``) names a command and options that there are."""
    for span in spans(page):
        words = span.removeprefix("smime-gateway ").split()
        if span.startswith("smime-gateway ") or (len(words) > 1 and words[0] in COMMANDS):
            assert unknown(shlex.split(" ".join(words).replace("'", ""))) == "", span


def test_other_commands_in_the_text_are_run() -> None:
    """Likewise what a sentence says of systemd and others: a story has the very words."""
    stories = "".join(
        path.read_text() for path in sorted(Path(__file__).parent.glob("test_*.py")) if path.stem in STORIES
    )
    lines = "".join(line for page in PAGES for section in sections(page) for line in section.lines)
    there = {span for page in PAGES for span in spans(page) if span.startswith(_OTHERS) and " " in span}
    assert {span for span in there if span not in stories + lines} - set(NOT_RUN) == set()
    assert set(NOT_RUN) <= there


def spans(page: str) -> list[str]:
    """What stands between backticks in the sentences of a page."""
    text = (ROOT / page).read_text()
    return _SPAN.findall(re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))


def unknown(words: list[str]) -> str:
    """The first word that is neither a command nor an option where it stands, or nothing."""
    command: click.Command = root
    for word in words:
        if word.startswith("-"):
            known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
            if word.split("=")[0] not in known | {"-c", "--help"}:
                return word
        elif isinstance(command, click.Group) and word.islower():
            below = command.get_command(click.Context(command), word)
            if below is None:
                return "" if command.invoke_without_command else word
            command = below
    return ""
