"""Certificates, keys and bundles made by others: each is read, or refused as it should be."""

import base64
import csv
import re
from pathlib import Path

import pytest

from gateway.errors import Malformed
from gateway.pki.bundle import read_bundle
from gateway.pki.certificate import UnsupportedKey, public_key_id, read_certificate
from gateway.pki.path import chain_for

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
ROWS: list[dict[str, str]] = []
if (CORPORA / "MANIFEST.tsv").exists():
    with (CORPORA / "MANIFEST.tsv").open(encoding="utf-8", newline="") as table:
        ROWS = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))

NOT_READ = {"rfc4134/DianeDSSSignByCarlInherit.crt": Malformed} | {
    row["file"]: UnsupportedKey for row in ROWS if re.search(r"ML-KEM-512\.crt$|mlkem512|mlkem_bad_ku", row["file"])
}
"""DSA parameters inherited from the issuer, and a parameter set that the library does not have."""


def rows(*kinds: str, under: str = "") -> list[object]:
    chosen = [row for row in ROWS if row["kind"] in kinds and row["file"].startswith(under)]
    found = [pytest.param(row, id=row["file"]) for row in chosen]
    return found or [pytest.param({}, marks=pytest.mark.skip(reason="no ../shared/corpora"))]


def der_of(file: str) -> bytes:
    data = (CORPORA / file).read_bytes()
    armoured = re.search(rb"-----BEGIN [A-Z0-9 ]+-----\s(.*?)-----END", data, re.DOTALL)
    return base64.b64decode(armoured[1]) if armoured else data


@pytest.mark.parametrize("row", rows("certificate"))
def test_certificates_read_or_are_malformed(row: dict[str, str]) -> None:
    data = der_of(row["file"])
    if row["file"] in NOT_READ:
        with pytest.raises(NOT_READ[row["file"]]):
            read_certificate(data)
        return
    found = read_certificate(data)
    assert found.der == data
    assert {*found.addresses, *found.subject_addresses} >= {a for a in row["sender"].split(",") if _plain(a)}


def _plain(address: str) -> bool:
    local, at, domain = address.partition("@")
    return bool(at) and len(local) <= 64 and len(domain) <= 255


@pytest.mark.parametrize("row", rows("pkcs12", "certs-only", "crl"))
def test_bundles_are_read_whole(row: dict[str, str]) -> None:
    passphrases = [row["passphrase"].encode()] if row["passphrase"] else []
    found = read_bundle((CORPORA / row["file"]).read_bytes(), passphrases)
    assert found.faults == ()
    if row["kind"] == "pkcs12":
        assert found.keys
        owned = {read_certificate(item.der).public_key_id for item in found.certificates}
        assert {public_key_id(key.key.public_key()) for key in found.keys} <= owned


@pytest.mark.parametrize("row", rows("pkcs12", under="rfc9216/"))
def test_crt_04_split_pairs_keep_both_keys(row: dict[str, str]) -> None:
    """CRT-04: a file with a signing and an encryption pair loses neither."""
    found = read_bundle((CORPORA / row["file"]).read_bytes(), [row["passphrase"].encode()])
    leaves = [read_certificate(item.der) for item in found.certificates]
    assert sorted((leaf.may_sign, leaf.may_encrypt) for leaf in leaves if not leaf.is_ca) == [
        (False, True),
        (True, False),
    ]
    assert len(found.keys) == 2


@pytest.mark.parametrize("row", rows("key"))
def test_keys_are_read_or_refused_with_a_word(row: dict[str, str]) -> None:
    found = read_bundle((CORPORA / row["file"]).read_bytes())
    assert len(found.keys) + len(found.faults) >= 1
    assert all(fault.reason in ("malformed", "unsupported-algorithm") for fault in found.faults)
    if "bad-" in row["file"]:
        assert found.keys == ()


@pytest.mark.skipif(not ROWS, reason="no ../shared/corpora")
def test_roots_cross_signed_both_ways_end() -> None:
    names = (
        "ca.rsa.crt",
        "ca.rsa.cross.crt",
        "ca.25519.crt",
        "ca.25519.cross.crt",
        "alice.sign.crt",
        "carlos.sign.crt",
    )
    rsa, rsa_cross, ed, ed_cross, alice, carlos = (read_certificate(der_of(f"rfc9216/{name}")) for name in names)
    assert chain_for(alice, [rsa, rsa_cross, ed, ed_cross]).issuers == ()
    assert chain_for(alice, [rsa_cross, ed_cross]).issuers == (rsa_cross, ed_cross)
    assert chain_for(carlos, [rsa_cross, ed_cross]).issuers == (ed_cross, rsa_cross)
