"""Every change goes through one place: who, what, to which objects; told once, when it is done."""

import ast
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from gateway.admin.changes import Change, Effect, Kind, Verb, changing
from gateway.admin.deletion import delete_certificates
from gateway.admin.trust import distrust, trust, untrust
from gateway.errors import Refused
from gateway.log import logger
from gateway.wiring import Wiring
from tests.admin.conftest import ADA
from tests.authority import Authority, Issued

ROOT = Path(__file__).parents[2] / "gateway"
PLACE = "changing"
SECRETS = {"export"}
"""What changes nothing, and is told all the same: a private key leaves."""


class Heard(logging.Handler):
    """Keeps the changes that are told."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[Change] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.changes.append(record.change)  # type: ignore[attr-defined]


@pytest.fixture
def heard() -> Iterator[list[Change]]:
    handler, before = Heard(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.changes
    logger.setLevel(before)
    logger.removeHandler(handler)


Act = Callable[[Wiring, str], object]
ACTS: dict[Verb, tuple[Act, Sequence[str]]] = {
    Verb.TRUST: (lambda wiring, own: trust(wiring, ADA, [own]), ["trusted"]),
    Verb.DISTRUST: (lambda wiring, own: distrust(wiring, ADA, [own]), ["distrusted"]),
    Verb.UNTRUST: (lambda wiring, own: untrust(wiring, ADA, [own[:16]]), ["none"]),
    Verb.DELETE_CERTIFICATES: (
        lambda wiring, own: delete_certificates(wiring, ADA, [own]),
        ["deleted", "deleted"],
    ),
}


@pytest.mark.parametrize("verb", Verb)
def test_each_use_case_tells_one_change(stocked: Wiring, support: Issued, heard: list[Change], verb: Verb) -> None:
    act, results = ACTS[verb]
    act(stocked, support.certificate.fingerprint)
    (change,) = heard
    assert (change.actor, change.verb) == (ADA, verb)
    assert [effect.result for effect in change.effects] == results
    names = {support.certificate.fingerprint, support.certificate.public_key_id}
    assert {effect.name for effect in change.effects} <= names


def test_several_objects_are_one_change(
    stocked: Wiring, support: Issued, authority: Authority, heard: list[Change]
) -> None:
    names = [
        support.certificate.fingerprint,
        authority.root.certificate.fingerprint,
        support.certificate.fingerprint[:20],
    ]
    distrust(stocked, ADA, names)
    (change,) = heard
    assert [effect.name for effect in change.effects] == names[:2]


def test_what_was_done_before_a_failure_is_told(stocked: Wiring, support: Issued, heard: list[Change]) -> None:
    with pytest.raises(Refused):
        delete_certificates(stocked, ADA, [support.certificate.fingerprint, "0" * 64])
    (change,) = heard
    assert change.effects[0] == Effect(Kind.CERTIFICATE, support.certificate.fingerprint, "deleted")


def test_where_nothing_is_done_nothing_is_told(stocked: Wiring, heard: list[Change]) -> None:
    with pytest.raises(Refused):
        delete_certificates(stocked, ADA, ["0" * 64])
    with changing(ADA, Verb.TRUST):
        pass
    assert heard == []


# what the code may call, by its text


def functions(folder: Path) -> Iterator[ast.FunctionDef]:
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                yield node


def calls(node: ast.AST) -> Iterator[ast.Call]:
    return (each for each in ast.walk(node) if isinstance(each, ast.Call))


def called(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def writes(call: ast.Call) -> bool:
    """Whether a call opens a transaction that changes the store."""
    owner, _, verb = ast.unparse(call.func).rpartition(".")
    return owner.endswith("database") and verb in ("write", "change")


def of_its_own(node: ast.FunctionDef) -> set[str]:
    """The methods of its own object that it calls."""
    names = {ast.unparse(call.func) for call in calls(node)}
    return {name.removeprefix("self.") for name in names if name.startswith("self.")}


def changing_names() -> set[str]:
    """The store's functions that write, themselves or by another of their class."""
    found = list(functions(ROOT / "store"))
    names = {node.name for node in found if any(map(writes, calls(node)))}
    while more := {node.name for node in found if of_its_own(node) & names} - names:
        names |= more
    return {name for name in names if not name.startswith("_")} | SECRETS


def outside(tree: ast.AST, inside: bool = False) -> Iterator[tuple[ast.Call, bool]]:
    """Yield every call, and whether it stands inside ``with changing(...)``."""
    if isinstance(tree, ast.Call):
        yield tree, inside
    within = inside or (
        isinstance(tree, ast.With)
        and any(isinstance(item.context_expr, ast.Call) and called(item.context_expr) == PLACE for item in tree.items)
    )
    for child in ast.iter_child_nodes(tree):
        yield from outside(child, within)


def test_the_scan_knows_what_changes_the_store() -> None:
    assert {"set_trust", "delete", "retry", "import_file", "learn", "hold", "export"} <= changing_names()
    assert not {"get", "list", "find", "statuses", "whole_chain", "path", "recent"} & changing_names()


def test_no_use_case_changes_the_store_elsewhere() -> None:
    names, seen = changing_names(), set()
    for path in sorted((ROOT / "admin").rglob("*.py")):
        for call, inside in outside(ast.parse(path.read_text())):
            assert not writes(call), f"{path.name}:{call.lineno}: a transaction of its own"
            if called(call) in names:
                seen.add(called(call))
                assert inside, f"{path.name}:{call.lineno}: {called(call)} outside of {PLACE}()"
    assert {"set_trust", "delete"} <= seen
