"""Where evidence of revocation is fetched: once for all processes, again in time, the next source where one fails."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import alembic.command
import alembic.config
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID
from sqlalchemy import select, text

from gateway.pki.path import CertificatePath
from gateway.pki.revocation import RevocationList, read_revocation_list, read_status_response
from gateway.pki.sources import Source, sources_of
from gateway.store import Store, StoreOptions, migrate, open_store, schema
from gateway.store.database import open_database
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.store.revocation import sources
from gateway.store.revocation.sources import FIRST_PAUSE, LATEST, LONGEST_PAUSE, MAX_FAILURES, SOONEST
from tests.authority import Authority, Issued

AT = datetime(2026, 6, 1, tzinfo=UTC)
LEASE = timedelta(minutes=1)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def naming(
    authority: Authority, lists: int = 1, responders: int = 1, host: str = "a.example", **facts: object
) -> Issued:
    """A leaf that names so many CRLs and responders."""
    urls = [x509.UniformResourceIdentifier(f"http://{host}/{number}") for number in range(lists + responders)]
    points = [x509.DistributionPoint([url], None, None, None) for url in urls[:lists]]
    access = [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, url) for url in urls[lists:]]
    extensions = [(x509.CRLDistributionPoints(points), False)] if points else []
    extensions += [(x509.AuthorityInformationAccess(access), False)] if access else []  # type: ignore[list-item]
    return authority.leaf("a@example.com", kind="p256", extensions=extensions, **facts)


def path(leaf: Issued) -> CertificatePath:
    return tuple(each.certificate for each in (leaf, *leaf.issuers))


def crl(authority: Authority, *revoked: Issued, number: int = 1, until: datetime = AT + 10 * DAY) -> RevocationList:
    made = authority.revocation_list(*revoked, number=number, at=AT - DAY, until=until)
    return read_revocation_list(made.public_bytes(Encoding.DER))


def claimed(store: Store, at: datetime = AT) -> Source:
    source = store.revocation_sources.claim(at, LEASE)
    assert source is not None
    return source


def number_of(source: Source | None) -> str | None:
    """Which of those that ``naming`` made."""
    return None if source is None else source.url.rpartition("/")[2]


def due_at(store: Store) -> datetime:
    with store.database.read() as connection:
        (due,) = connection.scalars(select(schema.revocation_sources.c.due))
    return due


def test_rel_10_a_source_put_off_under_a_clock_that_was_ahead_is_due(store: Store, authority: Authority) -> None:
    ahead = AT + 3652 * DAY
    assert store.revocation_sources.want(path(naming(authority)), ahead)
    source = claimed(store, ahead)
    store.revocation_sources.failed(source, ahead)
    assert store.revocation_sources.claim(ahead, LEASE) is None
    assert claimed(store, AT) == source


def generation(store: Store) -> int:
    store.generation.expire()
    return store.generation.current()


# wanting and claiming


def test_what_is_wanted_is_claimed_once(store: Store, options: StoreOptions, authority: Authority) -> None:
    other = open_store(options, durable=True)
    leaf = naming(authority)
    assert store.revocation_sources.claim(AT, LEASE) is None
    assert store.revocation_sources.want(path(leaf), AT)
    assert other.revocation_sources.want(path(leaf), AT)
    source = claimed(other)
    assert source == sources_of(path(leaf))[0]
    assert store.revocation_sources.claim(AT, LEASE) is None
    assert other.revocation_sources.claim(AT + LEASE - SECOND, LEASE) is None
    assert store.revocation_sources.claim(AT + LEASE, LEASE) == source, "who claimed it has died"


def test_leaves_of_one_issuer_share_the_source(store: Store, authority: Authority) -> None:
    for _ in range(3):
        store.revocation_sources.want(path(naming(authority)), AT)
    claimed(store)
    assert store.revocation_sources.claim(AT, LEASE) is None


def test_net_02_unique_addresses_are_not_gathered_without_end(
    store: Store, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MAX_SOURCES", 3)
    wanted = [store.revocation_sources.want(path(naming(authority, host=f"{n}.example")), AT) for n in range(5)]
    assert wanted == [True, True, True, False, False]


def test_a_certificate_that_names_nothing_is_no_source(store: Store, authority: Authority) -> None:
    assert store.revocation_sources.want(path(naming(authority, 0, 0)), AT)
    assert store.revocation_sources.claim(AT, LEASE) is None


# failures


def test_a_failing_source_rests_longer_each_time_and_is_forgotten_in_the_end(
    store: Store, authority: Authority
) -> None:
    leaf = naming(authority, 1, 0)
    store.revocation_sources.want(path(leaf), AT)
    at, pauses = AT, []
    for _ in range(MAX_FAILURES - 1):
        store.revocation_sources.failed(claimed(store, at), at)
        store.revocation_sources.want(path(leaf), at)  # asking again does not help
        due = due_at(store)
        pauses.append(due - at)
        at = due
    assert pauses[:4] == [FIRST_PAUSE * 2**n for n in range(4)]
    assert set(pauses[10:]) == {LONGEST_PAUSE}
    assert timedelta(days=6) < at - AT < timedelta(days=8)
    assert store.revocation_sources.claim(at - SECOND, LEASE) is None
    store.revocation_sources.failed(claimed(store, at), at)
    assert store.revocation_sources.claim(at + 30 * DAY, LEASE) is None
    store.revocation_sources.want(path(leaf), at)
    assert number_of(claimed(store, at)) == "0"


def test_the_next_source_takes_the_place_of_one_that_fails(store: Store, authority: Authority) -> None:
    leaf = naming(authority, 2, 2)
    order = []
    for _ in range(5):
        store.revocation_sources.want(path(leaf), AT)
        source = store.revocation_sources.claim(AT, LEASE)
        order.append(number_of(source))
        if source is not None:
            store.revocation_sources.failed(source, AT)
    assert order == ["0", "1", "2", "3", None]


def test_the_next_source_is_asked_where_the_list_left_the_status_open(store: Store, authority: Authority) -> None:
    leaf = naming(authority)
    store.revocation_sources.want(path(leaf), AT)
    store.revocation_sources.fetched(claimed(store), crl(authority), AT)
    store.revocation_sources.want(path(leaf), AT)
    assert number_of(claimed(store)) == "1"


# what came


@pytest.mark.parametrize(
    ("left", "pause"), [(10 * SECOND, SOONEST), (timedelta(hours=10), timedelta(hours=9)), (100 * DAY, LATEST)]
)
def test_a_list_is_due_again_ahead_of_its_end(
    store: Store, authority: Authority, left: timedelta, pause: timedelta
) -> None:
    store.revocation_sources.want(path(naming(authority)), AT)
    source = claimed(store)
    store.revocation_sources.fetched(source, crl(authority, until=AT + left), AT)
    assert store.revocation_sources.claim(AT + pause - SECOND, LEASE) is None
    assert store.revocation_sources.claim(AT + pause, LEASE) == source


def test_what_was_fetched_is_evidence_for_every_process(
    store: Store, options: StoreOptions, authority: Authority
) -> None:
    other = open_store(options, durable=True)
    leaf = naming(authority)
    before = generation(other)
    store.revocation_sources.want(path(leaf), AT)
    assert generation(other) == before
    found = crl(authority, leaf)
    source = claimed(store)
    store.revocation_sources.fetched(source, found, AT)
    assert generation(other) > before
    (item,) = other.evidence.revocation(leaf.certificate).lists
    assert item.der == found.der
    assert other.revocation_lists.urls() == {found.fingerprint: source.url}


def test_a_newer_list_replaces_the_last_of_its_source_and_an_older_one_does_not(
    store: Store, authority: Authority
) -> None:
    """Row NET-04: an older list, replayed, takes nothing back."""
    leaf = naming(authority)
    store.revocation_sources.want(path(leaf), AT)
    source = claimed(store)
    first, second = crl(authority, number=1), crl(authority, leaf, number=2)
    for found in (first, second, first):
        store.revocation_sources.fetched(source, found, AT)
    assert [item.number for item in store.revocation_lists.list()] == [2]
    store.revocation_sources.fetched(source, crl(authority, number=1, until=AT + 30 * DAY), AT + 11 * DAY)
    assert [item.number for item in store.revocation_lists.list()] == [1], "better than one that is out of date"


def test_an_imported_list_and_a_fetched_one_leave_each_other_alone(store: Store, authority: Authority) -> None:
    leaf = naming(authority)
    imported, fetched = crl(authority, leaf, number=1), crl(authority, number=2)
    import_file(store, imported.der, (), ImportOptions())
    store.revocation_sources.want(path(leaf), AT)
    source = claimed(store)
    store.revocation_sources.fetched(source, fetched, AT)
    assert {item.number for item in store.revocation_lists.list()} == {1, 2}
    assert store.revocation_lists.urls() == {fetched.fingerprint: source.url}
    import_file(store, fetched.der, (), ImportOptions())
    assert store.revocation_lists.urls() == {}, "what an administrator imports is imported from now on"
    store.revocation_sources.fetched(source, fetched, AT)
    assert store.revocation_lists.urls() == {}


def test_a_deleted_list_is_fetched_again_when_it_is_wanted_again(store: Store, authority: Authority) -> None:
    leaf = naming(authority)
    store.revocation_sources.want(path(leaf), AT)
    found = crl(authority)
    store.revocation_sources.fetched(claimed(store), found, AT)
    store.revocation_lists.delete(found.fingerprint)
    assert store.evidence.revocation(leaf.certificate).lists == ()
    assert store.revocation_sources.claim(AT + 30 * DAY, LEASE) is None
    store.revocation_sources.want(path(leaf), AT)
    assert number_of(claimed(store)) == "0"


def test_what_is_forgotten_leaves_nothing(store: Store, authority: Authority) -> None:
    leaf = naming(authority)
    store.revocation_sources.want(path(leaf), AT)
    source = claimed(store)
    store.revocation_sources.fetched(source, crl(authority), AT)
    store.revocation_sources.forget(source)
    assert store.revocation_lists.list() == []
    assert store.revocation_sources.claim(AT + 30 * DAY, LEASE) is None


def test_crls_of_an_older_store_stay_imported(unmade: StoreOptions, authority: Authority) -> None:
    unmade.state.mkdir(mode=0o700)
    if unmade.database == "sqlite":
        (unmade.state / "store.db").touch(mode=0o600)
    database = open_database(unmade.database, unmade.state, durable=True, wait=1)
    found = crl(authority)
    with database.write() as connection:
        settings = alembic.config.Config(attributes={"connection": connection})
        settings.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
        alembic.command.upgrade(settings, "0002")
        columns = {"fingerprint": found.fingerprint, "scope": "s", "der": found.der}
        connection.execute(text("INSERT INTO revocation_lists VALUES (:fingerprint, :scope, :der)"), columns)
    database.close()
    store = open_store(unmade, durable=True)
    assert [item.der for item in store.revocation_lists.list()] == [found.der]
    assert store.revocation_lists.urls() == {}
    store.close()


# OCSP responses


def test_responses_are_evidence_about_their_certificate_only(store: Store, authority: Authority) -> None:
    leaf, other = naming(authority, 0, 1), naming(authority, 0, 1)
    for each in (leaf, other):
        store.revocation_sources.want(path(each), AT)
    for _ in range(2):
        source = claimed(store)
        of = leaf if source.path[0] == leaf.certificate else other
        response = read_status_response(authority.status_response(of, at=AT, until=AT + DAY))
        store.revocation_sources.fetched(source, response, AT)
    for each in (leaf, other):
        (found,) = store.evidence.revocation(each.certificate).responses
        assert [answer.serial for answer in found.answers] == [each.certificate.serial]
    assert store.revocation_sources.claim(AT + 30 * DAY, LEASE) is None, "a response is not refreshed"


def test_responses_about_authorities_are_evidence_for_all(store: Store, authority: Authority) -> None:
    access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://o"))
    above = authority.ca(
        "Above", issuer=authority.root, extensions=[(x509.AuthorityInformationAccess([access]), False)]
    )
    store.revocation_sources.want(path(above), AT)
    response = read_status_response(authority.status_response(above))
    store.revocation_sources.fetched(claimed(store), response, AT)
    leaf = authority.leaf("a@example.com", issuer=above, kind="p256")
    (found,) = store.evidence.revocation(leaf.certificate).responses
    assert found.der == response.der


def test_a_response_is_replaced_and_goes_when_it_is_out_of_date(store: Store, authority: Authority) -> None:
    leaf, other = naming(authority, 0, 1), naming(authority, 0, 1)
    for number, (each, at) in enumerate([(leaf, AT), (leaf, AT + DAY / 2), (other, AT + 3 * DAY)]):
        store.revocation_sources.want(path(each), at)
        response = read_status_response(authority.status_response(each, at=at, until=at + DAY))
        store.revocation_sources.fetched(claimed(store, at), response, at)
        (found,) = store.evidence.revocation(each.certificate).responses
        assert found.answers[0].this_update == at, number
    assert store.evidence.revocation(leaf.certificate).responses == ()
