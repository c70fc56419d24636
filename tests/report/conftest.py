"""A real browser; where there is none the test is skipped visibly, and fails under CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        message = "chromium is not installed: the page was not looked at"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Any) -> Any:
    """Open a file and list every request but the first: what the page would load from elsewhere."""

    def opened(path: Any, width: int = 1280) -> tuple[Any, list[str]]:
        page, asked = browser.new_page(viewport={"width": width, "height": 900}), []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_load_state("networkidle")
        return page, [url for url in asked[1:] if not url.startswith("data:")]

    return opened
