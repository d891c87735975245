"""Pages of sweeps at the edges: thousands of runs, very long names, no runs at all."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.reports.render import to_html
from aftersweep.reports.view import MOST_LISTED

from ..factories import START, make_run, make_sweep
from .test_pages import opened

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
RUNS, PARAMETERS = 2_000, 30
MOST_BYTES = 4_000_000


@cache
def large() -> PostMortem:
    """2,000 runs of 30 parameters, of which a fifth completed."""
    runs = [
        make_run(
            f"run{i:05d}",
            [0.001 * ((i * 7919) % 997) + step for step in range(8 if i % 5 == 0 else 2)],
            state="finished" if i % 5 == 0 else "crashed",
            start=START + 100.0 * i,
            config={f"optimizer.setting_{j}": (i * (j + 3)) % 7 // 2 for j in range(PARAMETERS)},
            log_tail=tuple(f"epoch {line}: loss 0.25" for line in range(12)),
        )
        for i in range(RUNS)
    ]
    return post_mortem(make_sweep(runs))


def long_names() -> PostMortem:
    """Parameters and levels of hundreds of characters without a place to break."""
    runs = [
        make_run(
            f"r{i}",
            [0.1, 0.2],
            state="crashed" if i % 4 else "finished",
            config={"model": "L" * 500 + str(i % 3), "p" * 200: i % 2},
        )
        for i in range(12)
    ]
    return post_mortem(make_sweep(runs))


@pytest.fixture(scope="module")
def large_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large.html"
    path.write_text(to_html(large(), "0", 0.0), encoding="utf-8")
    return path


def test_a_large_sweep_has_a_page_of_bounded_size(browser: Browser, large_page: Path) -> None:
    """2,000 runs of 30 parameters: under 4 MB, the capped number of rows, and the page says where the rest is."""
    assert large_page.stat().st_size < MOST_BYTES
    page, said, _ = opened(browser, large_page)
    assert said == []
    table = page.locator("section[aria-labelledby=runs]")
    assert table.locator("tbody tr").count() == MOST_LISTED
    assert f"{MOST_LISTED} of {RUNS} runs" in table.inner_text()
    assert "--format json" in table.inner_text()
    page.context.close()


@pytest.mark.parametrize("width", [1100, 390])
def test_a_large_page_fits_and_its_links_lead_somewhere(browser: Browser, large_page: Path, width: int) -> None:
    """No sideways scrolling; a run that is not listed is named without a link."""
    page, _, _ = opened(browser, large_page, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    script = """() => [...document.querySelectorAll('a[href^="#"]')]
        .filter(a => !document.getElementById(a.getAttribute('href').slice(1))).length"""
    assert page.evaluate(script) == 0
    assert page.locator("dd span.id").count() > 0
    page.context.close()


@pytest.mark.parametrize("width", [1100, 390])
def test_long_names_break_and_are_cut(browser: Browser, tmp_path: Path, width: int) -> None:
    """Names of 500 characters: the page fits its window, and no table gives one more than a few lines."""
    path = tmp_path / "long.html"
    path.write_text(to_html(long_names(), "0", 0.0), encoding="utf-8")
    page, _, _ = opened(browser, path, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    heights = page.evaluate("[...document.querySelectorAll('.t')].map(e => e.getBoundingClientRect().height)")
    assert 0 < max(heights) < 200
    page.context.close()


def test_a_sweep_without_runs_has_no_empty_section(browser: Browser, tmp_path: Path) -> None:
    """Each heading is followed by something that can be read, and no table is without rows."""
    path = tmp_path / "empty.html"
    path.write_text(to_html(post_mortem(make_sweep([])), "0", 0.0), encoding="utf-8")
    page, _, _ = opened(browser, path)
    bare = """() => [...document.querySelectorAll('h2, h3')]
        .filter(h => !h.nextElementSibling || /^H[1-6]$/.test(h.nextElementSibling.tagName)).map(h => h.textContent)"""
    assert page.evaluate(bare) == []
    assert page.evaluate("[...document.querySelectorAll('tbody')].filter(b => !b.rows.length).length") == 0
    page.context.close()


def test_links_that_stand_close_can_be_hit(browser: Browser, tmp_path: Path) -> None:
    """WCAG 2.2, 2.5.8: the runs in an evidence panel are targets of at least 24 by 24 pixels."""
    path = tmp_path / "evidence.html"
    runs = [make_run(f"r{i}", [0.1, 0.2], config={"a": i % 2}) for i in range(40)]
    path.write_text(to_html(post_mortem(make_sweep(runs)), "0", 0.0), encoding="utf-8")
    page, _, _ = opened(browser, path, 390)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    sizes = page.evaluate("""() => [...document.querySelectorAll('dd a.id')].map(a => a.getBoundingClientRect())
        .map(r => Math.min(r.width, r.height))""")
    assert len(sizes) >= 40
    assert min(sizes) >= 24
    page.context.close()


def test_the_printed_page_keeps_its_colours(browser: Browser, large_page: Path) -> None:
    """Browsers leave out backgrounds when they print: bars and keys ask for theirs."""
    page, _, _ = opened(browser, large_page)
    page.emulate_media(media="print")
    kept = "e => getComputedStyle(e).printColorAdjust"
    assert page.locator(".bar span").first.evaluate(kept) == "exact"
    assert page.locator(".key").first.evaluate(kept) == "exact"
    page.context.close()
