"""What the page's script adds: sorting, filtering, copying, the theme, and a run's own panel; by mouse and keyboard."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.sources.base import fetch_all
from aftersweep.analysis.sources.sample import open_sample
from aftersweep.analysis.tidy import tidy
from aftersweep.reports.render import to_html
from aftersweep.reports.run_details import packed, run_url

from ..factories import make_run, make_sweep
from .test_every_page import RULES

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
LINES = ("</script><script>window.hit = 1</script>", "\u202etxet desrever", "<img src=x onerror='window.hit = 1'>",
         "RuntimeError: CUDA out of memory. Tried to allocate 2 GiB")  # fmt: skip


@pytest.fixture(scope="module")
def mini() -> PostMortem:
    return post_mortem(tidy(*fetch_all(open_sample("constellation-mini"))))


@pytest.fixture(scope="module")
def path(mini: PostMortem, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "mini.html"
    path.write_text(to_html(mini, "0", 0.0), encoding="utf-8")
    return path


@pytest.fixture
def page(browser: Browser, path: Path) -> Iterator[Page]:
    opened = browser.new_context(viewport={"width": 1100, "height": 900}, reduced_motion="reduce").new_page()
    opened.goto(path.as_uri())
    yield opened
    opened.context.close()


def column(page: Page, section: str, number: int) -> list[str]:
    cells = page.locator(f"section[aria-labelledby={section}] table.sortable tbody tr > :nth-child({number})")
    return [cell.strip() for cell in cells.all_inner_texts()]


def test_a_heading_sorts_up_and_down(page: Page) -> None:
    """By the number in the cell, and what has no number stays last either way; by keyboard too."""
    values = [float(cell) for cell in column(page, "runs", 6) if cell != "–"]
    missing = column(page, "runs", 6).count("–")
    assert missing > 0
    assert values != sorted(values)
    heading = page.locator("section[aria-labelledby=runs] th", has_text="Best")
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert column(page, "runs", 6) == [f"{v:g}" for v in sorted(values)] + ["–"] * missing
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert column(page, "runs", 6) == [f"{v:g}" for v in sorted(values, reverse=True)] + ["–"] * missing
    assert "descending" in page.locator("p[role=status]").inner_text()


def test_a_word_filters_the_rows(page: Page, mini: PostMortem) -> None:
    """Only rows that hold every word are shown, and how many is said."""
    box = page.get_by_label("Filter: All runs")
    box.fill("out of memory")
    shown = page.locator("section[aria-labelledby=runs] tbody tr:visible")
    expected = sum(outcome.cause == "out_of_memory" for outcome in mini.outcomes.values())
    assert shown.count() == expected > 1
    assert page.locator(".filter output").last.inner_text() == f"{expected} of {len(mini.sweep.runs)} rows"
    box.fill("no such words")
    assert shown.count() == 0
    box.fill("")
    assert shown.count() == len(mini.sweep.runs)


def test_the_theme_is_chosen_and_holds(page: Page) -> None:
    """System, light, dark: what was chosen last is there when the page is opened again."""
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    button = page.locator("button.theme")
    assert button.inner_text() == "Theme: system"
    button.click()
    assert page.evaluate(ground) == light
    button.click()
    assert button.inner_text() == "Theme: dark"
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert (page.locator("button.theme").inner_text(), page.evaluate(ground)) == ("Theme: dark", dark)
    page.emulate_media(media="print")
    assert page.evaluate(ground) in (light, "rgba(0, 0, 0, 0)")


def test_copying_copies(page: Page) -> None:
    """The command on the first screen is in the clipboard, whole, and the button says so."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    block = page.locator(".first .copyable").last
    block.locator("button").click()
    block.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == block.locator("pre").inner_text()


def test_copying_works_where_there_is_no_clipboard(page: Page) -> None:
    """A page from disk is no secure context in every browser: the older way is taken."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')) }")
    block = page.locator(".first .copyable").last
    block.locator("button").click()
    block.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == block.locator("pre").inner_text()


def test_a_run_opens_its_panel(page: Page, mini: PostMortem) -> None:
    """From its row: everything of that run, next and previous, Escape closes, and the focus comes back."""
    run = mini.sweep.runs[1]
    link = page.locator("section[aria-labelledby=runs] th a.id").nth(1)
    link.focus()
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog")
    panel.wait_for()
    assert panel.locator("h2").inner_text() == f"Run {run.id}"
    text = panel.inner_text()
    assert all(name in text for name in mini.sweep.parameters)
    assert all(fact.text in text for fact in mini.outcomes[run.id].evidence)
    assert panel.locator("mark").count() == 1  # the decisive line in the log
    assert panel.locator("polyline").get_attribute("points").count(",") == run.iterations
    assert page.evaluate("location.hash") == "#run-2"
    panel.get_by_role("button", name="Next").click()
    assert panel.locator("h2").inner_text() == f"Run {mini.sweep.runs[2].id}"
    page.keyboard.press("Escape")
    assert not panel.is_visible()
    assert page.evaluate("document.activeElement.textContent") == run.id
    assert page.evaluate("location.hash") == ""


def test_an_address_opens_what_it_names(browser: Browser, path: Path) -> None:
    """``#run-3`` a run's panel, ``#F1`` the evidence of a finding; an unknown name nothing."""
    opened = browser.new_context(bypass_csp=True).new_page()
    opened.goto(f"{path.as_uri()}#run-3")
    opened.get_by_role("dialog").wait_for()
    found = Axe().run(opened, options={"runOnly": RULES}).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found] == []
    opened.goto(f"{path.as_uri()}#F1")
    opened.reload()
    assert opened.locator("#F1 details").get_attribute("open") is not None
    opened.goto(f"{path.as_uri()}#run-4000")
    opened.reload()
    assert opened.get_by_role("dialog").count() == 0
    opened.context.close()


def test_all_evidence_opens_and_closes(page: Page) -> None:
    """One button for all."""
    button = page.get_by_role("button", name="Open all evidence")
    button.click()
    assert page.locator(".finding details:not([open])").count() == 0
    page.get_by_role("button", name="Close all evidence").click()
    assert page.locator(".finding details[open]").count() == 0


def hostile() -> PostMortem:
    runs = [make_run("</script><b>r", [0.1], state="failed", exit_code=1, log_tail=LINES,
                     config={"<img src=x onerror='window.hit = 1'>": "${7*7}{{7*7}}"}),
            make_run("b", [0.2, float("nan"), 1e308], config={"lr": float("inf")})]  # fmt: skip
    return post_mortem(make_sweep(runs))


def test_a_hostile_run_is_text_in_its_panel(browser: Browser, tmp_path: Path) -> None:
    """Scripts, markup and direction characters in id, configuration and log: seen, not run."""
    path = tmp_path / "hostile.html"
    path.write_text(to_html(hostile(), "0", 0.0), encoding="utf-8")
    opened = browser.new_context().new_page()
    said: list[str] = []
    opened.on("console", lambda message: "GL Driver Message" in message.text or said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto(f"{path.as_uri()}#run-1")
    panel = opened.get_by_role("dialog")
    panel.wait_for()
    assert "<script>window.hit = 1</script>" in panel.locator("pre").inner_text()
    assert "{{7*7}}" in panel.inner_text()
    assert "\u202e" not in panel.inner_text()
    assert (opened.evaluate("window.hit"), said) == (None, [])
    opened.context.close()


def test_without_script_everything_still_reads(browser: Browser, path: Path) -> None:
    """No empty controls; each row has its facts, and its id leads to the row itself."""
    opened = browser.new_context(java_script_enabled=False).new_page()
    opened.goto(path.as_uri())
    assert opened.locator("button:visible").count() == 0
    assert opened.get_by_text("opens its configuration").is_hidden()
    assert opened.locator("tr#run-2 th a").get_attribute("href") == "#run-2"
    assert opened.locator("tr#run-2 details li").count() > 0
    opened.context.close()


def test_the_details_are_the_same_bytes_each_time(mini: PostMortem) -> None:
    """And say of each run what the page knows; curves are thinned, the JSON is strict."""
    text = packed(mini, mini.sweep.runs)
    assert text == packed(mini, mini.sweep.runs)

    def strict(word: str) -> None:
        raise AssertionError(word)

    found = json.loads(gzip.decompress(base64.b64decode(text)), parse_constant=strict)
    assert [run["id"] for run in found["runs"]] == [run.id for run in mini.sweep.runs]
    assert all(len(run["curve"][0]) == len(run["curve"][1]) <= 60 for run in found["runs"])
    json.loads(gzip.decompress(base64.b64decode(packed(hostile(), hostile().sweep.runs))), parse_constant=strict)


def test_a_run_links_to_its_own_server_only_over_https() -> None:
    """The address is built from the sweep's; each word of it is quoted."""
    sweep = make_sweep([], entity="a b", project="p/../q", url="https://wandb.example/a/p/sweeps/s")
    assert run_url(sweep, "x?y") == "https://wandb.example/a%20b/p%2F..%2Fq/runs/x%3Fy"
    for url in (None, "javascript:alert(1)", "http://wandb.example/s", "https:///x"):
        assert run_url(make_sweep([], entity="a", project="p", url=url), "x") is None


def test_paper_shows_the_evidence(browser: Browser, path: Path) -> None:
    """What a screen opens, paper has; what only a screen can do, it has not."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(path.as_uri())
    evidence = page.locator("main > section .finding dl").first
    assert not evidence.is_visible()
    page.emulate_media(media="print")
    assert evidence.is_visible()
    assert not page.locator("button:visible:not(.sort)").count()
    context.close()
