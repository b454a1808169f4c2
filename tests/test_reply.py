"""Enhanced status codes have names: a reply of our own is never written out by hand."""

import ast
import re
from pathlib import Path

import pytest

from gateway.reply import EnhancedCode, Reply, reply

ROOT = Path(__file__).parents[1] / "gateway"
WRITTEN_OUT = re.compile(r"(?:[245][0-9]{2} )?[245]\.[0-9]{1,3}\.[0-9]{1,3}(?: .*)?", re.DOTALL)


def strings(path: Path) -> list[str]:
    """The string literals of a module that are no docstrings."""
    tree = ast.parse(path.read_text())
    loose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in loose
    ]


def test_no_enhanced_code_is_written_out() -> None:
    found = {str(path.relative_to(ROOT)): strings(path) for path in ROOT.rglob("*.py")}
    assert found["reply.py"]
    written = [(path, text) for path, texts in found.items() for text in texts if WRITTEN_OUT.fullmatch(text)]
    assert [entry for entry in written if not entry[1].startswith(("2.5.4.", "2.5.29."))] == []


@pytest.mark.parametrize("text", ["5.7.1", "550 5.7.1 Go away", "4.3.0 Temporary trouble"])
def test_what_is_written_out_is_seen(text: str, tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(f'"""Says {text}."""\nANSWER = "{text}"\n')
    assert [found for found in strings(module) if WRITTEN_OUT.fullmatch(found)] == [text]


@pytest.mark.parametrize(
    ("code", "taken"), [(199, False), (200, True), (250, True), (299, True), (354, False), (421, False), (550, False)]
)
def test_what_was_taken(code: int, taken: bool) -> None:
    assert Reply(code, ("Text",)).taken is taken


@pytest.mark.parametrize(("code", "told"), [(250, 250), (354, 451), (421, 451), (450, 450), (550, 550)])
def test_a_reply_about_another_session_is_a_temporary_one_to_the_client(code: int, told: int) -> None:
    assert Reply(code, ("one", "two")).for_client == Reply(told, ("one", "two"))


@pytest.mark.parametrize(
    ("code", "enhanced", "line"),
    [
        (250, EnhancedCode.OTHER, "2.0.0 Text"),
        (451, EnhancedCode.OTHER_SYSTEM, "4.3.0 Text"),
        (550, EnhancedCode.INVALID_CONTENT, "5.6.11 Text"),
    ],
)
def test_the_class_is_the_first_digit_of_the_reply(code: int, enhanced: EnhancedCode, line: str) -> None:
    assert reply(code, enhanced, "Text") == Reply(code, (line,))
