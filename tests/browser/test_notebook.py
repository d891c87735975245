"""The page in a notebook's frame (``srcdoc``, sandboxed): all of it works there, and nothing of it reaches outside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Frame, Page

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.sources.base import fetch_all
from aftersweep.analysis.sources.sample import open_sample
from aftersweep.analysis.tidy import tidy
from aftersweep.reports.notebook import LoadedSweep

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sweep = LoadedSweep(post_mortem(tidy(*fetch_all(open_sample("constellation-mini")))))
    path = tmp_path_factory.mktemp("notebook") / "notebook.html"
    shown = sweep.report()._repr_html_()
    path.write_text(f"<!doctype html><html lang=en><title>Notebook</title><h1>Cell</h1>{shown}", encoding="utf-8")
    return path


@pytest.fixture
def notebook(browser: Browser, path: Path) -> Iterator[Page]:
    page = browser.new_context(viewport={"width": 1100, "height": 900}, reduced_motion="reduce").new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: troubles.append(request.url) if request.url.startswith("http") else None)
    page.goto(path.as_uri())
    yield page
    page.context.close()
    assert not troubles


def framed(notebook: Page) -> Frame:
    (frame,) = notebook.frames[1:]
    return frame


def test_links_within_the_page_stay_within_it(notebook: Page) -> None:
    """A run's panel opens and closes, a finding is jumped to; the notebook around it is not moved or replaced."""
    before, frame = notebook.url, framed(notebook)
    frame.locator('main a[href^="#run-"]:visible').first.click()
    frame.locator("dialog#run-panel").wait_for()  # its text is unpacked first
    assert "#run-" in frame.url
    notebook.keyboard.press("Escape")
    frame.locator("dialog#run-panel").wait_for(state="hidden")
    frame.locator('main a[href^="#F"]:visible').first.click()
    assert frame.locator("h1").count() == 1
    assert notebook.url == before


def test_figures_theme_and_downloads_work(notebook: Page) -> None:
    """Figures are drawn, the theme switches for the page alone, a figure's table comes as a file."""
    frame = framed(notebook)
    frame.locator("figure").first.scroll_into_view_if_needed()
    frame.locator("figure .js-plotly-plot").first.wait_for()
    frame.locator("button.theme").click()
    assert frame.locator("html").get_attribute("data-theme") in ("light", "dark")
    assert notebook.locator("html").get_attribute("data-theme") is None
    with notebook.expect_download() as download:
        frame.get_by_role("button", name="CSV").first.click()
    assert download.value.suggested_filename.endswith(".csv")


def test_the_page_cannot_reach_the_notebook(notebook: Page) -> None:
    """Law: a script in the frame sees nothing of the document around it, whatever a sweep's text might bring."""
    reach = "() => { try { return window.parent.document.title } catch (error) { return error.name } }"
    assert framed(notebook).evaluate(reach) == "SecurityError"
