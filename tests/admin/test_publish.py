"""Our certificates for others to find: records that a name server takes, entries that a directory takes, vCards."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.admin.publish import Form, published
from gateway.errors import Refused
from gateway.lookup.ldap import LdapServer
from gateway.lookup.published import Agreement, MailIssuers, mail_issuers
from gateway.lookup.smimea import SmimeaRecords, owner_name
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.wiring import Wiring
from tests.authority import Authority, Issued
from tests.discovery.worlds import options_of
from tests.lookup.slapd import BASE, person, slapd
from tests.lookup.zones import PLAIN, SIGNED, Dns, whole, zones

CAA = {
    SIGNED: [
        '@ CAA 0 issuemail "ca.example; account=1"',
        '@ CAA 0 issue "web.example"',
        'free CAA 0 issue "x.example"',
    ],
    PLAIN: ['@ CAA 0 IssueMail ";"'],
}
ADDRESSES = [f"{local}@{SIGNED}" for local in ("here", "other", "none")] + [f"here@{PLAIN}"]


@pytest.fixture(scope="module")
def own(authority: Authority) -> dict[str, Issued]:
    return {address: authority.leaf(address, kind="p256") for address in ADDRESSES}


@pytest.fixture(scope="module")
def dns(own: dict[str, Issued], authority: Authority) -> Iterator[Dns]:
    records = {
        f"here@{SIGNED}": [whole(own[f"here@{SIGNED}"].der)],
        f"other@{SIGNED}": [whole(authority.leaf(f"other@{SIGNED}", kind="p256").der)],
    }
    with zones(records, CAA) as serving:
        yield serving


@pytest.fixture
def wiring(tmp_path: Path, own: dict[str, Issued]) -> Iterator[Wiring]:
    made = Wiring()
    made.options = options_of(tmp_path)
    for issued in own.values():
        import_file(made.store, issued.p12(), (), ImportOptions())
    yield made
    made.store.close()


def resolving(dns: Dns) -> SmimeaRecords:
    return SmimeaRecords(("127.0.0.1", dns.resolver))


def test_the_dns_is_compared_with_what_is_in_use(
    wiring: Wiring, tmp_path: Path, dns: Dns, own: dict[str, Issued]
) -> None:
    source = {"name": "dns", "kind": "smimea", "domains": ["*"], "resolver": f"127.0.0.1:{dns.resolver}"}
    wiring.options = options_of(tmp_path, source)
    found = {view.address: view for view in published(wiring, Form.DNS, [])}
    assert {address: view.zone for address, view in found.items()} == {
        f"here@{SIGNED}": Agreement.AGREES,
        f"other@{SIGNED}": Agreement.DIFFERS,
        f"none@{SIGNED}": Agreement.ABSENT,
        f"here@{PLAIN}": Agreement.ABSENT,
    }
    assert (found[f"here@{SIGNED}"].issuers, found[f"here@{PLAIN}"].issuers) == (("ca.example",), ())
    view = found[f"none@{SIGNED}"]
    name, _, _, data = view.text.split(" ", 3)
    assert (name, data) == (str(owner_name(view.address)), f"3 0 0 {own[view.address].der.hex()}")


def test_the_nearest_records_say_who_may_issue(dns: Dns) -> None:
    """RFC 9495 §4, RFC 8659 §3: what stands at a name ends the climb, whatever it speaks of."""
    records = resolving(dns)
    assert mail_issuers(records, f"a.b.{SIGNED}") == MailIssuers(SIGNED, ("ca.example",))
    assert mail_issuers(records, f"free.{SIGNED}") == MailIssuers(f"free.{SIGNED}", None)
    assert mail_issuers(records, PLAIN) == MailIssuers(PLAIN, ())


def test_the_records_are_what_a_zone_takes(wiring: Wiring, tmp_path: Path, own: dict[str, Issued]) -> None:
    """And what others then find in it."""
    (view,) = published(wiring, Form.DNS, [f"none@{SIGNED}"])
    with zones({}, {SIGNED: [view.text]}) as serving:
        answer = resolving(serving)(f"none@{SIGNED}")
    assert (answer.certificates, answer.secure) == ((own[f"none@{SIGNED}"].der,), True)


def test_the_entries_are_what_a_directory_takes(wiring: Wiring, own: dict[str, Issued], tmp_path: Path) -> None:
    address = f"here@{SIGNED}"
    (view,) = published(wiring, Form.LDIF, [address])
    assert max(map(len, view.text.splitlines())) <= 76
    unfolded = view.text.replace("\n ", "")
    values = dict(line.split(":: ") for line in unfolded.splitlines() if ":: " in line)
    decoded = {name: base64.b64decode(value) for name, value in values.items()}
    assert decoded["dn"].decode() == f"mail={address},dc=signed,dc=example"
    assert decoded["userCertificate;binary"] == own[address].der
    entry = person("Here", address) | {"userCertificate;binary": [decoded["userCertificate;binary"]]}
    with slapd([entry]) as running:
        assert LdapServer("127.0.0.1", running.plain, BASE)(address).certificates == (own[address].der,)


def test_cards_hold_the_certificate(wiring: Wiring, own: dict[str, Issued]) -> None:
    address = f"here@{SIGNED}"
    (view,) = published(wiring, Form.VCARD, [address])
    lines = view.text.replace("\r\n ", "").split("\r\n")
    assert lines[:4] == ["BEGIN:VCARD", "VERSION:4.0", f"FN:{address}", f"EMAIL:{address}"]
    key = re.fullmatch("KEY:data:application/pkix-cert;base64,(.+)", lines[4])
    assert key is not None and base64.b64decode(key[1]) == own[address].der
    assert max(map(len, view.text.split("\r\n"))) <= 75


def test_only_what_is_ours_is_published(wiring: Wiring, authority: Authority) -> None:
    import_file(wiring.store, authority.leaf("alice@customer.example", kind="p256").pem(), (), ImportOptions())
    assert {view.address for view in published(wiring, Form.VCARD, [])} == set(ADDRESSES)
    with pytest.raises(Refused, match="nothing to publish"):
        published(wiring, Form.LDIF, ["alice@customer.example"])
