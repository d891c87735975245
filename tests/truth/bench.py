"""``make bench-truth``: measures how often the report is right, on sweeps whose truth is known.

    python -m tests.truth.bench [--quick] [--only WORDS] [--out FILE] [--workers 2] [--write]

Every sweep adds a line to the results file as soon as its batch is done, so a run that was killed goes on where it
stopped. Lines of another version of the code are left alone and not counted. ``--write`` puts the table into the
README.
"""

from __future__ import annotations

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import argparse
import hashlib
import json
import pickle
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .cells import Cell, plan, play, quick
from .figures import figures
from .population import Population, population
from .ratios import Judge
from .report import cost, to_markdown, to_table, write_readme
from .scenarios import scenario as world_of
from .tally import Results

ROOT = Path(__file__).parents[2]
OUT = ROOT / "out" / "bench-truth.jsonl"
ROUNDS = 4
BATCH_S = 8.0
"""About how long one batch should take; what a kill may lose."""


def code_version(rooms: tuple[str, ...] = ("analysis", "reports", "tests/truth", "tests/outcomes")) -> str:
    """Changes with any file that the figures depend on."""
    digest = hashlib.sha256()
    for room in rooms:
        for path in sorted([*(ROOT / room).rglob("*"), ROOT / room]):
            if path.suffix in (".py", ".j2") and path.name not in ("bench.py", "figures.py", "report.py"):
                digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


WORLDS = ("world", "trials", "search", "simulator", "records", "scenarios", "population")


@lru_cache(maxsize=2)
def _judge(scenario: str, runs: int) -> Judge:
    """The truth of a scenario and size; its population is kept in a file beside the results."""
    version = code_version(tuple(f"tests/truth/{name}.py" for name in WORLDS))
    name = hashlib.sha256(f"{version} {scenario} {runs}".encode()).hexdigest()[:16]
    path = OUT.parent / "populations" / f"{name}.pickle"
    if path.exists():
        people = Population(world_of(scenario, runs), **pickle.loads(path.read_bytes()))
    else:
        people = population(scenario, runs)
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = {key: value for key, value in vars(people).items() if key != "world"}
        half = path.with_suffix(f".{os.getpid()}")
        half.write_bytes(pickle.dumps(kept))
        half.replace(path)
    return Judge(people)


def _batch(cell: Cell, indices: list[int], version: str) -> list[str]:
    """Lines of the results file for some sweeps of a cell."""
    judge = _judge(cell.scenario, cell.runs) if cell.has_truth else None
    lines = []
    for index in indices:
        begun = time.process_time()
        record = play(cell, index, judge)
        line = {"cell": cell.key, "i": index, "version": version, "s": round(time.process_time() - begun, 4)}
        lines.append(json.dumps(line | {"counts": record.counts, "notes": list(record.notes)}))
    return lines


def read_results(path: Path, version: str | None) -> Results:
    """What the file holds of this version (None: of any); a broken last line, as a kill leaves it, is passed over."""
    results = Results()
    if path.exists():
        for text in path.read_text(encoding="utf-8").splitlines():
            try:
                line = json.loads(text)
            except json.JSONDecodeError:
                continue
            if version in (None, line["version"]):
                results.add(line["cell"], line["i"], line["s"], line["counts"], line["notes"])
    return results


def _batches(cells: list[Cell], results: Results) -> Iterator[tuple[Cell, list[int]]]:
    """What is still to do, in ROUNDS over all cells: a bench that is stopped early has some of every cell."""
    for part in range(ROUNDS):
        for cell in cells:
            done = results.done(cell.key)
            span = range(cell.sweeps * part // ROUNDS, cell.sweeps * (part + 1) // ROUNDS)
            left = [index for index in span if index not in done]
            each = max(results.seconds(cell.key), 0.005 if cell.runs < 200 else 0.1)
            size = max(1, min(100, int(BATCH_S / max(each, 0.1))))
            for start in range(0, len(left), size):
                yield cell, left[start : start + size]


def run(cells: list[Cell], path: Path, workers: int, console: Console, *, any_code: bool) -> Results:
    """All cells measured, but for the sweeps that the file has already."""
    version = code_version()
    results = read_results(path, None if any_code else version)
    path.parent.mkdir(parents=True, exist_ok=True)
    work = list(_batches(cells, results))
    columns = (TextColumn("{task.description:42}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        path.open("a", encoding="utf-8") as file,
        ProcessPoolExecutor(workers) as pool,
        Progress(*columns, console=console) as progress,
    ):
        task = progress.add_task("sweeps", total=sum(len(indices) for _, indices in work))
        waiting = {pool.submit(_batch, cell, indices, version): cell for cell, indices in work}
        for future in as_completed(waiting):
            lines = future.result()
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            for text in lines:
                line = json.loads(text)
                results.add(line["cell"], line["i"], line["s"], line["counts"], line["notes"])
            progress.update(task, advance=len(lines), description=waiting[future].key)
    return results


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="How often is the report right?")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the sweeps")
    parser.add_argument("--only", default="", help="only cells whose name holds these words")
    parser.add_argument("--out", type=Path, default=OUT, help="the results file, which is added to")
    parser.add_argument("--any-code", action="store_true", help="count lines of other versions of the code too")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    asked = parser.parse_args()
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    cells = [cell for cell in (quick() if asked.quick else plan()) if asked.only in cell.key]
    begun = time.perf_counter()
    results = run(cells, asked.out, asked.workers, console, any_code=asked.any_code)
    found = figures(results)
    console.print(to_table(found))
    console.print(cost(results))
    whole = sum(cell.sweeps * results.seconds(cell.key) for cell in plan())
    console.print(f"the whole plan at this cost: {whole:.0f} CPU s")
    console.print(f"{time.perf_counter() - begun:.0f} s on {asked.workers} workers; results in {asked.out}")
    asked.out.with_suffix(".md").write_text(to_markdown(found, results), encoding="utf-8")
    if asked.write:
        write_readme(ROOT / "README.md", found, results)


if __name__ == "__main__":
    main()
