"""Every regular expression of the package is linear by construction (row LIM-06): nothing is tried twice.

An expression that gives back what it took is what makes a field of some hundred octets cost minutes. A repetition is
*long* where it has no small bound. Then:

* one that may give back (not possessive, not in an atomic group) holds no other, and what follows begins otherwise;
* an expression that is searched for does not try every place of a run as its beginning: what stands before a long
  repetition holds something that the repetition cannot take, or nothing that could fail stands behind it.
"""

import ast
import importlib
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import gateway

SMALL = 100
"""Repetitions up to this bound cost a constant."""
SEARCHING = {"search", "finditer", "findall", "sub", "subn", "split"}
CALLS = SEARCHING | {"compile", "match", "fullmatch"}
REPEATS = {sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT}
UNIVERSE = frozenset((*range(0x180), 0x2028, 0x3000, 0x10000))
CATEGORIES = {
    sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_DIGIT: r"\d",
    sre.CATEGORY_WORD: r"\w",
    sre.CATEGORY_NOT_SPACE: r"\S",
    sre.CATEGORY_NOT_DIGIT: r"\D",
    sre.CATEGORY_NOT_WORD: r"\W",
}

Node = tuple[Any, Any]
Characters = frozenset[int]
NONE: Characters = frozenset()


# -- what an expression holds ---------------------------------------------------------------------------------------


def parts(node: Node) -> list[Sequence[Node]]:
    """The sequences inside a node, those that look around left out."""
    kind, value = node
    if kind is sre.SUBPATTERN:
        return [value[3]]
    if kind is sre.BRANCH:
        return list(value[1])
    if kind in REPEATS:
        return [value[2]]
    return [value] if kind is sre.ATOMIC_GROUP else []


@cache
def category(name: Any) -> Characters:
    return frozenset(code for code in UNIVERSE if re.fullmatch(CATEGORIES[name], chr(code)))


def of_set(items: Sequence[Node]) -> Characters:
    found: set[int] = set()
    for kind, value in items:
        if kind is sre.LITERAL:
            found.add(value)
        elif kind is sre.RANGE:
            found.update(code for code in UNIVERSE if value[0] <= code <= value[1])
        elif kind is sre.CATEGORY:
            found |= category(value)
    return UNIVERSE - found if items[0][0] is sre.NEGATE else frozenset(found)


def taken(node: Node) -> Characters:
    """All characters that a node can take, at any place; both cases of a letter are one."""
    kind, value = node
    own = NONE
    if kind is sre.LITERAL:
        own = frozenset((value,))
    elif kind is sre.NOT_LITERAL:
        own = UNIVERSE - {value}
    elif kind is sre.ANY:
        own = UNIVERSE - {10}
    elif kind is sre.IN:
        own = of_set(value)
    elif kind is sre.GROUPREF:
        own = UNIVERSE
    either = (case for code in own for case in (chr(code).lower(), chr(code).upper()) if len(case) == 1)
    return own | frozenset(map(ord, either)) | union(taken(inner) for part in parts(node) for inner in part)


def union(sets: Iterator[Characters]) -> Characters:
    return frozenset().union(*sets)


def may_be_empty(sequence: Sequence[Node]) -> bool:
    for node in sequence:
        kind, value = node
        if kind in REPEATS and value[0] == 0:
            continue
        inner = parts(node)
        if taken(node) and not (inner and any(map(may_be_empty, inner))):
            return False
    return True


def first(sequence: Sequence[Node]) -> Characters:
    """The characters that a sequence can begin with."""
    found: set[int] = set()
    for node in sequence:
        inner = parts(node)
        found |= union(first(part) for part in inner) if inner else taken(node)
        if not may_be_empty([node]):
            break
    return frozenset(found)


def is_long(node: Node) -> bool:
    return node[0] in REPEATS and node[1][1] > SMALL


# -- the rules ------------------------------------------------------------------------------------------------------


def gives_back(sequence: Sequence[Node], behind: Characters, held: bool = False) -> str | None:
    """Why a sequence may try again, ``behind`` being what can follow it; ``held``: it gives nothing back."""
    for place, node in enumerate(sequence):
        kind, value = node
        rest = list(sequence[place + 1 :])
        follows = first(rest) | (behind if may_be_empty(rest) else NONE)
        holds = kind in (sre.ATOMIC_GROUP, sre.POSSESSIVE_REPEAT)
        if is_long(node) and not holds:
            if any(inner[0] in REPEATS and inner[1][1] > 1 for inner in inside(node)):
                return "a repetition inside one that may give back"
            if taken(node) & follows and not held:
                return "a repetition may give back what the next takes"
            follows |= first(value[2])
        for part in parts(node):
            found = gives_back(part, NONE if holds else follows, holds or (held and not rest))
            if found:
                return found
    return None


def inside(node: Node) -> Iterator[Node]:
    for part in parts(node):
        for inner in part:
            yield inner
            yield from inside(inner)


def begins_anywhere(sequence: Sequence[Node], before: list[Characters], fails: bool) -> str | None:
    """Why a search may look at a run from every place in it; ``fails``: something that can fail stands behind."""
    before = list(before)
    for place, node in enumerate(sequence):
        kind, value = node
        rest = sequence[place + 1 :]
        can_fail = fails or not may_be_empty(rest)
        if kind is sre.AT:
            before.append(frozenset((10,)))
        elif kind in (sre.ASSERT, sre.ASSERT_NOT) and value[0] < 0:
            told = first(value[1])
            before.append(told if kind is sre.ASSERT else UNIVERSE - told)
        elif is_long(node):
            if can_fail and not any(not told & taken(node) for told in before):
                return "a search begins anew at every place of a run"
        elif kind is sre.BRANCH or kind is sre.SUBPATTERN or kind in REPEATS:
            for part in parts(node):
                if found := begins_anywhere(part, before, can_fail):
                    return found
        if not may_be_empty([node]):
            before.append(taken(node))
    return None


def complaint(pattern: str | bytes, flags: int, *, searched: bool) -> str | None:
    tree = _parser.parse(pattern, flags)
    found = gives_back(tree, NONE)
    if found is None and searched and tree.getwidth()[0]:
        found = begins_anywhere(tree, [], fails=False)
    return found


# -- where they stand -----------------------------------------------------------------------------------------------


def is_call(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and node.func.attr in CALLS


def sources() -> dict[str, ast.Module]:
    root = Path(gateway.__file__).parent
    paths = sorted(root.rglob("*.py"))
    return {
        ".".join(path.relative_to(root.parent).with_suffix("").parts): ast.parse(path.read_text()) for path in paths
    }


def searched_names(tree: ast.Module) -> set[str]:
    """The names of compiled expressions that anything is searched with."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in SEARCHING)
    return {node.value.id for node in nodes if isinstance(node.value, ast.Name)}


def expressions() -> list[Any]:
    """Every expression in the package: the pattern, its flags and whether it is searched for."""
    found: list[Any] = []
    trees = sources()
    public = {name for tree in trees.values() for name in searched_names(tree) if not name.startswith("_")}
    for module, tree in trees.items():
        names = searched_names(tree) | public
        named = {id(node.value): node.targets[0].id for node in ast.walk(tree) if is_named(node)}  # type: ignore[attr-defined]
        for node in filter(is_call, ast.walk(tree)):
            where = f"{module.removesuffix('.__init__')}:{node.lineno}"  # type: ignore[attr-defined]
            found.append(pytest.param(module, node, named.get(id(node)) in names, id=where))
    return found


def is_named(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)


def value_of(node: ast.expr, module: str) -> Any:
    """What an argument is, in the words of its module; what is escaped holds nothing special."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "escape":
        return "literal"
    code = compile(ast.Expression(node), module, "eval")
    return eval(code, vars(importlib.import_module(module)))


@pytest.mark.parametrize(("module", "call", "searched"), expressions())
def test_nothing_is_tried_twice(module: str, call: ast.Call, searched: bool) -> None:
    assert isinstance(call.func, ast.Attribute)
    pattern = value_of(call.args[0], module)
    flags = call.args[1:2] if call.func.attr == "compile" else []
    flags += [word.value for word in call.keywords if word.arg == "flags"]
    given = value_of(flags[0], module) if flags else 0
    assert complaint(pattern, given, searched=searched or call.func.attr in SEARCHING) is None


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?:a+)+b",
        r"(?:a*;?)*x",
        r"(?:(a|b*)c?)*",
        r";[ \t]*(?:[^;=]+=[ \t]*(?:\"[^\"]*\"|[^;]*))?[ \t]*",
        r"a*a",
        r"\s*\n",
        r"[a-z]+[0-9]*[a-f]x",
        r"(?:ab)*a",
        r".*;",
        r"(?i)[a-z]*K",
    ],
)
def test_what_is_refused_anywhere(pattern: str) -> None:
    assert complaint(pattern, 0, searched=False) is not None


@pytest.mark.parametrize("pattern", [r"\s*+tag", r"[ \t]++\n", r"=[^;]*+;", r"(?m)^\s*+x", r"(?:\s*+)?tag", r"a?b*+c"])
def test_what_is_refused_in_a_search(pattern: str) -> None:
    assert complaint(pattern, 0, searched=True) is not None


@pytest.mark.parametrize(
    "pattern",
    [r"<[^<>]*+>", r"a++", r"(?m)^[ \t]*+x", r"(?<!a)a++b", r"a{1,20}a", r"a*+", r"\n[ \t]++\n"],
)
def test_what_is_taken_in_a_search(pattern: str) -> None:
    assert complaint(pattern, 0, searched=True) is None


@pytest.mark.parametrize("pattern", [r"(?:a++;?+)*+x", r"a*b", r"(?>a*)a"])
def test_what_is_taken_where_it_begins(pattern: str) -> None:
    assert complaint(pattern, 0, searched=False) is None
