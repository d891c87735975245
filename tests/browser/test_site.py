"""The site in a real browser, from disk and under a server's path: quiet, accessible, searched, compared, harmless.

The pictures lie in ``out/screens``: CI keeps them, people look at them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from aftersweep.analysis.archive.harvest import harvest
from aftersweep.analysis.archive.store import Archive
from aftersweep.analysis.results.gate import Rule
from aftersweep.analysis.sources.sample import open_sample
from aftersweep.reports.site.build import Wanted, build

from ..reports.site.archived import Told, put
from ..reports.site.links import broken
from ..reports.test_render import HOSTILE
from .test_every_page import RULES, SCREENS
from .test_pages import Scheme

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
VIEWS: list[tuple[str, int, Scheme]] = [("light", 1100, "light"), ("dark", 1100, "dark"), ("phone", 390, "light")]
SWEEP = "sweeps/lab/vision/plain0/index.html"
PAGES = ("index.html", "compare.html", "architectures/resnet50.html", "parameters/batch_size.html", SWEEP)
HOST = Told(id="badhost1", name="bad host", world="bad host", runs=60, seed=4, day=20)
BAD = Told(
    id=f"../../{HOSTILE}", name=HOSTILE, project=HOSTILE, entity="..", runs=6, seed=3, swept={HOSTILE: HOSTILE}, day=30
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirteen sweeps: the bundled ones (of which one follows another), eight plain ones, a bad host, a hostile one."""
    work = tmp_path_factory.mktemp("site")
    plain = [Told(id=f"plain{i}", name=f"search {i}", seed=i, day=i, runs=8) for i in range(8)]
    archive = put(work / "home", *plain, HOST, BAD)
    for name in ("4yfw48ad", "constellation-mini", "constellation-mini-next"):
        harvest(open_sample(name), archive)
    rules = (Rule(name="max-crash-rate", limit=0.05),)
    build(Archive(work / "home"), Wanted(folder=work / "public", title="Sweeps of the lab", version="0", rules=rules))
    return work / "public"


@pytest.fixture
def page(browser: Browser, folder: Path) -> Iterator[Page]:
    """The index, from disk; the test fails where the console says anything."""
    context, said = quiet(browser)
    opened = context.new_page()
    opened.goto((folder / "index.html").as_uri())
    yield opened
    assert said == []
    context.close()


def quiet(browser: Browser, width: int = 1100, scheme: Scheme = "light") -> tuple[BrowserContext, list[str]]:
    """A context, and what the consoles of its pages say."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    context.on("console", lambda message: "GL Driver Message" in message.text or said.append(message.text))
    context.on("weberror", lambda error: said.append(str(error.error)))
    return context, said


def hostile_pages(folder: Path) -> list[str]:
    """The hostile sweep's page, and those of its parameter and its level."""
    found = [path.relative_to(folder).as_posix() for path in folder.rglob("*~*/index.html")]
    found += [path.relative_to(folder).as_posix() for path in folder.rglob("*~*.html")]
    assert len(found) >= 2
    return found


def rows(page: Page) -> list[str]:
    """The first cell of the rows that are seen."""
    return [text.split("\n")[0] for text in page.locator("#all-sweeps tbody tr:visible th").all_inner_texts()]


@pytest.mark.parametrize(("view", "width", "scheme"), VIEWS)
def test_every_page_is_quiet_and_fits(browser: Browser, folder: Path, view: str, width: int, scheme: Scheme) -> None:
    """No word in the console, no request outside of the folder, no sideways scrolling; seen by people."""
    context, said = quiet(browser, width, scheme)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    SCREENS.mkdir(parents=True, exist_ok=True)
    for name in (*PAGES, *hostile_pages(folder)):
        page = context.new_page()
        page.goto((folder / name).as_uri())
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate("window.hit") is None, name
        if name in PAGES:
            page.screenshot(path=SCREENS / f"site-{Path(name).parts[0].removesuffix('.html')}-{view}.png")
        page.close()
    assert said == []
    inside = folder.as_uri() + "/"
    assert [url for url in asked if not url.startswith((inside, "data:", "blob:"))] == []
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible(browser: Browser, folder: Path, scheme: Scheme) -> None:
    """WCAG 2.2 A and AA and the best practices, as far as axe can tell; the sweep's own page is tested elsewhere."""
    context = browser.new_context(viewport={"width": 1100, "height": 900}, color_scheme=scheme, bypass_csp=True)
    for name in (*PAGES[:4], *(name for name in hostile_pages(folder) if not name.startswith("sweeps/"))):
        page = context.new_page()
        page.goto((folder / name).as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        found = Axe().run(page, options={"runOnly": RULES}).response["violations"]
        shown = [(one["id"], [node["html"][:160] for node in one["nodes"][:3]]) for one in found]
        assert shown == [], name
        page.close()
    context.close()


def test_every_link_leads_somewhere(page: Page, folder: Path) -> None:
    """By the files, all of them; and by the browser, each of the index."""
    assert broken(folder) == []
    links = page.eval_on_selector_all("a[href]", "all => all.map(one => one.href)")
    for link in dict.fromkeys(links):
        if not link.endswith(".xml"):
            page.goto(link)
            assert page.locator("h1").count() == 1, link
            hash_ = page.evaluate("decodeURIComponent(location.hash.slice(1))")
            assert not hash_ or page.evaluate("id => document.getElementById(id) !== null", hash_), link


def test_the_search_filters(page: Page) -> None:
    """By words in any cell, by project, by verdict, and by several of them."""
    assert len(rows(page)) == 13
    search = page.locator("input[type=search]")
    search.fill("search 2023-11")
    assert set(rows(page)) == {f"search {i}" for i in range(8)}
    search.fill("constellation")
    assert set(rows(page)) == {"constellation-mini", "constellation-mini - next"}
    search.fill("")
    page.get_by_label("Project").select_option("lab/vision")
    assert set(rows(page)) == {"bad host", *(f"search {i}" for i in range(8))}
    assert "9 of 13 sweeps" in page.locator(".choices output").inner_text()
    search.fill("bad")
    assert rows(page) == ["bad host"]
    page.get_by_label("Project").select_option("")
    search.fill("")
    page.get_by_label("Gate").select_option("met")
    met = rows(page)
    page.get_by_label("Gate").select_option("not met")
    assert met
    assert rows(page)
    assert not set(met) & set(rows(page))


def test_the_table_sorts_by_what_a_column_means(page: Page) -> None:
    """Dates by time, rates by their value, names as text."""
    page.get_by_role("button", name="Date").click()
    assert [name for name in rows(page) if name.startswith("search")] == [f"search {i}" for i in range(8)]
    page.get_by_role("button", name="Crash rate").click()
    rates = [
        float(value)
        for value in page.eval_on_selector_all("#all-sweeps td[data-sort]", "all => all.map(one => one.dataset.sort)")
        if "." in value or value == "0"
    ]
    assert rates == sorted(rates)


def test_questions_and_lineage_lead_to_their_evidence(page: Page) -> None:
    """A question opens its sweeps, and a link there opens the finding's evidence on the sweep's page."""
    page.get_by_text("with a bad host").click()
    page.locator("details.question[open] a").first.click()
    assert page.url.partition("#")[0].endswith("sweeps/lab/vision/badhost1/index.html")
    assert page.locator(".finding:target details").evaluate("one => one.open")
    page.get_by_role("link", name="All sweeps").click()
    family = page.locator(".tree > li", has_text="f5sb9vo2")
    assert family.locator("ul a").first.inner_text() == "uncategorized/762md8ai"
    assert "foretold" in family.locator("ul").inner_text()


def test_two_sweeps_are_compared_from_disk(page: Page, folder: Path) -> None:
    """The address names them; a choice changes page and address; what differs is marked."""
    page.goto((folder / "compare.html").as_uri() + "#a=local/uncategorized/f5sb9vo2&b=local/uncategorized/762md8ai")
    figures = page.locator("#compared table").nth(0)
    assert figures.locator("thead a").all_inner_texts() == ["constellation-mini", "constellation-mini - next"]
    row = figures.locator("tr", has_text="Adjudicated crash rate")
    assert row.locator("td").nth(0).inner_text().startswith("39 % (25 % to")
    assert row.locator(".whisker i").count() == 2
    space = page.locator("#compared table").nth(2)
    assert space.locator("tr", has_text="batch_size").locator(".differs").count() == 2
    assert space.locator("tr", has_text="warmup_epochs").locator(".differs").count() == 0
    page.locator("select[name=a]").select_option("lab/vision/plain3")
    assert figures.locator("thead a").first.inner_text() == "search 3"
    assert page.evaluate("location.hash") == "#a=lab/vision/plain3&b=local/uncategorized/762md8ai"
    page.evaluate("location.hash = '#a=lab/vision/plain1&b=nothing'")
    page.wait_for_function("document.querySelector('#compared thead a').textContent === 'search 1'")
    figures.locator("thead a").first.click()
    assert page.url.endswith("sweeps/lab/vision/plain1/index.html")


def test_hostile_names_are_text(page: Page, folder: Path) -> None:
    """Seen as they are written, in the table and in what is compared; nothing of them runs."""
    page.locator("input[type=search]").fill("window.hit")
    assert len(rows(page)) == 1
    assert "<script>" in rows(page)[0]
    place = page.locator("#all-sweeps tbody tr:visible a").get_attribute("href") or ""
    page.goto((folder / "compare.html").as_uri())
    page.locator("select[name=a]").select_option(place.removeprefix("sweeps/").removesuffix("/index.html"))
    assert "<script>" in page.locator("#compared thead a").first.inner_text()
    assert page.evaluate("window.hit") is None


def test_without_scripts_the_pages_still_speak(browser: Browser, folder: Path) -> None:
    """The table, the charts, the lineage are there; the page that compares says what it needs, and links the sweeps."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((folder / "index.html").as_uri())
    assert len(rows(page)) == 13
    assert not page.locator(".choices").is_visible()
    page.goto((folder / "compare.html").as_uri())
    assert "needs JavaScript" in page.locator("noscript p").inner_text()
    assert page.locator("noscript p").is_visible()
    assert page.locator("noscript a").count() == 13
    assert not page.locator("#pair").is_visible()
    context.close()


def test_a_server_shows_it_under_any_path(browser: Browser, folder: Path) -> None:
    """As on Pages, two folders deep: style, scripts and links are found, nothing else is asked for."""
    handler = partial(_Handler, directory=str(folder.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}/public/"
        context, said = quiet(browser)
        failed: list[str] = []
        context.on("response", lambda answer: answer.ok or failed.append(answer.url))
        page = context.new_page()
        page.goto(f"{base}index.html")
        page.get_by_role("link", name="search 5").first.click()
        page.wait_for_url(f"{base}sweeps/lab/vision/plain5/index.html")
        assert page.locator("figure").count() > 0
        page.get_by_role("link", name="All sweeps").click()
        page.get_by_role("link", name="compare two").click()
        assert page.locator("#compared table").count() == 3
        context.close()
        server.shutdown()
    assert [url for url in failed if not url.endswith("favicon.ico")] == []
    assert [line for line in said if "favicon" not in line and "404" not in line] == []


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""
