"""Draws the pictures of docs/console.md: ``python -m tests.e2e.console.pictures``."""

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.authority import Authority
from tests.e2e.console.conftest import ARGUMENTS, CHROMIUM, PHONE, sign_in
from tests.e2e.console.mail import deliver
from tests.e2e.console.stand import Stand, built, furnish, hire, served

PICTURES = Path(__file__).parents[3] / "docs/images"
DESK = {"width": 1120, "height": 700}


def opened(chromium: Browser, stand: Stand, **settings: object) -> Page:
    options = {"locale": "en-GB", "viewport": DESK, "timezone_id": "Europe/Berlin"} | settings
    page = chromium.new_context(base_url=stand.url, **options).new_page()  # type: ignore[arg-type]
    sign_in(page, "admin")
    return page


def take(page: Page, name: str) -> None:
    page.screenshot(path=PICTURES / f"console-{name}.png", animations="disabled")


def draw(chromium: Browser, stand: Stand) -> None:
    """Take all pictures."""
    page = opened(chromium, stand)
    found = deliver(stand.wiring, stand.authority)
    page.goto("/overview")
    take(page, "overview")
    page.goto(f"/activity/{found['clear'].id}")
    take(page, "record")
    page.goto("/explain?direction=outbound&sender=support@example.org&recipients=ada@example.com+bob@example.net")
    page.get_by_role("button", name="Explain").click()
    page.wait_for_selector(".steps")
    take(page, "explain")
    page.goto("/certificates")
    take(page, "certificates")
    page.goto(f"/certificates/{stand.people['sales'].certificate.fingerprint}")
    take(page, "certificate")
    page.goto("/pending")
    page.get_by_label("Choose all on this page").check()
    take(page, "pending")
    bundle = stand.authority.leaf("linus@example.com", kind="p256", common_name="Linus")
    page.goto("/add")
    page.fill("#text", (bundle.pem() + bundle.key_pem() + stand.authority.root.pem()).decode())
    page.get_by_role("button", name="Look at it").click()
    page.wait_for_selector("tbody")
    take(page, "add")
    phone = opened(chromium, stand, locale="de-DE", viewport=PHONE, color_scheme="dark")
    phone.goto(f"/certificates/{stand.people['sales'].certificate.fingerprint}")
    take(phone, "phone")


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        wiring, authority = built(Path(folder)), Authority()
        people = furnish(wiring, authority)
        hire(wiring)
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        with served(wiring) as url:
            draw(chromium, Stand(url, wiring, authority, people))
        chromium.close()
        wiring.close()


if __name__ == "__main__":
    main()
