"""What is shown of certificates and done with them; what they say is text, whatever it is."""

import re
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate

from gateway.admin import audit, certificates
from gateway.admin.certificates import CertificateFilter
from gateway.policy.state import State
from gateway.wiring import Wiring
from tests.authority import Authority, Issued
from tests.e2e.console.stand import HOSTILE, PASSWORD
from tests.web.console.conftest import Reader

People = dict[str, Issued]


def listed(reader: Reader, **query: str) -> list[str]:
    """The holders on the page, in its order."""
    page = reader.get("/certificates", params=query)
    assert page.status_code == 200
    return re.findall(r'<a class="main" href="/certificates/\w+">([^<]+)</a>', page.text)


def state(wiring: Wiring, issued: Issued) -> State:
    return certificates.shown(wiring, issued.certificate.fingerprint).state


def test_the_list_is_narrowed_by_text_state_kind_key_and_end(viewer: Reader) -> None:
    assert len(listed(viewer)) == 11
    assert listed(viewer, filter="GRACE") == ["grace@example.com"]
    assert listed(viewer, state="revoked") == ["eve@example.net"]
    assert sorted(listed(viewer, kind="ca")) == ["Test Intermediate", "Test Root"]
    assert listed(viewer, with_key="1", expiring="30") == ["sales@example.org"]
    assert listed(viewer, filter="no such") == []
    assert "Nothing fits" in viewer.get("/certificates", params={"filter": "no such"}).text


@pytest.mark.parametrize("query", ["state=x", "kind=x", "after=zz", f"after={'0' * 64}", "expiring=x", "filter=%00"])
def test_nonsense_is_answered_with_a_page(viewer: Reader, query: str) -> None:
    answer = viewer.get(f"/certificates?{query}")
    assert answer.status_code in (200, 404, 422)
    assert "</html>" in answer.text


def test_fifty_to_a_page_and_all_of_them_once(viewer: Reader, wiring: Wiring, authority: Authority) -> None:
    from gateway.store.imports.importing import ImportOptions, import_file

    leaves = [authority.leaf(f"n{number}@many.example", kind="p256") for number in range(60)]
    import_file(wiring.store, b"".join(leaf.pem() for leaf in leaves), [], ImportOptions())
    page = viewer.get("/certificates?filter=many.example")
    seen = re.findall(r"n\d+@many.example", page.text)
    following = re.search(r'rel="next" href="([^"]+)"', page.text)
    assert following
    rest = viewer.get(following[1].replace("&amp;", "&")).text
    assert 'rel="next"' not in rest
    names = re.findall(r'<a class="main"[^>]*>([^<]+)', page.text) + re.findall(r'<a class="main"[^>]*>([^<]+)', rest)
    assert len(seen) == 50
    assert sorted(names) == sorted(f"n{number}@many.example" for number in range(60))


def test_web_03_what_a_certificate_says_is_text(viewer: Reader, people: People) -> None:
    """WEB-03: in lists, in full, in a question, and in an address."""
    name = people["hostile"].certificate.fingerprint
    for path in ("/certificates", f"/certificates/{name}", f"/certificates?filter={HOSTILE}"):
        page = viewer.get(path)
        assert "<script>hurt" not in page.text
        assert "<img" not in page.text
        assert "&lt;script" in page.text
        assert "script-src 'self'" in page.headers["content-security-policy"]


def test_all_that_is_known_of_one(viewer: Reader, people: People, authority: Authority) -> None:
    page = viewer.get(f"/certificates/{people['revoked'].certificate.fingerprint[:20]}").text
    assert "eve@example.net" in page
    assert f'href="/certificates/{authority.root.certificate.fingerprint}"' in page
    drawn = page[page.index('<ol class="path">') :]
    assert drawn.index("Test Root") < drawn.index("Test Intermediate") < drawn.index("<strong>eve@example.net</strong>")
    assert "revoked on" in page
    assert "revocation list" in page
    assert 'name="do"' not in page  # a viewer changes nothing
    assert viewer.get("/certificates/" + "0" * 64).status_code == 404


def test_key_03_a_download_is_the_certificate_and_nothing_else(viewer: Reader, people: People) -> None:
    """KEY-03, WEB-04: no key, and a name of the file that nobody chose."""
    item = people["support"]
    path = f"/certificates/{item.certificate.fingerprint}/file"
    text, binary = viewer.get(path), viewer.get(f"{path}?form=der")
    assert load_pem_x509_certificate(text.content) == load_der_x509_certificate(binary.content) == item.x509
    assert b"PRIVATE" not in text.content
    name = f"{item.certificate.fingerprint[:16]}.pem"
    assert text.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert viewer.get(f"{path}?form=../key").status_code == 422


@pytest.mark.parametrize("name", ["%2e%2e%2fkey", "a%00b", "a%0d%0aX-A: b", "<script>"])
def test_web_04_names_are_never_paths(viewer: Reader, name: str) -> None:
    """WEB-04."""
    for answer in (viewer.get(f"/certificates/{name}"), viewer.get(f"/static/{name}/console.css")):
        assert answer.status_code in (403, 404, 422)
        assert "x-a" not in answer.headers
        assert "<script>" not in answer.text.replace("<script src=", "")


def test_trust_is_taken_and_given(admin: Reader, operator: Reader, wiring: Wiring, people: People) -> None:
    name = people["ada"].certificate.fingerprint
    assert operator.get(f"/certificates/change?do=distrust&id={name}").status_code == 200
    answer = operator.send("/certificates/change", do="distrust", id=name, back=f"/certificates/{name}")
    assert answer.headers["location"] == f"/certificates/{name}?done=distrusted"
    assert "used for nothing" in operator.get(answer.headers["location"]).text
    assert state(wiring, people["ada"]) is State.DISTRUSTED
    assert operator.send("/certificates/change", do="trust", id=name).status_code == 303
    assert state(wiring, people["ada"]) is State.CURRENT
    row, *_ = audit.listed(wiring).items
    assert (row.actor.kind, row.actor.name, row.verb) == ("account", "operator", "trust")


def test_what_falls_with_an_authority_is_said_first_and_is_an_administrators(
    admin: Reader, operator: Reader, viewer: Reader, wiring: Wiring, authority: Authority
) -> None:
    name = authority.intermediate.certificate.fingerprint
    asked = admin.get(f"/certificates/change?do=distrust&id={name}").text
    assert "9 stored certificates fall" in asked
    assert "sales, support" in asked
    for reader in (operator, viewer):
        assert reader.get(f"/certificates/change?do=distrust&id={name}").status_code == 403
        assert reader.send("/certificates/change", do="distrust", id=name).status_code == 403
    assert viewer.send("/certificates/change", do="trust", id=name).status_code == 403
    assert certificates.shown(wiring, name).state is State.CURRENT


def test_one_that_takes_a_key_along_is_not_deleted_unasked(
    admin: Reader, operator: Reader, wiring: Wiring, people: People
) -> None:
    name = people["support"].certificate.fingerprint
    asked = admin.get(f"/certificates/change?do=delete&id={name}").text
    assert "could never be opened again" in asked
    assert operator.send("/certificates/change", do="delete", id=name).status_code == 403
    unasked = admin.send("/certificates/change", do="delete", id=name)
    assert unasked.status_code == 409  # nobody told him
    assert "could never be opened again" in unasked.text
    fields = dict(re.findall(r'<input type="hidden" name="(losing|id)" value="(\w+)">', asked))
    assert admin.send("/certificates/change", do="delete", **fields).status_code == 303
    assert certificates.listed(wiring, CertificateFilter(text="support@")).items == ()
    assert admin.send("/certificates/change", do="delete", **fields).status_code == 404  # somebody was faster


def test_several_are_changed_together_or_not_at_all(
    operator: Reader, wiring: Wiring, people: People, authority: Authority
) -> None:
    names = [people[name].certificate.fingerprint for name in ("ada", "long")]
    with_authority = [*names, authority.root.certificate.fingerprint]
    assert operator.send("/certificates/change", do="distrust", id=with_authority).status_code == 403
    assert state(wiring, people["ada"]) is State.CURRENT
    assert operator.send("/certificates/change", do="distrust", id=names).status_code == 303
    assert {state(wiring, people[name]) for name in ("ada", "long")} == {State.DISTRUSTED}
    for form in ({"do": "eat", "id": names[0]}, {"do": "trust"}, {"id": names[0]}):
        assert operator.send("/certificates/change", **form).status_code == 404


def test_pending_ones_stand_beside_what_is_in_use(
    viewer: Reader, operator: Reader, wiring: Wiring, people: People
) -> None:
    page = operator.get("/pending").text
    old, new = (people[name].certificate.fingerprint for name in ("ada", "new"))
    assert f'name="id" value="{new}"' in page
    assert f"/certificates/{old}" in page
    assert "None: mail to this address" in page
    assert 'name="id"' not in viewer.get("/pending").text
    names = [new, people["stranger"].certificate.fingerprint]
    assert operator.get("/certificates/change", params={"do": "approve", "id": names}).status_code == 200
    assert operator.send("/certificates/change", do="approve", id=names, back="/pending").headers["location"] == (
        "/pending?done=approved"
    )
    assert state(wiring, people["stranger"]) is State.CURRENT
    assert "Nothing waits" in operator.get("/pending").text
    assert operator.get(f"/certificates/change?do=pin&id={names[1]}").status_code == 200
    assert operator.send("/certificates/change", do="pin", id=names[1]).status_code == 303
    assert certificates.shown(wiring, names[1]).pinned
    assert 'value="pin"' not in operator.get(f"/certificates/{names[1]}").text
    assert [row.verb for row in audit.listed(wiring).items[:2]] == ["pin", "approve"]


def test_key_02_a_key_leaves_by_password_and_under_a_passphrase(
    admin: Reader, signed_in: Callable[[str], Reader], wiring: Wiring, people: People
) -> None:
    """KEY-02: an administrator, asked again; told in the audit log."""
    item = people["support"]
    path = f"/certificates/{item.certificate.fingerprint}/key"
    passphrase = "a long passphrase"
    assert signed_in("operator").send(path, password=PASSWORD, passphrase=passphrase).status_code == 403
    for wrong in ({"password": "wrong", "passphrase": passphrase}, {"password": PASSWORD, "passphrase": "short"}):
        answer = admin.send(path, **wrong)
        assert answer.status_code == 422
        assert "PRIVATE" not in answer.text
    answer = admin.send(path, password=PASSWORD, passphrase=passphrase)
    assert answer.headers["content-disposition"].startswith("attachment")
    assert b"ENCRYPTED PRIVATE KEY" in answer.content
    key = load_pem_private_key(answer.content, passphrase.encode())
    assert key.public_key() == item.private_key.public_key()
    row, *_ = audit.listed(wiring).items
    assert (row.actor.name, row.verb) == ("admin", "export-key")
    assert admin.get(f"/certificates/{people['ada'].certificate.fingerprint}/key").status_code == 404
