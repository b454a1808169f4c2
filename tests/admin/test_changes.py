"""Every change goes through one place: who, what, to which objects; audited in its own transaction, told once.

KEY-08: what cannot be audited does not happen.
"""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from gateway.admin import audit, stores
from gateway.admin.certificates import CertificateFilter, listed
from gateway.admin.changes import Change, Kind, Verb, changing
from gateway.admin.crls import delete_crls
from gateway.admin.deletion import delete_certificates
from gateway.admin.explain import Question, explained
from gateway.admin.held import delete_held, retry_held
from gateway.admin.imports import Bundle, Wishes, import_bundle
from gateway.admin.keys import delete_keys, export_key
from gateway.admin.places import pin
from gateway.admin.trust import distrust, trust, untrust
from gateway.clock import now
from gateway.errors import Fault, Refused
from gateway.pki.revocation import read_revocation_list
from gateway.store import schema
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.store.portable import moving
from gateway.wiring import Wiring
from tests.admin.conftest import ADA
from tests.authority import Authority, Issued
from tests.store.held.messages import held

ROOT = Path(__file__).parents[2] / "gateway"
PLACE = "changing"
MAIL = b"From: a@example.com\r\nTo: support@example.org\r\n\r\n"
SECRETS = {"export"}
"""What changes nothing, and is told all the same: a private key leaves."""
NO_CHANGES = {"attempt", "begin", "enter", "forget", "prune", "signed_in", "spend", "succeeded", "touch", "used"}
"""What is noted of people who sign in and of programs; and the audit log itself."""


@dataclass(frozen=True)
class Stock:
    """What there is to act on, by id."""

    certificate: str
    key: str
    crl: str
    held: str
    store: str = stores.PLACE
    message: str = sha256(MAIL).hexdigest()


@pytest.fixture
def stock(stocked: Wiring, support: Issued, authority: Authority) -> Stock:
    assert stocked.engine, "whose seals need a secret of the store, made when it is first asked for"
    der = authority.revocation_list().public_bytes(Encoding.DER)
    import_file(stocked.store, der, [], ImportOptions())
    certificate = support.certificate
    crl = read_revocation_list(der).fingerprint
    return Stock(certificate.fingerprint, certificate.public_key_id, crl, held(stocked.store))


def _restore(wiring: Wiring) -> None:
    """Not told itself: where the backup comes from."""
    file = BytesIO()
    moving.back_up(wiring.store.database, file, now())
    wiring.store.close()
    stores.restore(wiring, ADA, file, replace=True)


def _new_key(wiring: Wiring) -> str:
    return f"file:{wiring.options.state}/kek.new"


def _aside(wiring: Wiring) -> str:
    return f"sqlite:{wiring.options.state}/copy.db"


Act = Callable[[Wiring, Stock], object]
ACTS: dict[Verb, tuple[Act, Sequence[tuple[str, str]]]] = {
    Verb.TRUST: (lambda wiring, has: trust(wiring, ADA, [has.certificate]), [("certificate", "trusted")]),
    Verb.DISTRUST: (lambda wiring, has: distrust(wiring, ADA, [has.certificate]), [("certificate", "distrusted")]),
    Verb.UNTRUST: (lambda wiring, has: untrust(wiring, ADA, [has.certificate[:16]]), [("certificate", "none")]),
    Verb.PIN: (lambda wiring, has: pin(wiring, ADA, [has.certificate]), [("certificate", "pinned")]),
    Verb.DELETE_CERTIFICATES: (
        lambda wiring, has: delete_certificates(wiring, ADA, [has.certificate]),
        [("certificate", "deleted"), ("key", "deleted")],
    ),
    Verb.EXPORT_KEY: (lambda wiring, has: export_key(wiring, ADA, has.certificate, b"secret"), [("key", "exported")]),
    Verb.DELETE_KEYS: (lambda wiring, has: delete_keys(wiring, ADA, [has.key]), [("key", "deleted")]),
    Verb.DELETE_CRLS: (lambda wiring, has: delete_crls(wiring, ADA, [has.crl[:8], has.crl]), [("crl", "deleted")]),
    Verb.RETRY_HELD: (lambda wiring, has: retry_held(wiring, ADA, []), [("held", "ready")]),
    Verb.DELETE_HELD: (lambda wiring, has: delete_held(wiring, ADA, [has.held]), [("held", "deleted")]),
    Verb.ROTATE_KEK: (lambda wiring, has: stores.rotate(wiring, ADA, _new_key(wiring)), [("store", "rotated")]),
    Verb.BACK_UP: (lambda wiring, has: stores.back_up(wiring, ADA, BytesIO()), [("store", "backed up")]),
    Verb.RESTORE: (lambda wiring, has: _restore(wiring), [("store", "restored")]),
    Verb.COPY_STORE: (lambda wiring, has: stores.copy(wiring, ADA, _aside(wiring)), [("store", "copied")]),
    Verb.OPEN: (lambda wiring, has: explained(wiring, Question(content=MAIL), ADA), [("message", "opened")]),
}


@pytest.mark.parametrize("verb", ACTS)
def test_each_use_case_tells_one_change(stocked: Wiring, stock: Stock, heard: list[Change], verb: Verb) -> None:
    act, effects = ACTS[verb]
    act(stocked, stock)
    (change,) = heard
    assert (change.actor, change.verb) == (ADA, verb)
    told = [(effect.kind, effect.name, effect.result) for effect in change.effects]
    assert told == [(Kind[kind.upper()], getattr(stock, kind), result) for kind, result in effects]
    assert all(name in str(change) for _, name, _ in told)


def test_an_import_tells_what_it_stored_and_nothing_that_it_refused(
    wiring: Wiring, authority: Authority, heard: list[Change]
) -> None:
    alice, nobody = authority.leaf("alice@example.com", kind="p256"), authority.leaf(kind="p256")
    bundle = Bundle("both.pem", alice.pem() + nobody.pem() + alice.key_pem())
    seen = import_bundle(wiring, ADA, bundle, Wishes(dry_run=True))
    assert heard == []
    views = import_bundle(wiring, ADA, bundle, Wishes())
    assert [view.result for view in views] == [view.result for view in seen] == ["added", "refused", "added"]
    (change,) = heard
    assert (change.actor, change.verb) == (ADA, Verb.IMPORT)
    told = [(effect.kind, effect.name, effect.result) for effect in change.effects]
    expected = [(Kind.CERTIFICATE, alice.certificate.fingerprint), (Kind.KEY, alice.certificate.public_key_id)]
    assert told == [(*names, "added") for names in expected]


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


def test_a_failure_undoes_all_of_a_change(stocked: Wiring, support: Issued, heard: list[Change]) -> None:
    with pytest.raises(Refused):
        delete_certificates(stocked, ADA, [support.certificate.fingerprint, "0" * 64])
    assert stocked.store.certificates.get(support.certificate.fingerprint).has_key
    assert (heard, audit.listed(stocked).items) == ([], ())


def test_where_nothing_is_done_nothing_is_told(stocked: Wiring, heard: list[Change]) -> None:
    with pytest.raises(Refused):
        delete_certificates(stocked, ADA, ["0" * 64])
    with changing(stocked, ADA, Verb.TRUST):
        pass
    assert heard == []


@pytest.mark.parametrize("verb", ACTS)
def test_the_audit_log_has_each_change(stocked: Wiring, stock: Stock, heard: list[Change], verb: Verb) -> None:
    ACTS[verb][0](stocked, stock)
    (row,), (change,) = audit.listed(stocked).items, heard
    assert (row.actor.kind, row.actor.name, row.verb) == ("system user", "ada", verb)
    assert (row.effects, row.at) == (change.effects, change.at)
    assert audit.verified(stocked).valid


@pytest.mark.parametrize("verb", ACTS)
def test_what_cannot_be_audited_does_not_happen(stocked: Wiring, stock: Stock, heard: list[Change], verb: Verb) -> None:
    """A full disk, a log without its head: nothing is changed, no key leaves."""
    before = contents(stocked)
    with stocked.store.database.write() as connection:
        connection.execute(schema.audit_head.delete())
    with pytest.raises(Fault, match="audit log"):
        ACTS[verb][0](stocked, stock)
    assert contents(stocked) == before
    assert heard == []


def test_memory_holds_nothing_that_was_undone(stocked: Wiring, support: Issued) -> None:
    """Others are answered from memory; a change that fails at its end was never there for them."""
    found = stocked.store.certificates.find(["support@example.org"], now())
    with pytest.raises(RuntimeError), changing(stocked, ADA, Verb.DELETE_CERTIFICATES):
        stocked.store.certificates.delete(support.certificate.fingerprint)
        assert stocked.store.certificates.find(["support@example.org"], now())["support@example.org"] == ()
        raise RuntimeError
    assert stocked.store.certificates.find(["support@example.org"], now()) == found
    assert not stocked.store.database.is_apart
    trust(stocked, ADA, [support.certificate.fingerprint])
    assert stocked.store.certificates.find(["support@example.org"], now()) == found


def test_a_dry_run_inside_a_change_is_undone(wiring: Wiring, authority: Authority) -> None:
    bundle = Bundle("root.pem", authority.root.pem())
    with changing(wiring, ADA, Verb.IMPORT):
        import_bundle(wiring, ADA, bundle, Wishes(dry_run=True))
    assert listed(wiring, CertificateFilter()).items == ()


def contents(wiring: Wiring) -> dict[str, list[Any]]:
    """All rows but those of the audit log, by table."""
    tables = [table for name, table in schema.metadata.tables.items() if not name.startswith("audit")]
    with wiring.store.database.read() as connection:
        return {table.name: list(connection.execute(select(table))) for table in tables}


# what the code may call, by its text


def scopes(folder: Path) -> Iterator[list[ast.FunctionDef]]:
    """Yield the functions of each module, and the methods of each class."""
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for scope in (tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))):
            yield [node for node in scope.body if isinstance(node, ast.FunctionDef)]


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
    names: set[str] = set()
    for found in scopes(ROOT / "store"):
        writing = {node.name for node in found if any(map(writes, calls(node)))}
        while more := {node.name for node in found if of_its_own(node) & writing} - writing:
            writing |= more
        names |= writing
    return {name for name in names if not name.startswith("_")} - NO_CHANGES | SECRETS


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
            if called(call) in names and not ast.unparse(call.func).startswith("_"):
                seen.add(called(call))
                assert inside, f"{path.name}:{call.lineno}: {called(call)} outside of {PLACE}()"
    assert {"set_trust", "delete", "export", "retry", "import_file"} <= seen


OUTSIDE_THE_STORE = {
    "gateway.store.files",
    "gateway.store.installation",
    "gateway.store.Misconfigured",
    "gateway.store.NotPermitted",
}
"""What commands take from that room: who owns the state directory, what reads the code, and two refusals."""


@pytest.mark.parametrize("path", sorted((ROOT / "cli").rglob("*.py")), ids=lambda path: path.name)
def test_no_command_goes_to_the_store_itself(path: Path) -> None:
    tree = ast.parse(path.read_text())
    taken = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    assert "store" not in taken, f"{path.name} reaches into the store: a use-case of admin does that"
    modules = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    names = {
        f"{node.module}.{alias.name}" if node.module == "gateway.store" else str(node.module)
        for node in modules
        for alias in node.names
        if (node.module or "").startswith("gateway.store")
    }
    assert names <= OUTSIDE_THE_STORE
