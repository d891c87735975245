"""A figure in the browser: drawn in the theme's colours, by mouse and keyboard, with its table, PNG and CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from aftersweep.reports.assets import page_head
from aftersweep.reports.figures.base import Drawing, plain
from aftersweep.reports.render import environment

from .test_every_page import RULES, SHIFTS
from .test_pages import Scheme

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
HOSTILE = "<img src=x onerror='window.hit = 1'></script><script>window.hit = 1</script>=1+1"


def drawing(name: str, data: list[dict[str, Any]], layout: dict[str, Any] | None = None, **more: Any) -> Drawing:
    return Drawing(
        id=name,
        title=f"All that {name} says",
        findings=(),
        description=f"{name} in words",
        data=data,
        layout=layout or {},
        columns=("Run", "Loss"),
        rows=[("r1", 0.5), (plain(HOSTILE, 200), 1.25), ("-x", None)],
        **more,
    )


def step(place: int) -> dict[str, object]:
    return {"label": f"at {place}", "method": "restyle", "args": [{"visible": [one == place for one in range(3)]}]}


LINES = [
    {"type": "scatter", "x": [1, 2, 3], "y": [3, place, 1], "name": plain(HOSTILE), "visible": place == 1,
     "line": {"color": "role:crashed@0.5"}, "marker": {"color": ["role:ink", "role:completed", "role:crashed"]}}
    for place in range(3)
]  # fmt: skip
SLIDER = {"active": 1, "currentvalue": {"prefix": "Progress"}, "steps": [step(place) for place in range(3)]}
BUTTONS = [
    {"label": "first", "method": "update", "args": [{"x": [[1, 2]]}, {"xaxis.title.text": "one"}]},
    {"label": plain("<b>second</b>"), "method": "update", "args": [{"x": [[5, 6]]}, {"xaxis.title.text": "two"}]},
]
NODES = {"label": ["a", "b"], "color": ["role:state", "role:completed"]}
LINKS = {"source": [0], "target": [1], "value": [3], "color": ["role:completed@0.4"]}
AXES = [{"label": "lr", "values": [1, 2]}, {"label": "wd", "values": [2, 1]}]
DRAWINGS = (
    drawing("lines", LINES, {"xaxis": {"title": {"text": "epoch"}}, "sliders": [SLIDER]}),
    drawing("bars", [{"type": "bar", "x": [1, 2], "y": ["a", "b"], "orientation": "h"}],
            {"height": 260, "updatemenus": [{"name": "Pair", "buttons": BUTTONS}]}),
    drawing("boxes", [{"type": "box", "y": [1, 2, 3, 9], "name": "resnet18"}]),
    drawing("heat", [{"type": "heatmap", "z": [[1, 2], [3, None]], "colorscale": "role:sequential"}]),
    drawing("flow", [{"type": "sankey", "node": NODES, "link": LINKS}]),
    drawing("parallel", [{"type": "parcoords", "line": {"color": [1, 2], "colorscale": "role:sequential"},
                          "dimensions": AXES}], heavy=True),
)  # fmt: skip
_PAGE = """{% from "figure.html.j2" import figure %}<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Figures</title>
<meta http-equiv="Content-Security-Policy" content="{{ assets.policy }}">{{ assets.head }}</head>
<body><header><button class="theme" type="button" hidden>Theme</button><h1>Figures</h1></header>
<main>{% for one in drawings %}{{ figure(one) }}{% endfor %}</main>{{ assets.body }}</body></html>"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("figures") / "figures.html"
    made = environment(markdown=False).from_string(_PAGE).render(assets=page_head(), drawings=DRAWINGS)
    path.write_text(made, encoding="utf-8")
    return path


@pytest.fixture
def page(browser: Browser, path: Path) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1100, "height": 900}, accept_downloads=True)
    opened, said = context.new_page(), []
    # The software renderer of a machine without a graphics card tells how slow it is.
    opened.on("console", lambda message: "GL Driver Message" in message.text or said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto(path.as_uri())
    yield opened
    assert opened.evaluate("window.hit") is None
    assert said == []
    context.close()


def until(page: Page, condition: str) -> None:
    """Playwright's own ``wait_for_function`` evaluates text in the page, which its policy forbids."""
    for _ in range(500):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(20)
    raise AssertionError(condition)


def see_all(page: Page) -> None:
    """Scroll through, so that every figure comes into sight, and ask for the heavy one."""
    page.locator("button.draw").click()
    for one in DRAWINGS:
        page.locator(f"#figure-{one.id}").scroll_into_view_if_needed()
        page.wait_for_selector(f"#figure-{one.id} .main-svg")


def test_figures_are_drawn_when_they_come_into_sight(page: Page) -> None:
    """The first one at once, others when they are near, a heavy one when it is asked for; none moves a thing."""
    page.wait_for_selector("#figure-lines .main-svg")
    assert page.locator("#figure-flow .main-svg").count() == 0
    page.evaluate(SHIFTS)
    page.locator("#figure-flow").scroll_into_view_if_needed()
    page.wait_for_selector("#figure-flow .main-svg")
    page.locator("#figure-parallel").scroll_into_view_if_needed()
    assert page.locator("#figure-parallel .main-svg").count() == 0
    page.locator("#figure-parallel button.draw").click()
    page.wait_for_selector("#figure-parallel .main-svg")
    assert page.locator(".drawing.failed").count() == 0
    assert page.evaluate("window.shifted") == 0


def colours(page: Page) -> list[str]:
    return page.evaluate("document.querySelector('#figure-lines .plot').data[1].marker.color")


def test_colours_are_the_themes(page: Page) -> None:
    page.wait_for_selector("#figure-lines .main-svg")
    light = colours(page)
    ink = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()")
    assert light[0] == ink
    page.locator("button.theme").click()
    page.locator("button.theme").click()
    until(page, "document.documentElement.dataset.theme === 'dark'")
    until(page, f"document.querySelector('#figure-lines .plot').data[1].marker.color[0] !== '{ink}'")
    assert colours(page) != light
    assert page.evaluate("document.querySelector('#figure-lines .plot').data[1].line.color").startswith("rgba(")


def test_a_slider_and_a_menu_choose(page: Page) -> None:
    """The browser's own controls, so by keyboard; what is chosen holds when the theme changes."""
    page.wait_for_selector("#figure-lines .main-svg")
    shown = "document.querySelector('#figure-lines .plot').data.map(trace => trace.visible)"
    assert page.evaluate(shown) == [False, True, False]
    slider = page.get_by_label("Progress")
    slider.focus()
    page.keyboard.press("ArrowRight")
    until(page, f"({shown})[2] === true")
    assert page.evaluate(shown) == [False, False, True]
    assert slider.get_attribute("aria-valuetext") == "at 2"
    page.locator("button.theme").click()
    page.wait_for_timeout(200)  # the figure is drawn again, and must come out the same
    until(page, f"({shown})[2] === true")
    page.get_by_label("Pair").select_option("<b>second</b>")
    until(page, "document.querySelector('#figure-bars .plot').data[0].x[0] === 5")
    assert page.evaluate("document.querySelector('#figure-bars .plot').layout.xaxis.title.text") == "two"


def test_arrow_keys_read_the_figure_out(page: Page) -> None:
    page.locator("#figure-lines .plot").focus()
    page.keyboard.press("ArrowRight")
    readout = page.locator("#figure-lines .readout")
    assert readout.inner_text() == "1 of 3: Run r1, Loss 0.5"
    page.keyboard.press("ArrowRight")
    assert HOSTILE.replace("  ", " ") in readout.inner_text()
    page.keyboard.press("End")
    assert readout.inner_text() == "3 of 3: Run -x"


def test_the_table_opens_and_the_numbers_come_as_csv(page: Page) -> None:
    """The file holds the figure's rows; what a spreadsheet would take for a formula is marked as text."""
    figure = page.locator("#figure-lines")
    assert not figure.locator("table").is_visible()
    figure.get_by_role("button", name="Table").click()
    assert figure.locator("table").is_visible()
    with page.expect_download() as told:
        figure.get_by_role("button", name="CSV").click()
    rows = list(csv.reader(io.StringIO(told.value.path().read_bytes().decode(), newline="")))
    assert told.value.suggested_filename == "lines.csv"
    assert rows == [["Run", "Loss"], ["r1", "0.5"], [HOSTILE, "1.25"], ["'-x", ""]]


def test_a_picture_is_saved(page: Page) -> None:
    page.wait_for_selector("#figure-lines .main-svg")
    with page.expect_download() as told:
        page.locator("#figure-lines").get_by_role("button", name="PNG").click()
    data = told.value.path().read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(data[16:20]) == 2 * int(
        page.evaluate("document.querySelector('#figure-lines .plot').clientWidth")
    )


def test_a_zoomed_figure_can_be_reset(page: Page) -> None:
    page.wait_for_selector("#figure-lines .main-svg")
    plot = "document.querySelector('#figure-lines .plot')"
    before = page.evaluate(f"{plot}._fullLayout.xaxis.range")
    page.evaluate(f"Plotly.relayout({plot}, {{'xaxis.range[0]': 1.5, 'xaxis.range[1]': 2}})")
    button = page.locator("#figure-lines").get_by_role("button", name="Reset the view")
    button.click()
    until(page, f"Math.abs({plot}._fullLayout.xaxis.range[0] - {before[0]}) < 1e-9")
    assert not button.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_are_accessible(browser: Browser, path: Path, scheme: Scheme) -> None:
    context = browser.new_context(viewport={"width": 1100, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(path.as_uri())
    see_all(page)
    for one in DRAWINGS:
        page.locator(f"#figure-{one.id}").get_by_role("button", name="Table").click()
    found = Axe().run(page, options={"runOnly": RULES}).response["violations"]
    assert [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found] == []
    context.close()


def test_a_figure_that_cannot_be_drawn_is_its_table(browser: Browser, path: Path) -> None:
    """Without WebGL parallel coordinates cannot be drawn: the page says so and shows the numbers."""
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.goto(path.as_uri())
    page.locator("#figure-parallel button.draw").click()
    page.wait_for_selector("#figure-parallel.failed")
    assert page.locator("#figure-parallel table").is_visible()
    assert "its table says the same" in page.locator("#figure-parallel .readout").inner_text()
    context.close()


def test_without_a_script_a_figure_is_its_table(browser: Browser, path: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator("figure.drawing table").first.is_visible()
    assert page.locator("figure.drawing .plot").first.is_hidden()
    assert re.search("lines in words", page.locator("#figure-lines").inner_text())
    context.close()


def test_on_paper_figures_are_light_and_fit(page: Page) -> None:
    """Also those that nobody has scrolled to; afterwards the screen has its theme again."""
    page.wait_for_selector("#figure-lines .main-svg")
    page.locator("button.theme").click()
    page.locator("button.theme").click()
    dark = colours(page)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_selector("#figure-flow .main-svg", state="attached")
    until(page, "document.querySelector('#figure-flow .plot').layout.width === 670")
    assert colours(page) != dark
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    until(page, "document.querySelector('#figure-lines .plot').layout.width !== 670")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert colours(page) == dark
