"""The pages on mail in a real browser: every page and every action, both languages, phone and desktop."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from gateway.admin import held as keeping
from gateway.engine.record import Record
from gateway.engine.transaction import Direction
from tests.e2e.console.conftest import DESK, PHONE
from tests.e2e.console.mail import ADA, deliver, give_up, letter, passed
from tests.e2e.console.stand import Stand
from tests.e2e.console.test_console import is_too_wide, weighty
from tests.letters import SECRET, encrypted, head

pytestmark = pytest.mark.apart

Open = Callable[..., Page]
PAGES = (
    "/overview",
    "/activity",
    "/activity?status=nothing",
    "/activity?queue_id=x",
    "/activity/{refused}",
    "/activity/{clear}",
    "/activity/{doubtful}",
    "/activity/{hostile}",
    "/activity/{refused}/replay",
    "/held",
    "/held?filter=nobody",
    "/held/{held}",
    "/held/delete?id={held}",
    "/groups",
    "/explain",
)


@pytest.fixture(scope="module")
def mail(stand: Stand) -> dict[str, Record]:
    """A day's mail, by a short name."""
    return deliver(stand.wiring, stand.authority)


@pytest.fixture(scope="module")
def paths(mail: dict[str, Record]) -> list[str]:
    names = {name: record.id for name, record in mail.items()} | {"held": str(mail["closed again"].held)}
    return [path.format_map(names) for path in PAGES]


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(("viewport", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk", "phone"])
def test_every_page_is_whole(
    browse: Open, paths: list[str], language: str, viewport: dict[str, int], scheme: str
) -> None:
    """WEB-03: nothing serious for axe, nothing wider than the screen, and no script of a mail's."""
    page = browse("admin", locale=language, viewport=viewport, color_scheme=scheme)
    found: list[str] = []
    for path in paths:
        page.goto(path)
        found += weighty(page)
        found += [f"{path} is too wide"] if is_too_wide(page) else []
        assert page.get_attribute("html", "lang") == language
        assert page.evaluate("typeof hurt") == "undefined"
    assert found == []


def test_pages_stand_at_twice_the_size(browse: Open, paths: list[str]) -> None:
    """WCAG 1.4.4, 1.4.10."""
    page = browse("admin", viewport={"width": 320, "height": 400})
    for path in paths:
        page.goto(path)
        assert not is_too_wide(page), path


def test_what_needs_attention_leads_where_it_is_seen_to(browse: Open, mail: dict[str, Record]) -> None:
    page = browse("operator")
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(page.locator(".flow")).to_contain_text("Mail flows")
    page.locator(".matters li", has_text="refused by policy").get_by_role("link").click()
    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page.locator("#list tbody tr")).to_contain_text("bob@example.net")


def test_activity_follows_what_is_typed_and_what_comes(browse: Open, stand: Stand, mail: dict[str, Record]) -> None:
    page = browse("viewer")
    page.goto("/activity")
    page.fill("#address", "mallory@example.net")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("address=mallory"))
    page.fill("#address", "live@example.com")
    expect(page.locator("#list")).to_contain_text("Nothing fits")
    page.get_by_role("button", name="Live").click()
    expect(page.get_by_role("button", name="Live: stop")).to_have_attribute("aria-pressed", "true")
    passed(stand.wiring, letter("live@example.com"), Direction.OUTBOUND, "live@example.com")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Live: stop").click()
    expect(page.get_by_role("button", name="Live", exact=True)).to_have_attribute("aria-pressed", "false")


def test_a_filtered_list_is_saved(browse: Open, mail: dict[str, Record]) -> None:
    page = browse("viewer")
    page.goto("/activity?direction=inbound&within=1h")
    shown = page.locator("#list tbody tr").count()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert download.value.suggested_filename.endswith(".csv")
    assert len(rows) == shown > 1
    assert {row["direction"] for row in rows} == {"inbound"}


def test_a_record_says_why_and_is_asked_again(browse: Open, mail: dict[str, Record]) -> None:
    page = browse("operator")
    page.goto(f"/activity/{mail['clear'].id}")
    expect(page.locator(".cure")).to_contain_text("Import a certificate of bob@example.net")
    page.get_by_role("link", name="Ask again today").click()
    expect(page.locator(".steps")).to_contain_text("To bob@example.net it cannot be encrypted")
    page.locator(".cure").get_by_role("link", name="Import …").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Add certificates or keys")


def test_held_mail_is_tried_again_and_deleted(browse: Open, stand: Stand, mail: dict[str, Record]) -> None:
    page, first, second = browse("admin"), str(mail["closed"].held), str(mail["closed again"].held)
    give_up(stand.wiring, first)
    page.goto(f"/activity/{mail['closed'].id}")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("status")).to_contain_text("tried again")
    assert keeping.shown(stand.wiring, [first])[0].state == "ready"
    page.goto("/held")
    again = page.get_by_role("button", name="Try again")
    expect(again).to_be_disabled()
    page.get_by_label("Choose all on this page").check()
    again.click()
    expect(page.get_by_role("status").first).to_contain_text("tried again")
    assert keeping.shown(stand.wiring, [second])[0].state == "ready"
    page.get_by_label("Choose all on this page").check()
    page.get_by_role("button", name="Delete …").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete these held messages?")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status").first).to_contain_text("Deleted")
    assert keeping.listed(stand.wiring).items == ()


def test_a_group_leads_to_what_would_leave(browse: Open, mail: dict[str, Record]) -> None:
    page = browse("viewer")
    page.goto("/groups")
    page.locator("#support").get_by_role("link", name="What would leave?").click()
    page.fill("#recipients", ADA)
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".steps")).to_contain_text("It leaves signed and encrypted")


def test_a_dropped_message_is_explained(browse: Open, stand: Stand, mail: dict[str, Record]) -> None:
    page = browse("admin")
    content = encrypted(head(to="support@example.org"), stand.authority.leaf("support@example.org"))
    page.goto("/explain")
    files = page.evaluate_handle(
        """(text) => {
            const files = new DataTransfer();
            files.items.add(new File([text], "mail.eml"));
            return files;
        }""",
        content.decode(),
    )
    page.dispatch_event(".drop", "drop", {"dataTransfer": files})
    page.get_by_label("Open it with the private keys here").check()
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".steps")).to_contain_text("stays closed")
    assert SECRET.decode() not in page.content()


def test_without_a_script_everything_works(browse: Open, mail: dict[str, Record]) -> None:
    page = browse("operator", java_script_enabled=False)
    page.goto("/activity")
    page.fill("#address", "mallory@example.net")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.goto("/explain")
    page.fill("#text", letter(ADA).decode())
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".steps")).to_contain_text("It leaves signed and encrypted")
