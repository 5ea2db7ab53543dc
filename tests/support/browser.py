"""A headless Chromium for tests of pages: what it asks for and what goes wrong is kept."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Opened:
    """A page with the addresses that it asked for, what its console called an error, and what it asked of a person."""

    page: Page
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the Chromium that is installed."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    with sync_playwright() as playwright:
        # Without its sandbox, which root may not have; it opens our own files alone.
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


def opened(browser: Browser, file: Path, width: int = 1280, **options: Any) -> Opened:
    """Open a file without a network, and wait until its figures are drawn."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    context.set_offline(True)
    kept = Opened(context.new_page())
    kept.page.on("request", lambda request: kept.asked.append(request.url))
    kept.page.on("console", lambda said: kept.errors.append(said.text) if said.type == "error" else None)
    kept.page.on("pageerror", lambda error: kept.errors.append(str(error)))
    kept.page.on("dialog", lambda dialog: (kept.dialogs.append(dialog.message), dialog.dismiss()))
    kept.page.goto(file.as_uri())
    if options.get("java_script_enabled", True):
        kept.page.wait_for_selector("html[data-drawn]")
    return kept
