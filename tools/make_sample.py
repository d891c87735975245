"""Makes the bundled sample 4yfw48ad from its published figures: ``python tools/make_sample.py [--out DIR]``.

Reads ``analysis/sources/samples/4yfw48ad/published.yaml``; writes ``runs.parquet``, ``history.parquet`` and
``sweep.json`` beside it, and ``docs/provenance-4yfw48ad.md``. The same bytes at every call.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from sample_parts.curves import draw_curves
from sample_parts.figures import figures
from sample_parts.provenance import page
from sample_parts.records import tables
from sample_parts.solve import settle
from sample_parts.timeline import Clash, Life, lay_out

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = Path("analysis/sources/samples/4yfw48ad")
SEED = 20250703
DRAWS = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT, help="folder to write below; the repository by default")
    out: Path = parser.parse_args().out
    published = yaml.safe_load((ROOT / SAMPLE / "published.yaml").read_text("utf-8"))
    verdicts, rows = settle(published, figures(published), SEED)
    lives, rng = simulate(published, rows)
    runs, history = tables(published, lives, rng)
    (out / SAMPLE).mkdir(parents=True, exist_ok=True)
    (out / "docs").mkdir(exist_ok=True)
    for name, table in (("runs", runs), ("history", history)):
        _write(table, out / SAMPLE / f"{name}.parquet")
    text = json.dumps(_sweep(published, runs), indent=1, sort_keys=True, ensure_ascii=False)
    (out / SAMPLE / "sweep.json").write_text(text + "\n", "utf-8")
    (out / "docs" / "provenance-4yfw48ad.md").write_text(page(published, verdicts, lives), "utf-8")


def simulate(published: dict[str, Any], rows: list[dict[str, Any]]) -> tuple[list[Life], np.random.Generator]:
    """The first draw of times and curves that fits the published ends, and its random state."""
    best = {row["run"]: row["combined"] for row in published["best_results"]}
    for draw in range(DRAWS):
        rng = np.random.default_rng([SEED, draw])
        try:
            lives = lay_out(rows, rng)
            draw_curves(lives, best, rng)
        except Clash:
            continue
        return lives, rng
    raise RuntimeError(f"none of {DRAWS} draws fits the published ends")


def _write(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", compression_level=19, write_statistics=False, store_schema=False)


def _sweep(published: dict[str, Any], runs: pa.Table) -> dict[str, Any]:
    sweep = published["sweep"]
    claims = [
        {"text": row["text"], "where": ",".join(f"{k}={_word(v)}" for k, v in row["where"].items())}
        for row in published["risk_factors"]
    ]
    return {
        "id": sweep["id"],
        "name": sweep["name"],
        "description": sweep["description"],
        "created_at": min(runs["created_at"].to_pylist()),
        "config": published["configuration"],
        "claims": claims,
    }


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    main()
