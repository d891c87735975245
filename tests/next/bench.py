"""``make bench-next``: is the sweep that aftersweep writes better than what people do, on real tables?

    python -m tests.next.bench [--quick] [--seeds 50] [--only WORDS] [--workers 2] [--out FILE] [--write]

A first sweep of 50 runs (random, or TPE), crashes planted (``world``), then 25 and 50 more runs by each strategy
(``strategies``). Every seed adds a line to the results file, so a run that was killed goes on where it stopped; lines
of another version of the code are left alone. ``--write`` puts the table into the README.
"""

from __future__ import annotations

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import argparse
import hashlib
import json
import time
import zlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from aftersweep.analysis.results.following import Following

from .report import cost, figures, to_markdown, to_table, write_readme
from .strategies import FIRST, Run, Space, best_of, ours, strategies, wandb_bayes, whole
from .tables import Table, load, names
from .world import World, world

ROOT = Path(__file__).parents[2]
OUT = ROOT / "out" / "bench-next.jsonl"
SEEDS, QUICK = 50, 2
RUNS, MORE = 50, (25, 50)
WANDB_SEEDS = 25
"""W&B's own search takes longer than all others together: it is measured on the first half of the seeds."""
NULL_EVERY = 2
"""Seeds of which one is also played where nothing matters."""
BATCH = 5
"""Seeds of one table at a time; what a kill may lose."""
ROOMS = ("analysis", "tests/next")
"""The narrowing draws on much of the analysis: any change there starts the figures anew."""


def code_version() -> str:
    """Changes with any file that the figures depend on."""
    digest = hashlib.sha256()
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if path.name != "report.py" and not path.name.startswith("test_"):
                digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _cpu() -> float:
    """Seconds of this process and of those that it waited for."""
    return sum(os.times()[:4])


def play(table: Table, first: str, seed: int) -> dict[str, Any]:
    """One seed of one table: regret, crashes and cost of every strategy.

    ``regret`` is of the best configuration that was run, ``picked`` of the one whose own value was the best.
    ``floor`` is the regret of the best configuration of aftersweep's space, of best to median, ``floor_of_range`` of
    best to worst; ``size`` the share of the configurations that it keeps; ``cost`` CPU seconds.
    """
    key = (zlib.crc32(f"{table.name} {first}".encode()), seed)
    start = world(table, key)
    FIRST[first](start, whole(table), RUNS)
    begun = _cpu()
    methods, found = strategies(start, max(MORE))
    cost = {"narrowing": round(_cpu() - begun, 3)}
    narrowed = methods["e"][1]
    if seed < WANDB_SEEDS:
        methods["h"] = (wandb_bayes, whole(table))
    regret, picked, crashes = {}, {}, {}
    for letter, (run, space) in methods.items():
        begun = _cpu()
        later = _go_on(start, (*key, 1), run, space)
        cost[letter] = round(_cpu() - begun, 3)
        regret[letter] = [table.regret(later.reached(RUNS + more)) for more in MORE]
        picked[letter] = [table.regret(later.picked(RUNS + more)) for more in MORE]
        crashes[letter] = later.crashes(RUNS, RUNS + max(MORE))
    line: dict[str, Any] = {
        "open": found.gate.open,
        "size": float(np.prod([len(part) / n for part, n in zip(narrowed, table.dims, strict=True)])),
        "floor": table.regret(best_of(table, narrowed)),
        "floor_of_range": table.regret_of_range(best_of(table, narrowed)),
        "risky_gone": start.planted is not None and start.planted[1] not in narrowed[start.planted[0]],
        "first": {"regret": table.regret(start.reached(RUNS)), "picked": table.regret(start.picked(RUNS))},
        "regret": regret,
        "picked": picked,
        "crashes": crashes,
        "cost": cost,
    }
    if seed % NULL_EVERY == 0:
        nothing = where_nothing_matters(table, first, (*key, 2))
        line |= {"null_unchanged": nothing.unchanged, "null_open": nothing.gate.open}
    return line


def _go_on(start: World, seed: Sequence[int], run: Run, space: Space) -> World:
    later = start.again(seed)
    run(later, space, max(MORE))
    return later


def where_nothing_matters(table: Table, first: str, seed: Sequence[int]) -> Following:
    """What aftersweep says where values have nothing to do with settings, nor have crashes."""
    nothing = world(table, seed, matters=False)
    FIRST[first](nothing, whole(table), RUNS)
    return ours(nothing, max(MORE))[1]


def _batch(name: str, first: str, seeds: Sequence[int], version: str) -> list[str]:
    table = load(name)
    lines = []
    for seed in seeds:
        begun = _cpu()
        line = play(table, first, seed)
        known = {"table": name, "first_by": first, "seed": seed, "version": version}
        lines.append(json.dumps(known | line | {"s": round(_cpu() - begun, 3)}))
    return lines


def read_results(path: Path, version: str | None) -> list[dict[str, Any]]:
    """What the file holds of this version (None: of any); a broken last line, as a kill leaves it, is passed over."""
    found = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        if version in (None, line["version"]):
            found.append(line)
    return found


def run(
    tables: Sequence[str], seeds: int, path: Path, workers: int, console: Console, *, any_code: bool = False
) -> list[dict[str, Any]]:
    """All seeds measured, but for those that the file has already; the first seeds of all tables come first."""
    version = code_version()
    results = read_results(path, None if any_code else version)
    done = {(line["table"], line["first_by"], line["seed"]) for line in results}
    path.parent.mkdir(parents=True, exist_ok=True)
    work = []
    for start in range(0, seeds, BATCH):
        for name in tables:
            for first in FIRST:
                left = [s for s in range(start, min(start + BATCH, seeds)) if (name, first, s) not in done]
                work += [(name, first, left)] if left else []
    columns = (TextColumn("{task.description:42}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        path.open("a", encoding="utf-8") as file,
        ProcessPoolExecutor(workers) as pool,
        Progress(*columns, console=console) as progress,
    ):
        task = progress.add_task("seeds", total=sum(len(left) for _, _, left in work))
        waiting = {pool.submit(_batch, *item, version): item for item in work}
        for future in as_completed(waiting):
            lines = future.result()
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            results += [json.loads(line) for line in lines]
            progress.update(task, advance=len(lines), description=waiting[future][0])
    return results


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Is the next sweep better than what people do?")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of each table and each kind of first sweep")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} seeds")
    parser.add_argument("--only", default="", help="only tables whose name holds these words")
    parser.add_argument("--out", type=Path, default=OUT, help="the results file, which is added to")
    parser.add_argument("--any-code", action="store_true", help="count lines of other versions of the code too")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    asked = parser.parse_args()
    console = Console()
    if not console.is_terminal:
        console = Console(width=180)
    tables = [name for name in names() if asked.only in name]
    begun = time.perf_counter()
    seeds = min(asked.seeds, QUICK) if asked.quick else asked.seeds
    results = run(tables, seeds, asked.out, asked.workers, console, any_code=asked.any_code)
    found = figures(results)
    for table in (*to_table(found, results), cost(results)):
        console.print(table)
    spent = sum(line["s"] for line in results)
    console.print(f"{len(results)} first sweeps, {spent:.0f} CPU s; {time.perf_counter() - begun:.0f} s on this call")
    asked.out.with_suffix(".md").write_text(to_markdown(found, results) + "\n", encoding="utf-8")
    if asked.write:
        write_readme(ROOT / "README.md", found, results)


if __name__ == "__main__":
    main()
