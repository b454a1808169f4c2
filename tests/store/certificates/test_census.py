"""Certificates counted in the database, on both databases."""

from datetime import UTC, datetime, timedelta

from gateway.store import Store
from gateway.store.certificates.census import Share, count_certificates
from gateway.store.certificates.said import Trust
from gateway.store.imports.importing import ImportOptions, import_file
from tests.authority import Authority, Issued


def put(store: Store, *contents: bytes) -> None:
    import_file(store, b"".join(contents), (), ImportOptions())


def counted(store: Store, *bounds: datetime) -> dict[tuple[bool, bool, bool, int], int]:
    shares = count_certificates(store.database, bounds)
    found = {(share.is_ca, share.has_key, share.distrusted, share.band): share.count for share in shares}
    assert len(found) == len(shares)
    return found


def test_an_empty_store(store: Store) -> None:
    assert count_certificates(store.database, [datetime.now(UTC)]) == []


def test_by_kind_and_trust(store: Store, authority: Authority) -> None:
    own = authority.leaf("own@example.org", kind="p256")
    others = [authority.leaf(f"o{number}@example.com", kind="p256") for number in range(3)]
    put(store, authority.root.pem())
    put(store, own.pem(), own.key_pem())
    for other in others:
        put(store, other.pem())
    store.certificates.set_trust(others[0].certificate.fingerprint, Trust.DISTRUSTED)
    assert counted(store) == {
        (True, False, False, 0): 1,
        (False, True, False, 0): 1,
        (False, False, False, 0): 2,
        (False, False, True, 0): 1,
    }


def test_by_expiry(store: Store, authority: Authority) -> None:
    """A certificate is in the band of the bounds it outlives; its last moment still counts as outliving."""
    leaf: Issued = authority.leaf("a@example.com", kind="p256")
    put(store, leaf.pem())
    end = leaf.certificate.not_after
    moment = timedelta(microseconds=1)
    for bounds, band in (
        ([end], 1),
        ([end + moment], 0),
        ([end - moment, end + moment], 1),
        ([end - moment, end], 2),
        ([end + moment, end + 2 * moment], 0),
    ):
        assert counted(store, *bounds) == {(False, False, False, band): 1}


def test_shares_are_plain(store: Store, authority: Authority) -> None:
    put(store, authority.root.pem())
    (share,) = count_certificates(store.database, [])
    assert share == Share(is_ca=True, has_key=False, distrusted=False, pending=False, band=0, count=1)
    assert isinstance(share.is_ca, bool)
