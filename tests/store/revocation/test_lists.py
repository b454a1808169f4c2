"""CRLs: the newest of each series, evidence from memory, garbage refused."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.errors import Refused
from gateway.pki.revocation import RevocationList
from gateway.store import Store
from gateway.store.imports.importing import Imported, ImportOptions, import_file
from tests.authority import NOT_BEFORE, Authority, Issued


def crl(
    by: Issued,
    number: int | None = 1,
    at: datetime = NOT_BEFORE,
    *,
    revoked: Sequence[int] = (),
    extensions: Sequence[x509.ExtensionType] = (),
    key_id: bool = False,
) -> bytes:
    """Make a CRL in PEM."""
    builder = x509.CertificateRevocationListBuilder(by.x509.subject, at, at + timedelta(days=30))
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), False)
    if key_id:
        public_key = by.private_key.public_key()
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key), False)
    for extension in extensions:
        builder = builder.add_extension(extension, True)
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(by.private_key, hashes.SHA256()).public_bytes(Encoding.PEM)


def point(name: str | None, **facts: Any) -> x509.IssuingDistributionPoint:
    values: dict[str, Any] = {
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    uri = None if name is None else [x509.UniformResourceIdentifier(name)]
    return x509.IssuingDistributionPoint(full_name=uri, **values | facts)


def take(store: Store, *parts: bytes, **options: bool) -> list[Imported]:
    return import_file(store, b"".join(parts), (), ImportOptions(**options))


def words(results: list[Imported]) -> list[tuple[str, str, str | None]]:
    return [(imported.object, imported.result, imported.reason) for imported in results]


def numbers(found: Sequence[RevocationList]) -> list[int | None]:
    return [item.number for item in found]


ADDED = ("crl", "added", None)
KNOWN = ("crl", "known", "duplicate")
LATER = NOT_BEFORE + timedelta(days=7)


def test_a_crl_is_imported_beside_certificates_and_named(store: Store, authority: Authority) -> None:
    root = authority.root
    results = take(store, root.pem(), crl(root, revoked=[7, 8]))
    assert words(results) == [("certificate", "added", None), ADDED]
    (item,) = store.revocation_lists.list()
    assert (results[1].fingerprint, results[1].subject) == (item.fingerprint, root.certificate.subject)
    assert (item.issuer_der, item.number, item.size) == (root.certificate.subject_der, 1, 2)
    assert words(take(store, crl(root, revoked=[7, 8]))) == [ADDED]  # made anew, so signed anew
    assert len(store.revocation_lists.list()) == 1


def test_the_same_crl_again_is_known(store: Store, authority: Authority) -> None:
    der = crl(authority.root)
    assert words(take(store, der, der)) == [ADDED, KNOWN]
    assert words(take(store, der)) == [KNOWN]


@pytest.mark.parametrize(
    ("older", "newer"),
    [((1, NOT_BEFORE), (2, LATER)), ((1, LATER), (2, NOT_BEFORE)), ((None, NOT_BEFORE), (None, LATER))],
)
def test_only_the_newest_of_a_series_stays(
    store: Store, authority: Authority, older: tuple[int | None, datetime], newer: tuple[int | None, datetime]
) -> None:
    old, new = crl(authority.root, *older), crl(authority.root, *newer)
    take(store, old)
    (replaced,) = take(store, new)
    assert (replaced.result, replaced.text) == ("added", f"in the place of the one of {older[1]:%Y-%m-%d}")
    (late,) = take(store, old)
    assert (late.result, late.reason) == ("known", "duplicate")
    assert late.text == f"a newer one, of {newer[1]:%Y-%m-%d}, is stored"
    assert [(item.number, item.this_update) for item in store.revocation_lists.list()] == [newer]


def test_every_scope_is_a_series_of_its_own(store: Store, authority: Authority) -> None:
    root = authority.root
    others = [
        crl(root, 1),
        crl(root, 2, key_id=True),
        crl(root, 3, extensions=[point("http://x/a")]),
        crl(root, 4, extensions=[point("http://x/b")]),
        crl(root, 5, extensions=[point("http://x/a", only_contains_user_certs=True)]),
        crl(root, 6, extensions=[x509.DeltaCRLIndicator(1)]),
        crl(authority.intermediate, 7),
    ]
    assert words(take(store, *others)) == [ADDED] * 7
    assert sorted(map(str, numbers(store.revocation_lists.list()))) == list("1234567")


def test_a_crl_that_does_not_parse_is_a_fault_of_the_file(store: Store, authority: Authority) -> None:
    whole = x509.load_pem_x509_crl(crl(authority.root, revoked=[0x1234567890])).public_bytes(Encoding.DER)
    at = whole.index(bytes.fromhex("1234567890"))
    broken = bytearray(whole)
    broken[at - 2] = 0x1E  # the serial number of the entry is no INTEGER any more
    for bad in (bytes(broken), whole[:-1], whole.replace(b"\x55\x1d\x14", b"\x55\x1d\x1c")):
        (refused,) = import_file(store, bad, (), ImportOptions())
        assert (refused.result, refused.reason) == ("refused", "malformed")
    assert store.revocation_lists.list() == []


def test_a_dry_run_stores_no_crl(store: Store, authority: Authority) -> None:
    data = crl(authority.root)
    assert words(take(store, data, dry_run=True)) == [ADDED]
    assert store.revocation_lists.list() == []


def test_a_crl_is_deleted_by_a_prefix_of_its_fingerprint(store: Store, authority: Authority) -> None:
    take(store, crl(authority.root, 1), crl(authority.intermediate, 2))
    item = next(item for item in store.revocation_lists.list() if item.number == 1)
    with pytest.raises(Refused, match="no stored CRL"):
        store.revocation_lists.delete("0" * 64)
    assert store.revocation_lists.delete(item.fingerprint[:20]).fingerprint == item.fingerprint
    assert numbers(store.revocation_lists.list()) == [2]
