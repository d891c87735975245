"""The pages in a real browser: the system's Chromium, headless, light, dark and on a phone's width."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.sources.base import fetch_all
from aftersweep.analysis.sources.sample import SampleSource
from aftersweep.analysis.tidy import tidy
from aftersweep.reports.render import to_html

from ..reports.test_render import HOSTILE, hostile_result
from ..sources.example import example_sweep

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    results = {
        "sample": post_mortem(tidy(*fetch_all(SampleSource("4yfw48ad")))),
        "example": post_mortem(tidy(*example_sweep())),
        "hostile": hostile_result(),
    }
    for name, result in results.items():
        (folder / f"{name}.html").write_text(to_html(result, "0", 0.0), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in results}


Scheme = Literal["light", "dark"]


def opened(
    browser: Browser, path: Path, width: int = 1100, scheme: Scheme = "light"
) -> tuple[Page, list[str], list[str]]:
    """The page, what its console said, and what it asked the network for."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: "GL Driver Message" in message.text or said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    return page, said, asked


@pytest.mark.parametrize("name", ["sample", "example", "hostile"])
@pytest.mark.parametrize(("width", "scheme"), [(1100, "light"), (1100, "dark"), (390, "light")])
def test_a_page_is_quiet_and_fits(
    browser: Browser, pages: dict[str, Path], name: str, width: int, scheme: Scheme
) -> None:
    """No console message, no request but for the page itself, no sideways scrolling of the whole page."""
    page, said, asked = opened(browser, pages[name], width, scheme)
    assert said == []
    assert asked == [pages[name].as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


@pytest.mark.parametrize("name", ["sample", "example", "hostile"])
def test_every_link_of_a_page_leads_somewhere(browser: Browser, pages: dict[str, Path], name: str) -> None:
    """Each link within the page has its target, ids are unique."""
    page, _, _ = opened(browser, pages[name])
    script = """() => [...document.querySelectorAll('a[href^="#"]')]
        .map(a => decodeURIComponent(a.getAttribute('href').slice(1)))
        .filter(id => !document.getElementById(id))"""
    assert page.evaluate(script) == []
    assert (
        page.evaluate("""() => { const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
        return ids.filter((id, i) => ids.indexOf(id) !== i) }""")
        == []
    )
    page.context.close()


def test_a_sentence_opens_its_evidence(browser: Browser, pages: dict[str, Path]) -> None:
    """By keyboard too: the panel shows method, n and runs."""
    page, _, _ = opened(browser, pages["sample"])
    panel = page.locator(".headline .finding").first
    assert not panel.get_by_text("Method", exact=True).is_visible()
    panel.locator("summary").focus()
    page.keyboard.press("Enter")
    assert panel.get_by_text("Method", exact=True).is_visible()
    assert panel.locator("dd a.id").count() >= 30
    page.context.close()


def test_the_sample_says_what_it_is_and_what_happened(browser: Browser, pages: dict[str, Path]) -> None:
    """On the first screen: a reconstruction; most recorded crashes were the sweep's own stops."""
    page, _, _ = opened(browser, pages["sample"])
    assert "reconstruction" in page.get_by_role("note").inner_text()
    first = page.locator(".headline").inner_text()
    assert "did not crash" in first
    assert "the sweep's own early stops" in first
    box = page.locator(".headline").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 900
    page.context.close()


def test_hostile_text_runs_nothing(browser: Browser, pages: dict[str, Path]) -> None:
    """A script in names, notes and logs would set window.hit: it is only seen as text."""
    page, _, _ = opened(browser, pages["hostile"])
    assert page.evaluate("window.hit") is None
    assert HOSTILE.split("{{")[0] in page.locator("h1").inner_text()
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(browser: Browser, pages: dict[str, Path], scheme: Scheme) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1 for body, soft text and links on the page's ground."""
    page, _, _ = opened(browser, pages["sample"], scheme=scheme)
    script = """() => {
        const lum = c => { const v = c.match(/[\\d.]+/g).slice(0, 3).map(x => x / 255)
            .map(x => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
            return .2126 * v[0] + .7152 * v[1] + .0722 * v[2] };
        const ground = lum(getComputedStyle(document.body).backgroundColor);
        return ['body', '.sub', 'main a', 'th'].map(s => lum(getComputedStyle(document.querySelector(s)).color))
            .map(l => (Math.max(l, ground) + .05) / (Math.min(l, ground) + .05)) }"""
    assert min(page.evaluate(script)) >= 4.5
    page.context.close()
