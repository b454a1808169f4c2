"""Tables on a terminal: cells fold between words, and what an operator copies stays whole."""

import re
import sys

import pytest

from gateway.cli.printing import print_table

ADDRESSES = ("somebody.with-a-long-name@sub.example.com", "other@example.com")


def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int) -> list[str]:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    print_table(("id", "for", "use"), [("0123456789abcdef", ", ".join(ADDRESSES), "sign, encrypt")])
    return re.sub(r"\x1b\[\d+m", "", capsys.readouterr().out).splitlines()


def test_cells_fold_between_words_where_there_is_room(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = printed(capsys, monkeypatch, 75)
    for address in ADDRESSES:
        assert sum(address in line for line in lines) == 1
    assert ADDRESSES[1] not in lines[1]


@pytest.mark.parametrize("width", [40, 60, 69, 80, 120])
def test_a_table_is_never_wider_than_the_terminal_and_ids_stay_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    lines = printed(capsys, monkeypatch, width)
    assert max(map(len, lines)) <= width
    assert lines[1].startswith("0123456789abcdef ")
    cells = "".join(line[16:] for line in lines).replace(" ", "")
    assert set("".join(ADDRESSES)) <= set(cells)


def test_an_empty_table_is_its_headings(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("id", "for"), [])
    assert capsys.readouterr().out.split() == ["id", "for"]
