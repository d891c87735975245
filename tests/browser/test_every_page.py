"""Every page that a user gets, held to what any page must be: accessible, still, quiet; and kept as pictures.

The pictures lie in ``out/screens``: CI keeps them, people look at them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.sources.base import fetch_all
from aftersweep.analysis.sources.sample import open_sample
from aftersweep.analysis.tidy import tidy
from aftersweep.reports.render import to_html

from ..factories import make_sweep
from ..reports.test_render import hostile_result
from .test_large_pages import large, long_names
from .test_pages import Scheme

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
SCREENS = Path(__file__).parents[2] / "out" / "screens"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
VIEWS: list[tuple[str, int, Scheme]] = [("light", 1100, "light"), ("dark", 1100, "dark"), ("phone", 390, "light")]
SHIFTS = """window.shifted = 0; new PerformanceObserver(list => list.getEntries().forEach(
    entry => { if (!entry.hadRecentInput) window.shifted += entry.value }
)).observe({type: 'layout-shift', buffered: true})"""
NAMES = ("4yfw48ad", "constellation-mini", "constellation-mini-next", "hostile", "long-names", "empty", "2000-runs")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    results = {name: post_mortem(tidy(*fetch_all(open_sample(name)))) for name in NAMES[:3]}
    results |= {"hostile": hostile_result(), "long-names": long_names(), "empty": post_mortem(make_sweep([]))}
    results["2000-runs"] = large()
    folder = tmp_path_factory.mktemp("every")
    for name, result in results.items():
        (folder / f"{name}.html").write_text(to_html(result, "0", 0.0), encoding="utf-8")
    assert set(results) == set(NAMES)
    return {name: folder / f"{name}.html" for name in results}


@pytest.mark.parametrize(("view", "width", "scheme"), VIEWS)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_quiet_still_and_seen(
    browser: Browser, pages: dict[str, Path], name: str, view: str, width: int, scheme: Scheme
) -> None:
    """Nothing in the console, no request but the page, no sideways scrolling; what loads later moves nothing that
    was there before (a cumulative layout shift of 0.1 is what the web calls good), from the top to the end."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    # A machine without a graphics card is told how slow that is.
    page.on("console", lambda message: "GL Driver Message" in message.text or said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script(SHIFTS)
    page.goto(pages[name].as_uri())
    for _ in range(200):
        page.mouse.wheel(0, 800)
        page.wait_for_timeout(15)
        if page.evaluate("scrollY + innerHeight >= document.documentElement.scrollHeight - 2"):
            break
    page.wait_for_timeout(150)
    assert said == []
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [pages[name].as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("window.shifted") < 0.1
    page.evaluate("scrollTo(0, 0)")
    SCREENS.mkdir(parents=True, exist_ok=True)
    picture = page.screenshot(path=SCREENS / f"{name}-{view}.png", full_page=name != "2000-runs")
    assert len(picture) > 10_000  # a page of one colour would be smaller
    context.close()


@pytest.mark.parametrize(("scheme", "rules"), [("light", RULES), ("dark", ["color-contrast"])])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_accessible(
    browser: Browser, pages: dict[str, Path], name: str, scheme: Scheme, rules: list[str]
) -> None:
    """WCAG 2.2 A and AA and the best practices, as far as axe can tell: no violation. A theme changes colours only."""
    context = browser.new_context(viewport={"width": 1100, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(pages[name].as_uri())
    found = Axe().run(page, options={"runOnly": rules}).response["violations"]
    assert [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found] == []
    context.close()
