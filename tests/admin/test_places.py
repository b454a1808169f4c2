"""Certificates that wait, and what sources say of an address, as an administrator has it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.admin.certificates import CertificateFilter, listed
from gateway.admin.changes import Change
from gateway.admin.check import Fate, checked
from gateway.admin.find import find, said_of
from gateway.admin.places import approve, pin
from gateway.errors import Refused
from gateway.policy.state import State
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.wiring import Wiring
from tests.admin.conftest import ADA
from tests.authority import Authority
from tests.discovery.worlds import ALICE, options_of, publish, web
from tests.lookup.site import Site, listening

SUPPORT = "support@example.org"


@pytest.fixture
def site() -> Iterator[Site]:
    with listening() as opened:
        yield opened


@pytest.fixture
def wiring(tmp_path: Path, site: Site, authority: Authority) -> Iterator[Wiring]:
    made = Wiring()
    made.options = options_of(tmp_path, web(site), defaults={"encrypt": "required"})
    import_file(made.store, authority.root.pem(), (), ImportOptions())
    yield made
    made.store.close()


def test_what_sources_say_is_told_and_stored(wiring: Wiring, site: Site, authority: Authority) -> None:
    alice = authority.leaf(ALICE, kind="p256")
    publish(site, alice, authority.intermediate)
    assert said_of(wiring.store, ALICE).sources == ()
    found = find(wiring, ALICE)
    assert [(said.source, said.result) for said in found.sources] == [("web", "found")]
    (view,) = found.certificates
    assert (view.fingerprint, view.state, view.trust) == (alice.certificate.fingerprint, "current", "found")
    assert (view.origin, view.source, view.pinned) == ("directory", "web", False)
    assert said_of(wiring.store, ALICE) == found, "what was said last is told without asking"
    assert site.connections == 1


def test_nobody_to_ask_is_said(wiring: Wiring) -> None:
    with pytest.raises(Refused, match="no source is asked of"):
        find(wiring, "bob@elsewhere.example")


def test_a_change_of_key_is_seen_and_approved(
    wiring: Wiring, site: Site, authority: Authority, heard: list[Change]
) -> None:
    mine, theirs = authority.leaf(ALICE, kind="p256"), authority.leaf(ALICE, kind="p256")
    import_file(wiring.store, mine.pem() + authority.intermediate.pem(), (), ImportOptions())
    publish(site, theirs)
    find(wiring, ALICE)
    (pending,) = listed(wiring, CertificateFilter(state=State.PENDING)).items
    assert (pending.fingerprint, pending.trust) == (theirs.certificate.fingerprint, "quarantined")
    assert "another key is pinned" in pending.notes
    (view,) = approve(wiring, ADA, [pending.fingerprint[:16]])
    assert (view.state, view.trust, view.pinned) == ("current", "approved", True)
    assert str(heard[-1]).endswith(f"approve: certificate {view.fingerprint} pinned (in the place of another)")
    assert not listed(wiring, CertificateFilter(state=State.PENDING)).items


def test_what_cannot_be_meant_is_refused(wiring: Wiring, authority: Authority) -> None:
    mine = authority.leaf(ALICE, kind="p256")
    import_file(wiring.store, mine.pem(), (), ImportOptions())
    with pytest.raises(Refused, match="does not wait"):
        approve(wiring, ADA, [mine.certificate.fingerprint])
    with pytest.raises(Refused, match="an authority's"):
        pin(wiring, ADA, [authority.root.certificate.fingerprint])


def test_the_composer_hears_what_sources_said_and_asks_nobody(wiring: Wiring, site: Site, authority: Authority) -> None:
    own = authority.leaf(SUPPORT, kind="p256")
    import_file(wiring.store, own.p12(), (), ImportOptions())
    before = checked(wiring, SUPPORT, (ALICE,))
    assert (before.outcome, before.encrypt.recipients[0].lookup) == (Fate.REFUSE, ())
    assert site.connections == 0
    site.put("/web/alice%40customer.example", b"", "503 Later")
    find(wiring, ALICE)
    failed = checked(wiring, SUPPORT, (ALICE,))
    (recipient,) = failed.encrypt.recipients
    assert (recipient.reason, [said.result for said in recipient.lookup]) == ("lookup-failed", ["failed"])
    assert failed.outcome is Fate.DEFER and (failed.refusal or "").startswith("451 4.4.3 ")
    publish(site, authority.leaf(ALICE, kind="p256"), authority.intermediate)
    find(wiring, ALICE)
    assert (checked(wiring, SUPPORT, (ALICE,)).outcome, site.connections) == (Fate.RELAY, 2)
