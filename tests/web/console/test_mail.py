"""Pages on mail: what passed, what is held, what holds for groups, what would become of a message."""

import csv
import io
import json
import re
from collections.abc import Callable

import pytest

from gateway.admin import held as keeping
from gateway.admin.audit import listed as audited
from gateway.engine.record import Record
from gateway.engine.transaction import Direction
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.wiring import Wiring
from tests.authority import Authority
from tests.e2e.console.mail import ADA, CUSTOMER, DESK, deliver, give_up, letter, passed
from tests.e2e.console.stand import HOSTILE
from tests.letters import SECRET, encrypted, head
from tests.web.console.conftest import Reader


@pytest.fixture
def mail(wiring: Wiring, authority: Authority) -> dict[str, Record]:
    """A day's mail, by a short name."""
    return deliver(wiring, authority)


PAGES = ("/overview", "/activity", "/held", "/groups", "/explain")


@pytest.mark.parametrize("path", PAGES)
def test_an_empty_gateway_has_these_pages_for_everybody(viewer: Reader, path: str) -> None:
    answer = viewer.get(path)
    assert answer.status_code == 200
    assert "<h1" in answer.text


@pytest.mark.parametrize(
    "path", [*PAGES, "/activity/x", "/activity/x/replay", "/activity/file", "/held/x", "/held/delete?id=x"]
)
def test_nobody_who_is_not_signed_in_sees_anything(browse: Callable[..., Reader], path: str) -> None:
    answer = browse().get(path)
    assert answer.status_code == 401
    assert DESK not in answer.text


def test_the_first_page_is_the_overview(viewer: Reader) -> None:
    assert viewer.get("/").headers["location"] == "/overview"


# overview


def test_the_overview_says_that_mail_flows_and_what_needs_attention(viewer: Reader, mail: dict[str, Record]) -> None:
    text = viewer.get("/overview").text
    assert "Mail flows" in text
    for words in (
        "Held messages (no private key): 2",
        "Messages refused by policy (no certificate): 1",
        "Own certificates that end within 14 days: 1",
    ):
        assert words in text
    assert "/held?filter=no-key" in text
    assert "url(#pattern-protected)" in text
    assert re.search(r"<title>[\d-]+ [\d:]+ UTC: \d+ protected</title>", text)


def test_the_overview_in_german(viewer: Reader, mail: dict[str, Record]) -> None:
    viewer.fields["Accept-Language"] = "de"
    text = viewer.get("/overview").text
    assert "Zurückgehaltene Nachrichten (kein privater Schlüssel): 2" in text
    assert "Die Mail fließt" in text


# activity


def ids(text: str) -> list[str]:
    return re.findall(r'href="/activity/([0-9a-f]{22})"', text)


def test_activity_is_told_newest_first_in_pages(viewer: Reader, wiring: Wiring, mail: dict[str, Record]) -> None:
    for _ in range(30):
        passed(wiring, letter(ADA), Direction.OUTBOUND, ADA)
    text = viewer.get("/activity").text
    first = ids(text)
    assert len(first) == 50
    next_ = re.search(r'rel="next" href="([^"]+)"', text)
    assert next_
    second = ids(viewer.get(next_[1].replace("&amp;", "&")).text)
    assert second and not set(first) & set(second)
    assert mail["plain"].id in first


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("direction=inbound&status=policy", "doubtful"),
        ("status=reject", "refused"),
        (f"address={CUSTOMER}&status=pass", "good"),
        ("message_id=%3C7@customer.example%3E&status=failed", "closed"),
        ("queue_id=4fXq7z&status=encrypted&within=1h&group=support", "sealed"),
    ],
)
def test_activity_is_filtered(viewer: Reader, mail: dict[str, Record], query: str, name: str) -> None:
    found = ids(viewer.get(f"/activity?{query}").text)
    assert mail[name].id in found
    assert len(found) < 24
    assert all(mail[other].id not in found for other in ("clear", "plain"))


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("status=nonsense", 200),
        ("address=%00", 200),
        ("address=@example.org&until=1999-01-01", 200),
        ("id=..%2F", 422),
        ("id=0", 422),
        ("after=nobody", 422),
        ("direction=sideways", 422),
        ("since=yesterday", 422),
        (f"address={'a' * 401}", 422),
    ],
)
def test_odd_filters_are_answered(viewer: Reader, mail: dict[str, Record], query: str, status: int) -> None:
    answer = viewer.get(f"/activity?{query}")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


def test_a_filtered_list_is_saved_as_csv_and_json(viewer: Reader, mail: dict[str, Record]) -> None:
    page = viewer.get("/activity?direction=inbound").text
    assert "/activity/file?direction=inbound&form=csv" in page.replace("&amp;", "&")
    answer = viewer.get("/activity/file?direction=inbound&form=csv")
    assert re.fullmatch(r'attachment; filename="activity-[\d-]+\.csv"', answer.headers["content-disposition"])
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    told = json.loads(viewer.get("/activity/file?direction=inbound&form=json").text)
    assert [row["id"] for row in rows] == [record["id"] for record in told]
    assert {row["direction"] for row in rows} == {"inbound"}
    assert mail["hostile"].id in {row["id"] for row in rows}
    assert viewer.get("/activity/file?form=exe").status_code == 422
    assert viewer.get("/activity/file?id=..").status_code == 422


def test_a_record_is_told_in_full_and_in_plain_words(viewer: Reader, mail: dict[str, Record]) -> None:
    text = viewer.get(f"/activity/{mail['doubtful'].id}").text
    assert "An authority between signer and anchor is missing." in text or "authority is not trusted" in text
    assert "Alice Customer" in text
    text = viewer.get(f"/activity/{mail['clear'].id[:18]}").text
    assert "No certificate is stored for this address." in text
    assert "127.0.0.1:10026" in text and "queued as 4fXq8A" in text


def test_the_one_button_cures_it(viewer: Reader, operator: Reader, mail: dict[str, Record]) -> None:
    path = f"/activity/{mail['clear'].id}"
    assert "Import a certificate of bob@example.net" in viewer.get(path).text
    assert 'href="/add"' not in viewer.get(path).text, "a viewer imports nothing"
    assert 'href="/add"' in operator.get(path).text
    assert "would cure it" not in viewer.get(f"/activity/{mail['sealed'].id}").text


def test_what_is_held_and_given_up_is_tried_again_from_its_record(
    operator: Reader, wiring: Wiring, mail: dict[str, Record]
) -> None:
    kept = mail["closed"].held
    assert kept
    give_up(wiring, kept)
    path = f"/activity/{mail['closed'].id}"
    assert "Try the held message again" in operator.get(path).text
    answer = operator.send("/held/retry", id=kept)
    assert answer.headers["location"] == f"/held/{kept}?done=tried-again"
    assert keeping.shown(wiring, [kept])[0].state == "ready"


def test_a_question_is_asked_again(viewer: Reader, mail: dict[str, Record]) -> None:
    text = viewer.get(f"/activity/{mail['refused'].id}/replay").text
    assert "Today the same would become of it." in text
    assert "Rule by rule, today" in text
    assert "To bob@example.net it cannot be encrypted" in text


@pytest.mark.parametrize("path", ["/activity/{0}", "/activity/{0}/replay", "/held/{0}"])
@pytest.mark.parametrize("name", ["0" * 22, "%00", "..%2F", "%3Cscript%3E", "x" * 500])
def test_what_is_not_there_is_said_to_be_so(viewer: Reader, path: str, name: str) -> None:
    answer = viewer.get(path.format(name))
    assert answer.status_code in (404, 422)
    assert "<script>" not in answer.text


def test_nothing_of_mail_can_script(admin: Reader, mail: dict[str, Record], wiring: Wiring) -> None:
    for path in (
        "/activity",
        f"/activity/{mail['hostile'].id}",
        f"/activity/{mail['hostile'].id}/replay",
        "/overview",
        "/held",
    ):
        answer = admin.get(path)
        assert answer.status_code == 200, path
        assert HOSTILE not in answer.text, path
        assert "&lt;script&gt;" in answer.text or path in ("/overview", "/held"), path


# held


def test_held_mail_says_what_for_and_how_long(viewer: Reader, operator: Reader, mail: dict[str, Record]) -> None:
    text = viewer.get("/held").text
    assert text.count('class="main" href="/held/') == 2
    assert "no private key" in text and "the private key of certificate" in text
    assert 'type="checkbox"' not in text
    assert operator.get("/held").text.count('name="id"') == 2
    assert "Nothing fits" in viewer.get("/held?filter=nobody").text
    one = viewer.get(f"/held/{mail['closed'].held}").text
    assert "It is encrypted to none of the keys here." in one
    assert "Try again" not in one


def test_several_are_tried_again_or_deleted_at_once(admin: Reader, wiring: Wiring, mail: dict[str, Record]) -> None:
    both = [str(mail[name].held) for name in ("closed", "closed again")]
    answer = admin.send("/held/retry", id=both)
    assert answer.headers["location"] == "/held?done=tried-again"
    assert {view.state for view in keeping.listed(wiring).items} == {"ready"}
    asked = admin.send("/held/delete", id=both)
    assert "Delete these held messages?" in asked.text
    assert len(keeping.listed(wiring).items) == 2
    assert admin.send("/held/delete", id=both, sure="1").headers["location"] == "/held?done=deleted"
    assert keeping.listed(wiring).items == ()
    assert admin.send("/held/delete", id=both, sure="1").status_code == 404, "somebody else was faster"


def test_who_may_not_does_nothing_to_held_mail(
    viewer: Reader, operator: Reader, wiring: Wiring, mail: dict[str, Record]
) -> None:
    kept = str(mail["closed"].held)
    assert viewer.send("/held/retry", id=kept).status_code == 403
    for reader in (viewer, operator):
        assert reader.get(f"/held/delete?id={kept}").status_code == 403
        assert reader.send("/held/delete", id=kept, sure="1").status_code == 403
    assert operator.post("/held/retry", id=kept).status_code == 403, "no token"
    assert operator.send("/held/retry").status_code == 404, "none was picked"
    assert {view.state for view in keeping.listed(wiring).items} == {"waiting"}


# groups


def test_groups_are_told_with_what_holds(viewer: Reader) -> None:
    text = viewer.get("/groups").text
    assert text.count("can sign until") == 2
    assert "every client of the door" in text
    assert f"/explain?direction=outbound&amp;sender={DESK.replace('@', '%40')}" in text


# explain


def test_the_form_is_explained(viewer: Reader) -> None:
    answer = viewer.send("/explain", direction="outbound", sender=DESK, recipients=f"{ADA}, bob@example.net")
    assert answer.status_code == 200
    assert f"{DESK} is in group support" in answer.text
    assert "To bob@example.net it cannot be encrypted" in answer.text
    assert "Import a certificate of bob@example.net" in answer.text
    viewer.fields["Accept-Language"] = "de"
    text = viewer.send("/explain", direction="outbound", sender=DESK, recipients=ADA).text
    assert f"{DESK} ist in Gruppe support" in text
    assert "Signing: wenn möglich" not in text and "Signieren: wenn möglich, wie die Gruppe sagt" in text


@pytest.mark.parametrize("way", ["text", "file"])
def test_a_message_is_explained_and_nothing_of_it_is_shown(viewer: Reader, way: str) -> None:
    content = letter(ADA)
    files = {"file": ("mail.eml", content, "message/rfc822")} if way == "file" else None
    fields = {} if files else {"text": content.decode()}
    text = viewer.send("/explain", files=files or {"file": ("", b"")}, **fields).text
    result = text.partition('<form class="card"')[0]
    assert "It leaves signed and encrypted" in result
    assert "text/plain" in result and "aes-256-cbc" in result
    assert SECRET.decode() not in result


def test_only_an_administrator_has_a_message_opened(
    viewer: Reader, admin: Reader, wiring: Wiring, authority: Authority
) -> None:
    desk = authority.leaf(DESK)
    import_file(wiring.store, desk.pem() + desk.key_pem(), [], ImportOptions())
    files = {"file": ("mail.eml", encrypted(head(), desk), "message/rfc822")}
    text = viewer.send("/explain", files=files, open="1").text
    assert "would open it" in text and "Keys that would open it" in text
    assert not [row for row in audited(wiring).items if row.verb == "open"]
    text = admin.send("/explain", files=files, open="1").text
    assert "opened by key" in text
    assert SECRET.decode() not in text
    (row,) = [row for row in audited(wiring).items if row.verb == "open"]
    assert row.actor.name == "admin"


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"direction": "outbound", "sender": "nobody"},
        {"sender": HOSTILE, "recipients": HOSTILE, "direction": "outbound"},
        {"text": "\0\0\0"},
        {"direction": "sideways", "sender": DESK, "recipients": ADA},
    ],
)
def test_what_is_no_question_is_said_to_be_none(viewer: Reader, form: dict[str, str]) -> None:
    answer = viewer.send("/explain", **form)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert HOSTILE not in answer.text


def test_what_no_door_takes_is_explained_too(viewer: Reader) -> None:
    files = {"file": ("mail.eml", b"From: a@example.com\nTo: b@example.org\n\nbare\rCR", "message/rfc822")}
    assert "It is refused at the door" in viewer.send("/explain", files=files).text
