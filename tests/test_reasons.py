"""The table of reasons in the documentation is whole: a reason that somebody meets has its line."""

import re
from pathlib import Path

import pytest

from gateway.engine.inbound import BEFORE_A_KEY
from gateway.reason import Reason
from gateway.smime.finding import ORDER

DOCUMENT = (Path(__file__).parents[1] / "docs" / "operation.md").read_text()
PARTS = ("### Refused", "### Relayed unprotected, or as it was", "### Arriving mail")
OF_IMPORTS = {Reason.DUPLICATE, Reason.BAD_PASSPHRASE, Reason.NO_ADDRESS, Reason.WAITING, Reason.AMBIGUOUS}
UNPROTECTED = {
    Reason.POLICY_NEVER,
    Reason.OVERRIDE,
    Reason.ALREADY_PROTECTED,
    Reason.AUTOMATIC,
    Reason.INTERNAL_RECIPIENT,
    Reason.UNKNOWN_SENDER,
    Reason.TRANSIT,
    Reason.NOT_ENABLED,
    Reason.EXEMPT,
    Reason.HIDDEN_RECIPIENT,
    Reason.MIXED_RECIPIENTS,
    Reason.REPLY_TO_ENCRYPTED,
}


def listed(heading: str) -> set[str]:
    """The reasons in the first column of the table under a heading."""
    section = DOCUMENT.split(f"\n{heading}\n", 1)[1]
    section = re.split(r"\n#{2,3} ", section, maxsplit=1)[0]
    return {
        word for row in re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE) for word in re.findall(r"`([^`]+)`", row)
    }


@pytest.mark.parametrize(
    ("heading", "reasons"),
    [
        (PARTS[1], UNPROTECTED),
        (PARTS[2], {*ORDER, *BEFORE_A_KEY, Reason.DECRYPT_FAILED, Reason.KEY_REUSED, Reason.RATE}),
    ],
)
def test_a_part_has_the_reasons_that_belong_there(heading: str, reasons: set[Reason]) -> None:
    assert {str(reason) for reason in reasons} - listed(heading) == set()


def test_every_reason_stands_in_a_part_and_nothing_else_does() -> None:
    found = set().union(*map(listed, PARTS))
    assert found == {reason.value for reason in Reason if reason not in OF_IMPORTS}


def test_those_of_imports_are_named() -> None:
    assert [reason for reason in OF_IMPORTS if f"`{reason}`" not in DOCUMENT] == []


def test_every_line_says_what_it_means() -> None:
    for heading in PARTS:
        section = re.split(r"\n#{2,3} ", DOCUMENT.split(f"\n{heading}\n", 1)[1], maxsplit=1)[0]
        rows = re.findall(r"^\| `.*$", section, re.MULTILINE)
        assert rows and all(len(row.split(" | ")[-2]) > 10 for row in rows)
