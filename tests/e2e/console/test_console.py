"""The console in a real browser: every page and every action, both languages, phone and desktop, keyboard only.

A message of a page's script or of the browser about one fails the test (``conftest``).
"""

import re
from collections.abc import Callable
from pathlib import Path

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from gateway.admin import accounts, certificates
from gateway.admin.certificates import CertificateFilter
from gateway.policy.state import State
from tests.e2e.console.conftest import DESK, PASSWORD, PHONE
from tests.e2e.console.stand import MACHINE, Stand

pytestmark = pytest.mark.apart

Open = Callable[..., Page]

PAGES = (
    "/certificates",
    "/certificates?filter=no+such",
    "/certificates/{support}",
    "/certificates/{revoked}",
    "/certificates/{support}/key",
    "/certificates/change?do=delete&id={support}",
    "/certificates/change?do=distrust&id={intermediate}",
    "/add",
    "/pending",
    "/accounts",
    "/accounts/operator",
    "/accounts/operator/delete",
    "/tokens",
    "/audit",
    "/account",
    "/no/such/page",
)


def paths(stand: Stand) -> list[str]:
    names = {name: issued.certificate.fingerprint for name, issued in stand.people.items()}
    names["intermediate"] = stand.authority.intermediate.certificate.fingerprint
    return [path.format_map(names) for path in PAGES]


def weighty(page: Page) -> list[str]:
    """What axe finds that matters."""
    found = Axe().run(page).response["violations"]
    serious = [item for item in found if item["impact"] in ("serious", "critical")]
    return [f"{page.url}: {item['id']}: {node['html'][:160]}" for item in serious for node in item["nodes"]]


def is_too_wide(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(("viewport", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk", "phone"])
def test_every_page_is_whole(browse: Open, stand: Stand, language: str, viewport: dict[str, int], scheme: str) -> None:
    """Nothing serious for axe, nothing wider than the screen, in its language, and no script of a certificate's."""
    page = browse(None, locale=language, viewport=viewport, color_scheme=scheme)
    page.goto("/")
    found = weighty(page)
    page = browse("admin", locale=language, viewport=viewport, color_scheme=scheme)
    for path in paths(stand):
        if "/no/such" not in path:
            page.goto(path)
            found += weighty(page)
            found += [f"{path} is too wide"] if is_too_wide(page) else []
            assert page.get_attribute("html", "lang") == language
            assert page.evaluate("typeof hurt") == "undefined"
    assert found == []


def test_pages_stand_at_twice_the_size(browse: Open, stand: Stand) -> None:
    """WCAG 1.4.4, 1.4.10: as at 200 % zoom, and at 320 pixels."""
    for width in (640, 320):
        page = browse("admin", viewport={"width": width, "height": 400})
        for path in paths(stand)[:-1]:
            page.goto(path)
            assert not is_too_wide(page), f"{path} at {width}"


def test_nothing_moves_once_it_is_there(browse: Open, stand: Stand) -> None:
    page = browse("admin")
    for path in paths(stand)[:-1]:
        page.goto(path)
        moved = page.evaluate(
            """() => new Promise((told) => {
                let sum = 0;
                new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value; })
                    .observe({ type: "layout-shift", buffered: true });
                requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => told(sum), 50)));
            })"""
        )
        assert moved < 0.1, path


def test_typing_filters(browse: Open) -> None:
    page = browse("viewer")
    rows = page.locator("#list tbody tr")
    expect(rows).not_to_have_count(1)
    page.fill("#filter", "grace")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("grace@example.com")
    expect(page).to_have_url(re.compile(r"/certificates\?filter=grace$"))
    page.locator("label", has_text="revoked").click()
    expect(page.locator("#list")).to_contain_text("Nothing fits")
    page.fill("#filter", "")
    expect(rows).to_have_count(1)
    page.reload()
    expect(rows).to_contain_text("eve@example.net")


def test_times_are_those_of_the_readers_zone(browse: Open, stand: Stand) -> None:
    path = f"/certificates/{stand.people['ada'].certificate.fingerprint}"
    for zone, shown in (("Europe/Berlin", "1 Jan 2025, 01:00"), ("America/New_York", "31 Dec 2024, 19:00")):
        page = browse("viewer", timezone_id=zone)
        page.goto(path)
        expect(page.locator(".ends time").first).to_have_text(shown)
        expect(page.locator(".ends time").first).to_have_attribute("title", "2025-01-01 00:00 UTC")


def test_trust_goes_and_comes_back(browse: Open, stand: Stand) -> None:
    page, name = browse("operator"), stand.people["long"].certificate.fingerprint
    page.goto(f"/certificates/{name}")
    page.get_by_role("button", name="Distrust").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Distrust this certificate?")
    page.get_by_role("button", name="Distrust").click()
    expect(page.get_by_role("status")).to_contain_text("used for nothing")
    assert certificates.shown(stand.wiring, name).state is State.DISTRUSTED
    page.get_by_role("button", name="Trust", exact=True).click()
    page.get_by_role("button", name="Trust", exact=True).click()
    expect(page.locator(".lead, .badges").first).to_contain_text("current")


def test_a_certificate_is_downloaded_and_its_key_taken_out(browse: Open, stand: Stand) -> None:
    page, item = browse("admin"), stand.people["sales"]
    page.goto(f"/certificates/{item.certificate.fingerprint}")
    with page.expect_download() as download:
        page.get_by_role("link", name="PEM").click()
    assert Path(download.value.path()).read_bytes().replace(b"\r", b"") == item.pem()
    page.get_by_role("link", name="Export private key").click()
    page.fill("#passphrase", "a long passphrase")
    page.fill("#password", PASSWORD)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export private key").click()
    assert b"ENCRYPTED PRIVATE KEY" in Path(download.value.path()).read_bytes()


def test_a_file_is_looked_at_stored_and_deleted_again(browse: Open, stand: Stand, tmp_path: Path) -> None:
    page, item = browse("admin"), stand.authority.leaf("file@example.com", kind="p256")
    (tmp_path / "new.p12").write_bytes(item.p12(b"secret", chain=False))
    page.goto("/add")
    page.set_input_files("#file", tmp_path / "new.p12")
    page.fill("#passphrase", "secret")
    page.get_by_role("button", name="Look at it").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("tbody")).to_contain_text("file@example.com")
    page.get_by_role("button", name="Store 2 objects").click()
    page.get_by_role("link", name=item.certificate.fingerprint[:16]).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("file@example.com")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".notice")).to_contain_text("could never be opened again")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status").first).to_contain_text("Deleted")
    assert certificates.listed(stand.wiring, CertificateFilter(text="file@example.com")).items == ()


def test_a_file_is_dropped(browse: Open, stand: Stand) -> None:
    page, item = browse("operator"), stand.authority.leaf("dropped@example.com", kind="p256")
    page.goto("/add")
    files = page.evaluate_handle(
        """(text) => {
            const files = new DataTransfer();
            files.items.add(new File([text], "dropped.pem"));
            return files;
        }""",
        item.pem().decode(),
    )
    page.dispatch_event(".drop", "drop", {"dataTransfer": files})
    page.get_by_role("button", name="Look at it").click()
    expect(page.locator("tbody")).to_contain_text("dropped@example.com")


def test_one_that_may_be_either_is_asked_about(browse: Open, stand: Stand) -> None:
    page = browse("admin")
    either = stand.authority.self_signed(
        subject_addresses=("both@example.com",), ca=True, kind="p256", key_usage=None, extended_key_usage=None
    )
    page.goto("/add")
    page.fill("#text", either.pem().decode())
    page.get_by_role("button", name="Look at it").click()
    page.get_by_role("button", name="It is a person's").click()
    page.get_by_role("button", name="Store 1 object").click()
    expect(page.locator("tbody")).to_contain_text("added")


def test_several_that_wait_are_approved_at_once(browse: Open, stand: Stand) -> None:
    page = browse("operator")
    page.goto("/pending")
    approve = page.get_by_role("button", name="Approve …")
    expect(approve).to_be_disabled()
    page.get_by_label("Choose all on this page").check()
    expect(page.locator("[data-count]")).to_have_text("2")
    approve.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Approve these certificates?")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("status").first).to_contain_text("Approved")
    expect(page.locator("main")).to_contain_text("Nothing waits")
    assert certificates.shown(stand.wiring, stand.people["stranger"].certificate.fingerprint).state is State.CURRENT


def test_an_account_is_made_changed_and_deleted(browse: Open, stand: Stand) -> None:
    page = browse("admin")
    page.goto("/accounts")
    page.fill("#name", "grace")
    page.get_by_label("operator").check()
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Make account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("grace")
    page.get_by_role("button", name="Disable").click()
    expect(page.locator(".badges").first).to_contain_text("disabled")
    page.get_by_role("button", name="Let sign in again").click()
    page.get_by_label("viewer").check()
    page.get_by_role("button", name="Change role").click()
    expect(page.locator(".badges").first).to_contain_text("viewer")
    page.get_by_role("link", name="Delete …").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("tbody")).not_to_contain_text("grace")


def test_a_token_is_made_and_deleted(browse: Open) -> None:
    page = browse("admin")
    page.goto("/tokens")
    page.fill("#name", "zammad")
    page.get_by_label("check").check()
    page.get_by_label("support").check()
    page.fill("#clients", "192.0.2.0/24")
    page.get_by_role("button", name="Make token").click()
    expect(page.locator("#secret")).to_have_text(re.compile(r"^smgw_\S{40,}$"))
    page.get_by_role("link", name="Done").click()
    expect(page.locator("#secret")).to_have_count(0)
    page.get_by_role("link", name="Delete …").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("main")).to_contain_text("No tokens")


def test_the_audit_log_is_verified(browse: Open) -> None:
    page = browse("admin")
    page.goto("/audit")
    page.get_by_role("button", name="Verify the whole log").click()
    expect(page.get_by_role("status")).to_contain_text("none was changed")


def test_codes_are_turned_on_asked_for_and_turned_off(browse: Open, stand: Stand) -> None:
    accounts.add(stand.wiring, MACHINE, "coded", accounts.Role.VIEWER, PASSWORD)
    page = browse("coded")
    page.goto("/account")
    page.get_by_role("button", name="Set up …").click()
    expect(page.locator(".qr svg")).to_be_visible()
    secret = page.locator("code.secret").inner_text()
    page.fill("#code", "000000")
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    page.fill("#code", pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("status")).to_contain_text("from now on")
    page.get_by_role("button", name="Sign out").click()
    page.fill("#name", "coded")
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.fill("#code", pyotp.TOTP(secret).now())
    page.press("#code", "Enter")
    page.wait_for_selector(".frame")
    page.goto("/account")
    page.fill("#off-password", PASSWORD)
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_role("status")).to_contain_text("No one-time codes")


def test_ones_other_session_is_ended(browse: Open) -> None:
    other, page = browse("viewer"), browse("viewer")
    page.goto("/account")
    before = page.get_by_role("button", name="End").count()
    page.get_by_role("button", name="End").first.click()
    expect(page.get_by_role("button", name="End")).to_have_count(before - 1)
    other.goto("/certificates")


def test_the_language_is_switched(browse: Open) -> None:
    page = browse("viewer")
    page.goto("/certificates?state=expired")
    page.get_by_role("link", name="Deutsch").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Zertifikate")
    expect(page).to_have_url(re.compile("state=expired"))
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Certificates")


def test_on_a_phone_the_menu_opens_and_closes(browse: Open) -> None:
    page = browse("viewer", viewport=PHONE)
    link = page.get_by_role("link", name="Pending", exact=True)
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(link).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pending certificates")


def test_by_keyboard_alone(browse: Open, stand: Stand) -> None:
    """From signing in to a certificate that is distrusted and trusted again; what has the focus is seen."""
    page = browse()
    page.goto("/certificates")
    page.keyboard.type("operator")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(".frame")

    def walk(wanted: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            text, ring = page.evaluate(
                """() => {
                    const at = document.activeElement, next = at.nextElementSibling;
                    const name = at.ariaLabel || at.labels?.[0]?.innerText || at.innerText || "";
                    return [name.trim(), getComputedStyle(next?.matches("label > span") ? next : at).outlineStyle];
                }"""
            )
            assert ring != "none", f"nothing shows that {text} has the focus"
            if text == wanted:
                return
        raise AssertionError(f"{wanted} is not reached")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    walk("Filter")
    page.keyboard.type("ada@")
    expect(page.locator("#list tbody tr").first).to_contain_text("ada@example.com")
    walk("ada@example.com")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/certificates/\w{64}"))
    walk("Distrust")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("do=distrust"))
    walk("Distrust")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("used for nothing")
    walk("Trust")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("do=trust"))
    walk("Trust")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Trusted")


def test_without_a_script_everything_works(browse: Open, stand: Stand) -> None:
    page = browse("operator", java_script_enabled=False)
    page.fill("#filter", "grace")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.goto("/add")
    page.fill("#text", stand.authority.leaf("plain@example.com", kind="p256").pem().decode())
    page.get_by_role("button", name="Look at it").click()
    page.get_by_role("button", name="Store 1 object").click()
    expect(page.locator("tbody")).to_contain_text("added")


def test_what_certificates_say_never_runs(browse: Open, stand: Stand) -> None:
    """WEB-03: nor would what came past all escaping, for the browser is told to run nothing of the kind."""
    page, name = browse("viewer", listen=False), stand.people["hostile"].certificate.fingerprint
    for path in ("/certificates", f"/certificates/{name}", "/certificates?filter=%3Cscript%3Ehurt%3D1%3C/script%3E"):
        page.goto(path)
        assert page.evaluate("typeof hurt") == "undefined"
        expect(page.locator("main")).to_contain_text("Certificate")
    injected = "document.body.insertAdjacentHTML('beforeend', '<img src=/x onerror=hurt=1>')"
    page.evaluate(injected)
    page.wait_for_timeout(100)
    assert page.evaluate("typeof hurt") == "undefined"
