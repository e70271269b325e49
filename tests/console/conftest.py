"""A triaged demo once for a test process, a console over a copy of it for each test, and Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.samples import load_intel, load_samples
from core.clock import FixedClock
from core.settings import Settings
from policies.bundle import default_bundle_path, load_bundle
from policies.masking.masker import Masker
from policies.masking.opening import open_masker
from tests.console.site import Site, add_people, site_over
from tests.house import open_house
from workers.wiring import open_store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

#: When the demo's tickets came in: now, because the browser has a clock of its own.
STARTED = datetime.now(UTC).replace(microsecond=0)
#: Milliseconds a browser test waits for what must appear.
PATIENCE = 30_000
#: What htmx says of a request whose page was left meanwhile. A request that fails also has a line of Chromium's own.
LEFT_BEHIND = ("htmx:afterRequest", "htmx:sendAbort", "htmx:sendError")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, model: tuple[str, Path]) -> Path:
    """A home in which every sample of the demo has been triaged, with accounts. Never change it: copy it."""
    home = tmp_path_factory.mktemp("demo") / "home"
    house = open_house(home, model, FixedClock(STARTED))
    load_intel(house.services.store)
    for number, sample in enumerate(sample for sample in load_samples() if sample.valid):
        house.triage(sample.ticket, framework=("autogen", "adk")[number % 2])
    add_people(house.services.store)
    house.services.close()
    return home


@pytest.fixture(scope="session")
def masker() -> Masker:
    return open_masker(load_bundle(default_bundle_path()))


@pytest.fixture
def site(demo: Path, tmp_path: Path, masker: Masker) -> Iterator[Site]:
    """A console of its own over the triaged demo."""
    with site_over(demo, tmp_path / "home", FixedClock(STARTED), masker) as made:
        yield made


@pytest.fixture
def fresh(tmp_path: Path, masker: Masker) -> Iterator[Site]:
    """A console of its own over a home that nothing ever came into; it has accounts."""
    store = open_store(Settings(home=tmp_path / "bare"), clock=FixedClock(STARTED))
    add_people(store)
    store.close()
    with site_over(tmp_path / "bare", tmp_path / "home", FixedClock(STARTED), masker) as made:
        yield made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window, for one module: Playwright keeps an event loop running meanwhile."""
    from playwright.sync_api import expect, sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium is not installed: `make test` installs Debian's package where it may")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that knows nobody. Anything but the console that it asks for is an error of the test's page."""
    made = chromium.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    made.set_default_timeout(PATIENCE)
    yield made
    made.close()


@pytest.fixture
def tab(context: BrowserContext) -> Iterator[Page]:
    """A page whose console stays empty: an error there fails the test."""
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    yield page
    assert [words for words in wrong if not words.startswith(LEFT_BEHIND)] == []
