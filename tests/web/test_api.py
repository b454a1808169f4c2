"""The API over a real store: what it tells, what it takes, and what a token may not."""

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Mount, Route

from gateway.admin import audit, certificates, tokens
from gateway.admin.view import as_json
from gateway.clock import now
from gateway.errors import Fault
from gateway.pki.holding import Origin
from gateway.store.certificates.found import Find
from gateway.store.certificates.said import Waits
from gateway.store.lookups import Saying
from gateway.web.api.answer import MOST
from gateway.web.app import create_app
from gateway.web.site import Site
from tests.authority import Authority
from tests.web.conftest import ALICE, SALES, SUPPORT, Holder, People, bring, fingerprint

NOBODY = "ab" * 32


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    document: dict[str, Any] = answer.json()
    assert (document["status"], document["code"]) == (status, code)
    assert document["detail"]
    return document


def addresses(answer: Any) -> set[str]:
    assert answer.status_code == 200, answer.text
    return {address for item in answer.json()["items"] for address in item["addresses"]}


# what it tells


def test_certificates_are_told_as_the_command_tells_them(site: Site, holder: Holder, people: People) -> None:
    ask = holder("read")
    page = certificates.listed(site.wiring, certificates.CertificateFilter())
    assert ask.get("certificates").json() == {"items": as_json(page.items), "next": None}
    name = fingerprint(people.alice)
    assert ask.get(f"certificates/{name}").json() == as_json(certificates.shown(site.wiring, name))


def test_lists_come_in_pages(holder: Holder, people: People) -> None:
    ask, seen, after = holder("read"), [], ""
    while after is not None:
        page = ask.get("certificates", params={"limit": 2} | ({"after": after} if after else {})).json()
        assert len(page["items"]) <= 2
        seen += [item["fingerprint"] for item in page["items"]]
        after = page["next"]
    assert len(seen) == len(set(seen)) == 5
    problem(ask.get("certificates", params={"after": NOBODY}), 422, "invalid")
    problem(ask.get("certificates", params={"limit": MOST + 1}), 422, "invalid")
    problem(ask.get("certificates", params={"limit": 0}), 422, "invalid")


def test_lists_are_narrowed(holder: Holder, people: People) -> None:
    ask = holder("read")
    assert addresses(ask.get("certificates", params={"filter": "alice"})) == {ALICE}
    assert addresses(ask.get("certificates", params={"with_key": "true"})) == {SUPPORT, SALES}
    assert addresses(ask.get("certificates", params={"kind": "ca"})) == set()
    assert addresses(ask.get("certificates", params={"state": "expired"})) == set()
    assert addresses(ask.get("certificates", params={"expiring": "1d"})) == set()
    problem(ask.get("certificates", params={"expiring": "soon"}), 422, "invalid")


def test_who_has_it_already_gets_nothing_again(
    site: Site, holder: Holder, people: People, authority: Authority
) -> None:
    ask = holder("read")
    first = ask.get("certificates")
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = ask.get("certificates", headers={"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    bring(site, authority.leaf("bob@example.com", kind="p256").pem())
    assert ask.get("certificates", headers={"If-None-Match": tag}).status_code == 200


def test_a_certificate_as_a_file(holder: Holder, people: People) -> None:
    """KEY-03: never its key, whatever is asked."""
    ask, name = holder("read"), fingerprint(people.support)
    pem = ask.get(f"certificates/{name}/file")
    assert pem.content == people.support.pem()
    assert pem.headers["content-disposition"] == f'attachment; filename="{name[:16]}.pem"'
    assert ask.get(f"certificates/{name}/file", params={"form": "der"}).content == people.support.der
    problem(ask.get(f"certificates/{name}/file", params={"form": "p12"}), 422, "invalid")


def test_health_is_told_with_its_checks(holder: Holder, well: Any) -> None:
    well.wanting = {"store"}
    assert holder("read").get("health").json() == {"ready": False, "checks": {"doors": "ok", "store": "failed"}}


def test_the_composers_question(holder: Holder, people: People) -> None:
    ask = holder("check")
    answer = ask.post("check", json={"sender": SUPPORT, "recipients": [ALICE, "bob@example.com", ALICE]}).json()
    assert (answer["sign"]["possible"], answer["encrypt"]["possible"]) == (True, False)
    told = {each["address"]: each["reason"] for each in answer["encrypt"]["recipients"]}
    assert told == {ALICE: None, "bob@example.com": "no-certificate"}
    for wrong in ({"sender": "nobody", "recipients": [ALICE]}, {"sender": SUPPORT, "recipients": []}, {}, []):
        problem(ask.post("check", json=wrong), 422, "invalid")
    problem(ask.post("check", content=b"{", headers={"Content-Type": "application/json"}), 400, "invalid")


# what it takes


def test_an_import_may_be_repeated(site: Site, holder: Holder, authority: Authority) -> None:
    ask, alice = holder("import"), authority.leaf(ALICE, kind="p256")
    looked = ask.post("certificates", files={"file": ("a.pem", alice.pem())}, params={"dry_run": "true"})
    assert [line["result"] for line in looked.json()["items"]] == ["added"]
    assert not certificates.listed(site.wiring, certificates.CertificateFilter()).items
    for result in ("added", "known", "known"):
        answer = ask.post("certificates", files={"file": ("a.pem", alice.pem())})
        assert [line["result"] for line in answer.json()["items"]] == [result]
    pasted = ask.post("certificates", data={"text": alice.pem().decode()})
    assert pasted.json()["items"][0]["result"] == "known"


def test_a_passphrase_opens_a_file(holder: Holder, authority: Authority) -> None:
    ask, own = holder("import"), authority.leaf(SUPPORT, kind="p256")
    file = {"file": ("own.p12", own.p12(b"right", chain=False))}
    refused = ask.post("certificates", files=file, data={"passphrase": "wrong"}).json()["items"]
    assert [line["reason"] for line in refused] == ["bad-passphrase"]
    taken = ask.post("certificates", files=file, data={"passphrase": "right"}).json()["items"]
    assert {line["object"]: line["result"] for line in taken} == {"certificate": "added", "key": "added"}


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\0b", 'a"; filename="b', "<script>alert(1)</script>", "x" * 500]
)
def test_web_04_a_files_name_is_a_name_and_nothing_else(holder: Holder, authority: Authority, name: str) -> None:
    """WEB-04: it is told again as JSON, and never opened or written."""
    alice = authority.leaf(ALICE, kind="p256")
    answer = holder("import").post("certificates", files={"file": (name, alice.pem())})
    assert answer.status_code == 200
    assert len(answer.json()["items"][0]["file"]) <= 200
    assert "\n" not in str(answer.headers)


def test_only_an_administrator_makes_an_anchor(site: Site, holder: Holder, authority: Authority) -> None:
    root = {"file": ("root.pem", authority.root.pem())}
    ask = holder("import")
    looked = ask.post("certificates", files=root, params={"dry_run": "true"}).json()["items"]
    assert [line["anchor"] for line in looked] == [True]
    assert "Test" in problem(ask.post("certificates", files=root), 403, "forbidden")["detail"]
    both = {"file": ("both.pem", authority.leaf(ALICE, kind="p256").pem() + authority.root.pem())}
    problem(ask.post("certificates", files=both, data={"trust": "cas"}), 403, "forbidden")
    assert not certificates.listed(site.wiring, certificates.CertificateFilter()).items
    without = ask.post("certificates", files=root, data={"trust": "none"})
    assert [line["anchor"] for line in without.json()["items"]] == [False]
    name = fingerprint(authority.root)
    problem(ask.post(f"certificates/{name}/trust", json={"trust": "trusted"}), 403, "forbidden")
    problem(ask.post("certificates/batch", json={"action": "trust", "fingerprints": [name]}), 403, "forbidden")
    problem(ask.post("certificates", files=root), 403, "forbidden")
    assert holder("admin").post(f"certificates/{name}/trust", json={"trust": "trusted"}).json()["trust"] == "anchor"
    # One that is an anchor already is made none by it.
    assert ask.post("certificates", files=root).status_code == 200


def test_trust_and_its_taking_back(holder: Holder, people: People) -> None:
    ask, name = holder("import"), fingerprint(people.alice)
    for say, word in (("distrusted", "distrusted"), ("trusted", "trusted"), ("none", "none")):
        assert ask.post(f"certificates/{name}/trust", json={"trust": say}).json()["trust"] == word
    problem(ask.post(f"certificates/{name}/trust", json={"trust": "sometimes"}), 422, "invalid")


def test_what_waits_is_approved_and_what_shall_stay_is_pinned(
    site: Site, holder: Holder, people: People, authority: Authority
) -> None:
    ask, other = holder("import", "read"), authority.leaf(ALICE, kind="p256").certificate
    found = [Find(other, waits=Waits.CHANGE)]
    site.wiring.store.found.file(ALICE, "ldap", Origin.DIRECTORY, found)
    noted = datetime(2026, 6, 1, tzinfo=UTC)
    site.wiring.store.lookups.note(Saying("ldap", ALICE, noted, "pending", noted))
    told = ask.get("find", params={"address": ALICE}).json()
    assert told["sources"] == [{"source": "ldap", "at": "2026-06-01T00:00:00Z", "result": "pending"}]
    assert {item["fingerprint"]: item["pinned"] for item in told["certificates"]} == {
        fingerprint(people.alice): True,
        other.fingerprint: False,
    }
    approved = ask.post(f"certificates/{other.fingerprint}/approve").json()
    assert (approved["state"], approved["trust"], approved["pinned"]) == ("current", "approved", True)
    batch = {"action": "pin", "fingerprints": [fingerprint(people.alice)]}
    assert [item["state"] for item in ask.post("certificates/batch", json=batch).json()["items"]] == ["current"]
    assert ask.get(f"certificates/{other.fingerprint}").json()["state"] == "superseded"
    problem(ask.post(f"certificates/{fingerprint(people.alice)}/approve"), 422, "invalid")


def test_a_key_is_not_lost_unawares(holder: Holder, people: People) -> None:
    ask, name = holder("admin"), fingerprint(people.support)
    problem(ask.delete(f"certificates/{name}"), 409, "conflict")
    batch = {"action": "delete", "fingerprints": [fingerprint(people.alice), name]}
    problem(ask.post("certificates/batch", json=batch), 409, "conflict")
    assert addresses(ask.get("certificates")) >= {ALICE, SUPPORT}  # all or nothing
    assert ask.delete(f"certificates/{name}", params={"with_key": "true"}).json()["key_deleted"] is True
    problem(ask.delete(f"certificates/{name}", params={"with_key": "true"}), 404, "not-found")


def test_several_at_once(holder: Holder, people: People) -> None:
    ask, names = holder("admin"), [fingerprint(people.alice), fingerprint(people.alice)]
    distrusted = ask.post("certificates/batch", json={"action": "distrust", "fingerprints": names}).json()["items"]
    assert [item["trust"] for item in distrusted] == ["distrusted"]
    assert len(ask.post("certificates/batch", json={"action": "delete", "fingerprints": names}).json()["items"]) == 1
    problem(ask.post("certificates/batch", json={"action": "delete", "fingerprints": names}), 404, "not-found")


def test_a_key_leaves_encrypted_and_audited(site: Site, holder: Holder, people: People) -> None:
    """KEY-02: by an administrator alone, under a passphrase, and it is in the audit log."""
    name = holder("read").get("keys").json()["items"][0]["public_key_id"]
    for weaker in (holder("read"), holder("read", "check", "import")):
        problem(weaker.post(f"keys/{name}/export", json={"passphrase": "a new passphrase"}), 403, "forbidden")
    ask = holder("admin")
    problem(ask.post(f"keys/{name}/export", json={"passphrase": ""}), 422, "invalid")
    for body in ({"passphrase": "a new passphrase"}, {"passphrase": "a new passphrase", "password": "anything"}):
        answer = ask.post(f"keys/{name}/export", json=body)
        assert answer.text.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert audit.listed(site.wiring).items[0].verb == "export-key"
    assert ask.delete(f"keys/{name}").json()["deleted"] is True
    problem(ask.delete(f"keys/{name}"), 404, "not-found")


def test_accounts(holder: Holder) -> None:
    ask = holder("admin")
    new = {"name": "ada", "role": "viewer", "password": "correct horse battery"}
    assert ask.post("users", json=new).status_code == 201
    problem(ask.post("users", json=new), 409, "conflict")
    assert "correct horse" not in json.dumps(problem(ask.post("users", json=new | {"role": 7}), 422, "invalid"))
    assert ask.patch("users/ada", json={"role": "operator", "disabled": True}).json()["role"] == "operator"
    problem(ask.patch("users/ada", json={"password": "short"}), 422, "invalid")
    assert [item["disabled"] for item in ask.get("users").json()["items"]] == [True]
    assert ask.delete("users/ada").json() == {"name": "ada", "deleted": True}
    problem(ask.delete("users/ada"), 404, "not-found")


def test_tokens(site: Site, ask: TestClient, holder: Holder) -> None:
    administrator = holder("admin")
    new = {"name": "desk", "scopes": ["read"], "groups": ["support"], "clients": ["127.0.0.0/8"]}
    made = administrator.post("tokens", json=new)
    assert made.status_code == 201
    secret = made.json()["token"]
    assert secret not in administrator.get("tokens").text
    headers = {"Authorization": f"Bearer {secret}"}
    assert ask.get("/api/v1/certificates", headers=headers).status_code == 200
    assert administrator.delete("tokens/desk").json()["deleted"] is True
    problem(ask.get("/api/v1/certificates", headers=headers), 401, "unauthenticated")
    problem(administrator.post("tokens", json=new | {"until": "2001-01-01T00:00:00Z"}), 422, "invalid")
    problem(administrator.post("tokens", json=new | {"until": "2031-01-01T00:00:00"}), 422, "invalid")
    problem(administrator.post("tokens", json=new | {"groups": ["nobody"]}), 422, "invalid")


def test_an_upload_is_in_no_temporary_file(
    holder: Holder, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It may be a private key in clear. Here no temporary file can be made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    own = authority.leaf(SUPPORT, kind="p256")
    large = own.pem() + own.key_pem() + b"\n" * (3 * 1024 * 1024)
    answer = holder("admin").post("certificates", files={"file": ("own.pem", large)})
    assert answer.status_code == 200, answer.text
    assert [line["result"] for line in answer.json()["items"]] == ["added", "added"]


# what a token may not


def test_web_05_what_is_over_or_from_elsewhere_opens_nothing(
    site: Site, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WEB-05: a token ends, and is for its networks only."""
    assert holder("read", clients=["127.0.0.1/32"]).get("health").status_code == 200
    problem(holder("read", clients=["192.0.2.0/24"]).get("health"), 401, "unauthenticated")
    ending = holder("read", until=now() + timedelta(hours=1))
    assert ending.get("health").status_code == 200
    monkeypatch.setattr(tokens, "now", lambda: now() + timedelta(hours=2))
    problem(ending.get("health"), 401, "unauthenticated")


def api_routes(site: Site) -> list[tuple[str, str]]:
    """Every method and path of the API."""
    (mount,) = (route for route in create_app(site).routes if isinstance(route, Mount) and route.path == "/api/v1")
    schema = mount.app.openapi()  # type: ignore[attr-defined]
    found = [(method.upper(), path) for path, methods in schema["paths"].items() for method in methods]
    assert len(found) >= 18
    return found


def filled(path: str) -> str:
    for name in ("{fingerprint}", "{id}", "{name}"):
        path = path.replace(name, NOBODY)
    return path.lstrip("/")


def test_web_01_every_route_asks_who_it_is(site: Site, ask: TestClient) -> None:
    """WEB-01: of all routes of the app, generated from its table; nothing is told but what is anybody's."""
    for method, path in api_routes(site):
        problem(ask.request(method, f"/api/v1/{filled(path)}", content=b"{"), 401, "unauthenticated")
    anybodys = {"/healthz", "/readyz", "/static", "/api/v1"}
    rest = {route.path for route in create_app(site).routes if isinstance(route, Route | Mount | APIRoute)} - anybodys
    for path in rest:
        assert ask.get(path.replace("{", "").replace("}", ""), follow_redirects=False).status_code in (303, 401, 403), (
            path
        )


NEEDED = {
    ("POST", "/check"): "check",
    ("POST", "/explain"): "check",
    ("POST", "/certificates"): "import",
    ("POST", "/certificates/batch"): "import",
    ("POST", "/certificates/{fingerprint}/trust"): "import",
    ("POST", "/certificates/{fingerprint}/approve"): "import",
    ("POST", "/certificates/{fingerprint}/pin"): "import",
    ("POST", "/held/batch"): "import",
    ("POST", "/held/{id}/retry"): "import",
}
ADMINISTRATORS = {"/users", "/users/{name}", "/tokens", "/tokens/{name}", "/audit", "/keys/{id}/export"}
"""And every DELETE."""


def test_every_scope_does_its_own_and_no_more(site: Site, holder: Holder) -> None:
    """403 before 404 and 422: a weak token learns nothing of what is there, nor of what would be right."""
    holders = {scope: holder(scope) for scope in ("read", "check", "import", "admin")}
    for method, path in api_routes(site):
        needed = NEEDED.get((method, path), "read" if method == "GET" else "admin")
        if path in ADMINISTRATORS:
            needed = "admin"
        for scope, client in holders.items():
            answer = client.request(method, filled(path), content=b"{", headers={"Content-Type": "application/json"})
            if scope in (needed, "admin"):
                assert answer.status_code in (200, 400, 404, 415, 422), (method, path, scope, answer.text)
            else:
                problem(answer, 403, "forbidden")


def test_what_a_path_names_is_looked_for_before_the_rest(site: Site, holder: Holder) -> None:
    """404 for what is not there, whatever else is wrong with the request, its body included."""
    ask = holder("admin")
    for method, path in api_routes(site):
        if "{" in path:
            answer = ask.request(method, filled(path), content=b"{", headers={"Content-Type": "application/json"})
            problem(answer, 404, "not-found")
    for name in ("ab", NOBODY.upper(), NOBODY + "00", "%00", "..%2f..%2f", "%F0%9F%98%80"):
        for noun in ("certificates", "keys", "crls"):
            assert ask.request("DELETE", f"{noun}/{name}").status_code in (404, 405)


def test_web_05_a_groups_token_sees_its_groups_only(site: Site, holder: Holder, people: People) -> None:
    """WEB-05: own certificates and keys of other groups are not there for it, not even by their id."""
    ask, everything = holder("read", "check", groups=["support"]), holder("read")
    assert addresses(ask.get("certificates")) == {SUPPORT, ALICE}
    assert addresses(ask.get("certificates", params={"with_key": True, "limit": 1})) == {SUPPORT}
    assert len(ask.get("keys").json()["items"]) == 1
    problem(ask.get(f"certificates/{fingerprint(people.sales)}"), 404, "not-found")
    problem(ask.get(f"certificates/{fingerprint(people.sales)}/file"), 404, "not-found")
    assert ask.get(f"certificates/{fingerprint(people.alice)}").status_code == 200
    assert ask.post("check", json={"sender": SUPPORT, "recipients": [ALICE]}).status_code == 200
    for sender in (SALES, "nobody@example.org"):
        problem(ask.post("check", json={"sender": sender, "recipients": [ALICE]}), 404, "not-found")
    assert len(everything.get("keys").json()["items"]) == 2


def test_web_05_a_groups_token_changes_its_own_only(site: Site, holder: Holder, people: People) -> None:
    """WEB-05: whatever its scopes: no other's certificate, no other group's key, nothing that is everybody's."""
    ask = holder("admin", groups=["support"])
    for issued, status in ((people.sales, 404), (people.alice, 403), (people.root, 403)):
        name = fingerprint(issued)
        code = "not-found" if status == 404 else "forbidden"
        problem(ask.post(f"certificates/{name}/trust", json={"trust": "none"}), status, code)
        problem(ask.delete(f"certificates/{name}", params={"with_key": True}), status, code)
        problem(ask.post("certificates/batch", json={"action": "trust", "fingerprints": [name]}), status, code)
    mine = {item["public_key_id"] for item in ask.get("keys").json()["items"]}
    for item in holder("read").get("keys").json()["items"]:
        if item["public_key_id"] not in mine:
            body = {"passphrase": "a new passphrase"}
            problem(ask.post(f"keys/{item['public_key_id']}/export", json=body), 404, "not-found")
            problem(ask.delete(f"keys/{item['public_key_id']}"), 404, "not-found")
    for path in ("users", "tokens", "audit"):
        problem(ask.get(path), 403, "forbidden")
    for path in ("privacy/export", "privacy/erase"):
        problem(ask.post(path, json={"address": ALICE}), 403, "forbidden")
    files = {"file": ("a", people.alice.pem())}
    problem(ask.post("certificates", files=files), 403, "forbidden")
    assert ask.post(f"certificates/{fingerprint(people.support)}/trust", json={"trust": "none"}).status_code == 200


# what goes wrong


def test_whatever_goes_wrong_is_a_problem(holder: Holder, people: People) -> None:
    ask, name = holder("admin"), fingerprint(people.alice)
    problem(ask.get("nothing"), 404, "not-found")
    problem(ask.put("certificates"), 405, "invalid")
    problem(ask.post("check", content=b"x", headers={"Content-Type": "text/plain"}), 415, "invalid")
    problem(ask.post("check", content=b"x"), 415, "invalid")
    problem(ask.post("certificates", json={"text": "x"}), 415, "invalid")
    problem(ask.post("certificates"), 422, "invalid")
    problem(ask.post("certificates", files={"file": ("a", b"x")}, data={"text": "y"}), 422, "invalid")
    problem(ask.post("certificates", files={"file": ("a", b"x")}, data={"trust": "all"}), 422, "invalid")
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    problem(ask.post("certificates", content=b"x", headers=broken), 400, "invalid")
    problem(ask.post("certificates", content=b"", headers={"Content-Type": "multipart/form-data"}), 400, "invalid")
    assert ask.get(f"certificates/{name}/").status_code == 404
    large = {"Content-Type": "application/json", "Content-Length": str(1 << 30)}
    problem(ask.post("check", content=iter([b"{}"]), headers=large), 413, "too-large")


def test_a_store_that_cannot_be_asked_is_said_without_details(
    holder: Holder, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = holder("read")

    def broken(*_: object) -> None:
        raise Fault("the store cannot be used: secret detail")

    monkeypatch.setattr(site.wiring.store.listing, "page", broken)
    answer = ask.get("certificates")
    assert "secret" not in problem(answer, 503, "unavailable")["detail"]
    assert answer.headers["retry-after"] == "5"
    monkeypatch.setattr(site.wiring.store.tokens, "find", broken)
    problem(ask.get("certificates"), 503, "unavailable")


def test_a_bug_is_said_without_details(
    holder: Holder, site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ask = holder("read")

    def broken(*_: object) -> None:
        raise ValueError("secret detail")

    monkeypatch.setattr(site.wiring.store.listing, "page", broken)
    assert "secret" not in json.dumps(problem(ask.get("certificates"), 500, "internal"))
    assert "failed" in caplog.text
