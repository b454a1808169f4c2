"""Identifiers and tags have names: none is written out where a structure is read or made."""

import ast
import re
from pathlib import Path

import pytest

from gateway.asn1 import der
from gateway.asn1.ber import read
from gateway.asn1.oid import Oid

ROOT = Path(__file__).parents[2] / "gateway"
TABLES = {"asn1/oid.py", "cms/algorithm.py", "pki/pbe.py", "pki/pkcs12.py"}
DOTTED = re.compile(r"[012](?:\.[0-9]+){2,}")
CONTEXT = re.compile(r"\b0x[89AB][0-9A-F]\b")


def constants(path: Path) -> list[str]:
    return [
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def rooms() -> list[Path]:
    paths = [path for room in ("asn1", "pki", "cms", "smime", "lookup") for path in (ROOT / room).rglob("*.py")]
    return [path for path in paths if str(path.relative_to(ROOT)) not in TABLES]


def test_no_identifier_is_written_out() -> None:
    assert any(DOTTED.fullmatch(text) for text in constants(ROOT / "asn1" / "oid.py"))
    found = {path.name: [text for text in constants(path) if DOTTED.fullmatch(text)] for path in rooms()}
    assert {name: texts for name, texts in found.items() if texts} == {}


def test_no_context_tag_is_written_out() -> None:
    known = {ROOT / "asn1" / "der.py", ROOT / "asn1" / "ber.py", ROOT / "cms" / "probe.py"}
    found = {path.name: CONTEXT.findall(path.read_text()) for path in rooms() if path not in known}
    assert {name: tags for name, tags in found.items() if tags} == {}


def test_no_identifier_has_two_names() -> None:
    assert len(Oid.__members__) == len(set(Oid))


@pytest.mark.parametrize("oid", list(Oid))
def test_an_identifier_is_read_as_it_is_written(oid: Oid) -> None:
    assert read(der.oid(oid)).dotted() == oid


def test_context_tags() -> None:
    assert (der.context(0), der.context(4), der.primitive(0), der.primitive(6)) == (0xA0, 0xA4, 0x80, 0x86)
