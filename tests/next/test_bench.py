"""The driver goes on where it stopped; the figures are what their names say."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from . import bench
from .report import AFTER_50, BEGIN, END, cost, difference, figures, interval, ratio, rows_of, to_table, write_readme
from .tables import Table, names

SILENT = Console(file=io.StringIO(), width=200)


def test_the_driver_goes_on_where_it_stopped(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: each seed is measured once; a broken last line and lines of other code are passed over."""
    assert package.is_dir()
    monkeypatch.setattr(bench, "WANDB_SEEDS", 0)
    monkeypatch.setattr(bench, "MORE", (2, 4))
    path = tmp_path / "out" / "found.jsonl"
    some = bench.run(names()[:1], 1, path, 1, SILENT)
    assert [(line["table"], line["first_by"], line["seed"]) for line in some] == [
        ("hpobench/small", "random", 0),
        ("hpobench/small", "TPE", 0),
    ]
    other = json.dumps(some[0] | {"version": "of other code", "seed": 1})
    path.write_text(f"{path.read_text()}{other}\n{other[:40]}\n")
    before = path.read_text()
    every = bench.run(names()[:1], 2, path, 1, SILENT)
    assert path.read_text().startswith(before)
    assert sorted((line["first_by"], line["seed"]) for line in every) == [
        ("TPE", 0),
        ("TPE", 1),
        ("random", 0),
        ("random", 1),
    ]
    assert every[:2] == some
    assert len(bench.run(names()[:1], 2, path, 1, SILENT, any_code=True)) == 5
    assert all("null_unchanged" in line for line in some)


def test_a_seed_is_its_own(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: the same table, first sweep and seed give the same line, but for its cost; another seed another line."""
    monkeypatch.setattr(bench, "WANDB_SEEDS", 0)
    monkeypatch.setattr(bench, "MORE", (2, 4))
    first, again, other = (bench.play(table, "random", seed) for seed in (1, 1, 3))
    assert {**first, "cost": {}} == {**again, "cost": {}} != {**other, "cost": {}}
    assert first["regret"].keys() == first["picked"].keys() == first["crashes"].keys() == set("abcdefgij")
    for letter, (after_2, after_4) in first["regret"].items():
        assert first["first"]["regret"] >= after_2 >= after_4 >= 0, letter
        assert all(
            best <= picked for best, picked in zip(first["regret"][letter], first["picked"][letter], strict=True)
        )
    assert 0 < first["size"] <= 1 and first["floor"] >= first["floor_of_range"] >= 0


def line(table: str, first: str, seed: int, **better: float) -> dict[str, Any]:
    """A result in which every strategy but those of ``better`` has regret 0.2 and 10 crashes."""
    letters = "abcdefgij" + ("h" if seed < 2 else "")
    regret = {letter: [better.get(letter, 0.2) + 0.1, better.get(letter, 0.2)] for letter in letters}
    return {
        "table": table,
        "first_by": first,
        "seed": seed,
        "floor": 0.0,
        "floor_of_range": 0.0,
        "first": {"regret": 0.5, "picked": 0.6},
        "regret": regret,
        "picked": regret,
        "crashes": {letter: 6 if letter in "ef" else 10 for letter in letters},
        "cost": dict.fromkeys(letters, 0.5),
        "null_unchanged": seed % 2 == 0,
        "null_open": seed % 2 == 1,
    }


def lines(**better: float) -> list[dict[str, Any]]:
    return [line(f"t{i}", first, seed, **better) for i in range(4) for first in ("random", "TPE") for seed in range(6)]


def test_figures_meet_and_miss_as_they_should() -> None:
    found = {one.name: one for one in figures(lines(f=0.1, e=0.15, j=0.05))}
    against = "median regret after 50 more runs, (f) less ({})"
    for other, value, verdict in (("c", -0.1, "meets"), ("h", -0.1, "meets"), ("j", 0.05, "misses")):
        one = found[against.format(other)]
        assert (one.value, one.low, one.high) == pytest.approx((value,) * 3) and one.verdict == verdict
        assert one.missed == (verdict == "misses")
    assert found["tables on which (e) has less regret than (a) after 50 more runs"].verdict == "meets"
    assert found["crashes over the unavoidable, (e) as a part of (a)'s"].value == pytest.approx(0.2)
    assert found["crashes over the unavoidable, (f) as a part of (c)'s"].verdict == "meets"
    assert found["space unchanged where nothing matters"].value == 0.5
    assert found["space unchanged where nothing matters"].verdict == "misses"
    within = found["best of the new space within 0.01, of best to median"]
    assert within.value == within.high == 1 and 0.9 < within.low < 0.95 and within.verdict == "meets, unsure"


def test_figures_do_not_depend_on_the_order_of_the_lines() -> None:
    rng = np.random.default_rng(0)
    found = [line(f"t{i}", "random", s, f=rng.random(), c=rng.random()) for i in range(3) for s in range(5)]
    assert figures(found) == figures([found[i] for i in rng.permutation(len(found))])


def test_a_bootstrap_over_one_table_is_that_of_its_seeds() -> None:
    """Law: the interval of a mean of n seeds is about 1.96 standard errors wide on each side; that of several tables
    that differ is wider than of the same seeds in one."""
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (400, 1))
    value, low, high = interval({"a": values}, lambda tables: float(np.concatenate(tables).mean()))
    assert value == pytest.approx(values.mean())
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.15)
    apart = {name: values[i::4] + i for i, name in enumerate("abcd")}
    _, low_apart, high_apart = interval(apart, lambda tables: float(np.concatenate(tables).mean()))
    assert high_apart - low_apart > 3 * (high - low)


def test_statistics_of_tables() -> None:
    one, other = np.array([[1.0, 2.0], [3.0, 9.0], [2.0, 4.0]]), np.array([[5.0, 1.0]])
    assert difference([one, other]) == pytest.approx(((2 - 4) + (5 - 1)) / 2)
    assert ratio([np.array([[10.0, 15.0], [10.0, 25.0]])]) == pytest.approx(0.1 / 0.3)


def test_only_seeds_that_have_both_are_compared() -> None:
    rows = rows_of(lines(), lambda x: x["regret"]["f"][AFTER_50], lambda x: x["crashes"].get("h"))
    assert {name: len(found) for name, found in rows.items()} == dict.fromkeys(("t0", "t1", "t2", "t3"), 4)


def test_the_readme_s_block_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    readme, made = tmp_path / "README.md", lines(f=0.3)
    readme.write_text(f"before\n{BEGIN}\nof yesterday\n{END}\nafter\n")
    found = figures(made)
    write_readme(readme, found, made)
    text = readme.read_text()
    assert text.startswith(f"before\n{BEGIN}\n`make bench-next`") and text.endswith(f"|\n{END}\nafter\n")
    assert "yesterday" not in text and "| f | aftersweep's space, TPE | 0.400 | 0.300 | 12 % |" in text
    assert "W&B's bayes goes on (16 of the first sweeps)" in text
    missed = sum(" | misses" in row for row in text.splitlines())
    assert missed == sum(one.missed for one in found) and f"with a goal {missed} miss it" in text
    for printed in (*to_table(found, made), cost(made)):
        SILENT.print(printed)
