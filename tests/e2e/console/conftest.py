"""One Chromium and one console for all tests; each test has a browser of its own, and an error in it fails the test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.authority import Authority
from tests.e2e.console.stand import PASSWORD, Stand, built, furnish, hire, served
from tests.tools import missing

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
EXPECTED = ("the server responded with a status of 401", "the server responded with a status of 422")
"""What Chromium says of the page on which one signs in, and of one that says what was filled in wrongly."""

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for each module: while it is there, an event loop runs in the tests' thread."""
    if not CHROMIUM.exists():
        missing("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def stand(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    wiring = built(tmp_path_factory.mktemp("console"))
    people = furnish(wiring, authority)
    hire(wiring)
    with served(wiring) as url:
        yield Stand(url, wiring, authority, people)
    wiring.close()


@pytest.fixture
def browse(chromium: Browser, stand: Stand) -> Iterator[Open]:
    """Open a browser and sign in: ``browse("admin", locale="de", viewport=PHONE, color_scheme="dark")``.

    ``listen``: what its console says fails the test.
    """
    contexts: list[BrowserContext] = []
    said: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(text in message.text for text in EXPECTED):
            said.append(f"{message.location.get('url')}: {message.text}")

    def opened(role: str | None = None, *, listen: bool = True, **settings: object) -> Page:
        options = {"locale": "en-GB", "viewport": DESK, "timezone_id": "Europe/Berlin"} | settings
        context = chromium.new_context(base_url=stand.url, **options)  # type: ignore[arg-type]
        context.set_default_timeout(30_000)
        contexts.append(context)
        page = context.new_page()
        if listen:
            page.on("console", heard)
            page.on("pageerror", lambda error: said.append(str(error)))
        if role is not None:
            sign_in(page, role)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def sign_in(page: Page, name: str, path: str = "/certificates") -> None:
    """Sign in on the way to a page."""
    page.goto(path)
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_selector(".frame")
