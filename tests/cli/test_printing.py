"""Tables on a terminal: cells fold between words, and what an operator copies stays whole."""

import sys

import pytest

from gateway.cli.printing import print_table


def test_ids_and_addresses_stay_whole_on_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    addresses = ("somebody.with-a-long-name@sub.example.com", "other@example.com")
    print_table(("id", "for", "use"), [("0123456789abcdef", ", ".join(addresses), "sign, encrypt")])
    lines = capsys.readouterr().out.splitlines()
    assert "0123456789abcdef" in lines[1]
    for address in addresses:
        assert sum(address in line for line in lines) == 1
    assert addresses[1] not in lines[1]


def test_an_empty_table_is_its_headings(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("id", "for"), [])
    assert capsys.readouterr().out.split() == ["id", "for"]
