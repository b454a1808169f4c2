"""What an import, or trust, makes ready of what is held: what it helps, nothing else, in the same transaction."""

from collections.abc import Callable

import pytest

from gateway.errors import Fault
from gateway.pki.need import Need, NeedKind, by_key_id, by_serial, by_subject
from gateway.reason import Reason
from gateway.store import Store
from gateway.store.certificates.said import Trust
from gateway.store.held.message import State
from gateway.store.imports.importing import ImportOptions, import_file
from tests.authority import Authority, Issued
from tests.store.held.messages import AT, LEASE, held

Form = Callable[[NeedKind, Issued], Need]


def serial(kind: NeedKind, issued: Issued) -> Need:
    return by_serial(kind, issued.certificate.issuer_der, issued.certificate.serial)


def key_id(kind: NeedKind, issued: Issued) -> Need:
    return by_key_id(kind, issued.certificate.subject_key_id or b"")


def take(store: Store, *parts: bytes, **options: bool) -> None:
    results = import_file(store, b"".join(parts), (), ImportOptions(**options))
    assert "refused" not in {imported.result for imported in results}


def states(store: Store, *names: str) -> list[State]:
    return [store.held.get(name).state for name in names]


@pytest.fixture
def alice(authority: Authority) -> Issued:
    return authority.leaf("alice@example.com", kind="p256")


@pytest.fixture
def bob(authority: Authority) -> Issued:
    return authority.leaf("bob@example.com", kind="p256")


@pytest.mark.parametrize("form", [serial, key_id])
@pytest.mark.parametrize("order", ["certificate first", "key first", "together"])
def test_a_key_wakes_once_its_certificate_is_there_too(
    store: Store, alice: Issued, bob: Issued, form: Form, order: str
) -> None:
    mine = held(store, form(NeedKind.RECIPIENT, alice), form(NeedKind.RECIPIENT, bob), content=b"1")
    other = held(store, form(NeedKind.RECIPIENT, bob), content=b"2")
    parts = {"certificate first": (alice.pem(), alice.key_pem()), "key first": (alice.key_pem(), alice.pem())}
    if order == "together":
        take(store, alice.key_pem(), alice.pem())
    else:
        first, second = parts[order]
        take(store, first)
        assert states(store, mine) == [State.WAITING]
        take(store, second)
    assert states(store, mine, other) == [State.READY, State.WAITING]
    claimed = store.held.claim(AT, LEASE)
    assert claimed is not None
    assert (claimed[0].id, claimed[0].asked) == (mine, False)


@pytest.mark.parametrize("form", [serial, key_id])
def test_a_certificate_wakes_what_its_owner_signed(store: Store, alice: Issued, form: Form) -> None:
    signed = held(store, form(NeedKind.SIGNER, alice), content=b"1")
    sealed = held(store, form(NeedKind.RECIPIENT, alice), content=b"2")
    take(store, alice.pem())
    assert states(store, signed, sealed) == [State.READY, State.WAITING]


def test_a_ca_wakes_what_it_issued(store: Store, authority: Authority) -> None:
    root = authority.root
    by_name = held(store, by_subject(root.certificate.subject_der), content=b"1")
    by_id = held(store, key_id(NeedKind.ISSUER, root), content=b"2")
    other = held(store, by_subject(authority.intermediate.certificate.subject_der), content=b"3")
    take(store, root.pem())
    assert states(store, by_name, by_id, other) == [State.READY, State.READY, State.WAITING]


def test_trust_wakes_and_distrust_does_not(store: Store, authority: Authority, alice: Issued) -> None:
    root = authority.root
    take(store, root.pem(), trust=False)
    take(store, alice.pem(), trust=False)
    anchored = held(store, by_subject(root.certificate.subject_der), content=b"1")
    itself = held(store, serial(NeedKind.SIGNER, alice), content=b"2")
    store.certificates.set_trust(root.certificate.fingerprint, Trust.DISTRUSTED)
    assert states(store, anchored, itself) == [State.WAITING] * 2
    store.certificates.set_trust(root.certificate.fingerprint, Trust.TRUSTED)
    assert states(store, anchored, itself) == [State.READY, State.WAITING]
    take(store, alice.pem())  # known, but now trusted
    assert states(store, itself) == [State.READY]


def test_what_is_known_already_wakes_nothing(store: Store, alice: Issued) -> None:
    take(store, alice.pem(), alice.key_pem())
    waiting = held(store, serial(NeedKind.RECIPIENT, alice), serial(NeedKind.SIGNER, alice))
    take(store, alice.pem(), alice.key_pem())
    assert states(store, waiting) == [State.WAITING]


def test_an_import_that_is_undone_wakes_nothing(store: Store, alice: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = held(store, serial(NeedKind.SIGNER, alice))
    take(store, alice.pem(), dry_run=True)

    def fails(*_: object) -> bool:
        raise Fault("the disk is full")

    monkeypatch.setattr("gateway.store.keys.private_keys.add", fails)
    with pytest.raises(Fault):
        take(store, alice.pem(), alice.key_pem())
    assert states(store, waiting) == [State.WAITING]


def test_only_what_waits_is_woken(store: Store, alice: Issued) -> None:
    need = serial(NeedKind.SIGNER, alice)
    names = [held(store, need, content=b"%d" % number) for number in range(3)]
    store.held.retry(names)
    for name, end in zip(sorted(names), ("failed", "judged", "trying"), strict=True):
        claimed = store.held.claim(AT, LEASE)
        assert claimed is not None
        assert claimed[0].id == name
        if end == "failed":
            store.held.failed_permanently(name, "550")
        elif end == "judged":
            store.held.judged(name, "pass")
    take(store, alice.pem())
    assert states(store, *sorted(names)) == [State.FAILED, State.JUDGED, State.TRYING]


def test_needs_that_were_given_up_wake_no_more(store: Store, alice: Issued, bob: Issued) -> None:
    name = held(store, serial(NeedKind.SIGNER, alice))
    take(store, alice.pem())
    assert store.held.claim(AT, LEASE) is not None
    store.held.still_waiting(name, frozenset({serial(NeedKind.RECIPIENT, bob)}), Reason.NO_KEY)
    store.certificates.set_trust(alice.certificate.fingerprint, Trust.TRUSTED)
    assert states(store, name) == [State.WAITING]
    take(store, bob.pem(), bob.key_pem())
    assert states(store, name) == [State.READY]
