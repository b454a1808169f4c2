"""The API of mail: records, held mail, explanations, and whose they are."""

import json

import pytest

from gateway.admin import audit
from gateway.web.site import Site
from tests.authority import Authority
from tests.letters import encrypted, head
from tests.store.held.messages import held
from tests.store.journal.records import record
from tests.web.conftest import ALICE, SALES, SUPPORT, Holder, People, bring, fingerprint
from tests.web.test_api import problem

ODD = "\udcff<script>@example.org"


@pytest.fixture
def mail(site: Site) -> dict[str, str]:
    """Records of two groups and of none; held mail for both: their ids."""
    store = site.wiring.store
    store.journal.write(
        [record("a1", group="support"), record("b2", group="sales"), record("c3", group=None, sender=ODD)]
    )
    return {name: held(store, id=f"f{name}", recipients=(name,)) for name in (SUPPORT, SALES)}


def test_records_newest_first_in_pages(holder: Holder, mail: dict[str, str]) -> None:
    ask = holder("read")
    assert [each["id"] for each in ask.get("activity").json()["items"]] == ["c3", "b2", "a1"]
    first = ask.get("activity", params={"limit": 2}).json()
    rest = ask.get("activity", params={"limit": 2, "after": first["next"]}).json()
    assert [each["id"] for each in rest["items"]] == ["a1"]
    assert rest["next"] is None
    assert ask.get("activity/c3").json()["record"]["sender"] == ODD
    for narrowed, ids in (
        ({"group": "sales"}, ["b2"]),
        ({"id": "a1"}, ["a1"]),
        ({"direction": "inbound"}, []),
        ({"since": "2100-01-01T00:00:00Z"}, []),
        ({"until": "2001-01-01T00:00:00Z"}, []),
        ({"address": "nobody@example.net"}, []),
        ({"status": "reject"}, []),
    ):
        assert [each["id"] for each in ask.get("activity", params=narrowed).json()["items"]] == ids
    problem(ask.get("activity", params={"since": "yesterday"}), 422, "invalid")
    problem(ask.get("activity", params={"after": "ffff"}), 422, "invalid")


def test_web_05_a_groups_token_sees_its_groups_mail_only(holder: Holder, mail: dict[str, str]) -> None:
    """WEB-05: in lists, by id, and whatever is asked for."""
    ask = holder("admin", groups=["support"])
    assert [each["id"] for each in ask.get("activity").json()["items"]] == ["a1"]
    assert ask.get("activity", params={"group": "sales"}).json()["items"] == []
    assert [each["id"] for each in ask.get("activity", params={"group": "support"}).json()["items"]] == ["a1"]
    assert [each["id"] for each in ask.get("held").json()["items"]] == [mail[SUPPORT]]
    for path in ("activity/b2", "activity/c3", f"held/{mail[SALES]}"):
        problem(ask.get(path), 404, "not-found")
    problem(ask.post(f"held/{mail[SALES]}/retry"), 404, "not-found")
    problem(ask.delete(f"held/{mail[SALES]}"), 404, "not-found")
    for action in ("retry", "delete"):
        both = {"action": action, "ids": [mail[SUPPORT], mail[SALES]]}
        problem(ask.post("held/batch", json=both), 404, "not-found")
    assert ask.get(f"held/{mail[SUPPORT]}").json()["state"] == "waiting"
    assert [each["name"] for each in ask.get("groups").json()["items"]] == ["support"]


def test_web_05_no_beginning_of_an_id_and_no_page_behind_one_tells_of_others(
    site: Site, holder: Holder, mail: dict[str, str], people: People
) -> None:
    """WEB-05: what is not there and what is not for this token are answered alike."""
    ask = holder("admin", groups=["support"])
    theirs = mail[SALES]
    for number in range(40):  # so many that beginnings are ambiguous
        held(site.wiring.store, id=f"s{number}", recipients=(SALES,), content=f"{number}\r\n".encode())
    for digit in "0123456789abcdef":
        problem(ask.get(f"held/{digit}"), 404, "not-found")
    for path, name in (
        ("held", theirs),
        ("held", theirs[:8]),
        ("certificates", fingerprint(people.sales)),
        ("certificates", fingerprint(people.sales)[:8]),
        ("keys", people.sales.certificate.public_key_id),
        ("keys", people.sales.certificate.public_key_id[:8]),
    ):
        problem(ask.get(path, params={"after": name}), 422, "invalid")
    for path, name in (
        ("held", mail[SUPPORT]),
        ("certificates", fingerprint(people.support)),
        ("keys", people.support.certificate.public_key_id),
    ):
        assert ask.get(path, params={"after": name}).status_code == 200


def test_held_mail_is_tried_again_and_deleted(site: Site, holder: Holder, mail: dict[str, str]) -> None:
    ask, name = holder("import"), mail[SUPPORT]
    assert ask.post(f"held/{name}/retry").json() == {"id": name, "ready": True}
    problem(ask.delete(f"held/{name}"), 403, "forbidden")
    problem(ask.post("held/batch", json={"action": "delete", "ids": [name]}), 403, "forbidden")
    administrator = holder("admin")
    assert (
        len(administrator.post("held/batch", json={"action": "retry", "ids": list(mail.values())}).json()["items"]) == 2
    )
    assert administrator.delete(f"held/{name}").json() == {"id": name, "deleted": True}
    problem(administrator.delete(f"held/{name}"), 404, "not-found")
    problem(administrator.post("held/batch", json={"action": "delete", "ids": [mail[SALES], name]}), 404, "not-found")
    assert len(administrator.get("held").json()["items"]) == 1
    assert audit.listed(site.wiring).items[0].verb == "delete-held"
    for beginning in (mail[SALES][:8], mail[SALES].upper(), "*"):
        problem(administrator.get(f"held/{beginning}"), 404, "not-found")


def test_a_message_is_explained_without_its_content(site: Site, holder: Holder, people: People) -> None:
    ask = holder("check")
    content = f"From: {SUPPORT}\r\nTo: {ALICE}\r\nSubject: secret\r\n\r\nsecret content\r\n".encode()
    told = ask.post("explain", content=content, headers={"Content-Type": "message/rfc822"})
    assert told.status_code == 200, told.text
    assert (told.json()["direction"], told.json()["verdict"]) == ("outbound", "relay")
    assert "secret" not in told.text
    asked = {"direction": "outbound", "sender": SUPPORT, "recipients": [ALICE]}
    assert ask.post("explain", json=asked).json()["steps"]
    problem(ask.post("explain", json={"direction": "sideways"}), 422, "invalid")
    problem(ask.post("explain", content=b"x", headers={"Content-Type": "text/plain"}), 415, "invalid")
    problem(ask.post("explain", content=b"{", headers={"Content-Type": "application/json"}), 400, "invalid")
    limited = holder("check", groups=["sales"])
    problem(limited.post("explain", json=asked), 404, "not-found")


def test_web_05_no_key_of_another_group_opens_what_is_explained(
    site: Site, holder: Holder, people: People, authority: Authority
) -> None:
    """WEB-05: not even of a message that goes to somebody of this group, too."""
    theirs = authority.leaf(SALES)
    bring(site, theirs.pem() + theirs.key_pem())
    both = {"direction": "inbound", "sender": ALICE, "recipients": [SUPPORT, SALES]}
    ask = holder("admin", groups=["support"])
    told = ask.post("explain", json=both).json()
    assert told["recipients"] == [SUPPORT]
    assert [each["fingerprint"] for each in told["keys"]] == [fingerprint(people.support)]
    message = encrypted(head(to=f"{SUPPORT}, {SALES}"), theirs)
    rfc822 = {"Content-Type": "message/rfc822"}
    told = ask.post("explain", content=message, headers=rfc822).json()
    assert (told["opened"], told["encryption"]["status"]) == (True, "failed")
    told = holder("admin").post("explain", content=message, headers=rfc822).json()
    assert (told["opened"], told["encryption"]["status"]) == (True, "decrypted")
    problem(holder("admin", groups=["support"]).post("explain", json=both | {"recipients": [SALES]}), 404, "not-found")


def test_overview_and_gateways(holder: Holder, mail: dict[str, str], people: People) -> None:
    ask = holder("read")
    assert ask.get("overview").json()["flow"]["checks"] == {"doors": True, "store": True}
    assert ask.get("gateways").json() == {"items": [], "next": None}
    assert SALES not in json.dumps(holder("read", groups=["support"]).get("overview").json())
    assert {each["name"] for each in ask.get("groups").json()["items"]} == {"support", "sales"}


def test_what_sources_said(holder: Holder, people: People) -> None:
    ask = holder("read")
    assert ask.get("find", params={"address": ALICE}).json()["certificates"][0]["addresses"] == [ALICE]
    assert len(ask.get("find", params={"address": SALES}).json()["certificates"]) == 1
    assert holder("read", groups=["support"]).get("find", params={"address": SALES}).json()["certificates"] == []
    problem(ask.get("find", params={"address": "nobody"}), 422, "invalid")


def test_key_12_a_person_is_exported_and_erased(site: Site, holder: Holder, people: People) -> None:
    """KEY-12: by an administrator alone; the audit log says who did it, and not of whom."""
    site.wiring.store.journal.write([record("p1", sender=ALICE), record("p2", sender=SALES, recipients=(SALES,))])
    kept = held(site.wiring.store, sender="Alice@example.com")
    ask = holder("admin")
    told = ask.post("privacy/export", json={"address": "ALICE@example.com"}).json()
    assert [each["id"] for each in told["records"]] == ["p1"]
    assert [each["id"] for each in told["held"]] == [kept]
    assert (told["learned"], told["imported"]) == ([], [people.alice.certificate.fingerprint])
    for weaker in (holder("read", "check", "import"), holder("admin", groups=["support"])):
        problem(weaker.post("privacy/erase", json={"address": ALICE}), 403, "forbidden")
    gone = ask.post("privacy/erase", json={"address": ALICE}).json()
    assert gone == {"records": 1, "held": [kept], "learned": [], "imported": told["imported"]}
    after = ask.post("privacy/export", json={"address": ALICE}).json()
    assert (after["records"], after["held"]) == ([], [])
    assert [each["id"] for each in ask.get("activity").json()["items"]] == ["p2"]
    row = audit.listed(site.wiring).items[0]
    assert (row.verb, row.actor.kind) == ("erase-person", "token")
    assert "alice" not in repr(row).lower()
    for wrong in ("nobody", "a@b\r\nc", ""):
        problem(ask.post("privacy/erase", json={"address": wrong}), 422, "invalid")
