"""How large the page is and how fast it opens, beside the same figures by ``plotly.io.to_html``: ``make bench-page``.

Each page is opened from disk in headless Chromium, several times; the median stands. "opened" is the browser's load
event, "drawn" is when the first figure that is in sight has been drawn, "all drawn" after scrolling to the end. The
alternative holds the same traces and nothing else, with plotly's whole library once in the file.
Printed, never asserted.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import plotly.io
from playwright.sync_api import Browser, sync_playwright

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.sources.base import fetch_all
from aftersweep.analysis.sources.sample import open_sample
from aftersweep.analysis.tidy import tidy
from aftersweep.reports.figures import drawings
from aftersweep.reports.pdf import find_browser
from aftersweep.reports.render import to_html

sys.path.insert(0, str(Path(__file__).parent))
from bench_scale import sweep_of

SIZES = (2_000,)
PARAMETERS = 10
TO_THE_END = """async () => {
  for (let y = 0; y < document.documentElement.scrollHeight; y += 600) {
    scrollTo(0, y); await new Promise(requestAnimationFrame);
  }
  const late = () => [...document.querySelectorAll('figure.drawing:not(.failed)')].some(
    one => !one.querySelector('button.draw') && !one.querySelector('.main-svg'));
  while (late()) await new Promise(requestAnimationFrame);
}"""


def uncoloured(value: Any) -> Any:
    """The traces without our roles, which plotly.py does not know."""
    if isinstance(value, str):
        if value.startswith("role:"):
            return "Viridis" if value in ("role:sequential", "role:diverging") else "#57606a"
        return value
    if isinstance(value, Mapping):
        return {key: uncoloured(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [uncoloured(one) for one in value]
    return value


def usual_page(drawn: Mapping[str, Any]) -> str:
    parts = [
        plotly.io.to_html(
            go.Figure(data=uncoloured(one.data), layout=uncoloured(one.layout)),
            full_html=False,
            include_plotlyjs=place == 0,
        )
        for place, one in enumerate(drawn.values())
    ]
    return f"<!doctype html><html><head><meta charset='utf-8'></head><body>{''.join(parts)}</body></html>"


def opening(browser: Browser, page_file: Path, repeats: int) -> dict[str, float]:
    """Median seconds to the load event, to the first figure and to the last one."""
    times: dict[str, list[float]] = {"opened": [], "drawn": [], "all drawn": []}
    for _ in range(repeats):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        page = context.new_page()
        page.goto(page_file.as_uri())
        times["opened"].append(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd / 1000"))
        page.evaluate("document.querySelector('figure.drawing')?.scrollIntoView()")
        page.wait_for_selector(".main-svg")
        times["drawn"].append(page.evaluate("performance.now() / 1000"))
        page.evaluate(TO_THE_END)
        times["all drawn"].append(page.evaluate("performance.now() / 1000"))
        context.close()
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    results = {"4yfw48ad (50 runs)": post_mortem(tidy(*fetch_all(open_sample("4yfw48ad"))))}
    results |= {f"{runs:,} runs": post_mortem(sweep_of(runs, PARAMETERS)) for runs in SIZES}
    print(f"{'page':<20} {'':<14} {'MB':>6} {'gzip':>6} {'opened':>8} {'drawn':>8} {'all drawn':>10}")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        for name, result in results.items():
            texts = {"aftersweep": to_html(result, "0", 0.0), "plotly's own": usual_page(drawings(result))}
            rows = {}
            for kind, text in texts.items():
                file = Path(folder) / "page.html"
                file.write_text(text, encoding="utf-8")
                found = opening(browser, file, arguments.repeats)
                size = {"MB": len(text.encode()) / 1e6, "gzip": len(gzip.compress(text.encode())) / 1e6}
                rows[kind] = {**size, **found}
                print(f"{name:<20} {kind:<14} " + line(rows[kind], " s"))
            ours, usual = rows["aftersweep"], rows["plotly's own"]
            print(f"{name:<20} {'ratio':<14} " + line({key: ours[key] / usual[key] for key in ours}, "  "))
        browser.close()
    return 0


def line(row: Mapping[str, float], unit: str) -> str:
    sizes = f"{row['MB']:6.2f} {row['gzip']:6.2f}"
    return f"{sizes} {row['opened']:6.2f}{unit} {row['drawn']:6.2f}{unit} {row['all drawn']:8.2f}{unit}"


if __name__ == "__main__":
    sys.exit(main())
