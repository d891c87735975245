"""Tables and worlds: what is read, regret, crashes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from .conftest import LEVELS, values
from .tables import FAMILIES, Table, load, names
from .world import PLANTED, UNAVOIDABLE, World, world


def test_tables_are_read_as_the_package_keeps_them(package: Path) -> None:
    """Law: levels in order, the value of each configuration where it belongs, larger is better, NaN for no seed."""
    assert (package / "datasets").is_dir() and names() == [f"{family}/small" for family in FAMILIES]
    for name in names():
        read = load(name)
        assert read.levels == LEVELS and read.dims == (5, 4, 3, 4)
        expected = values(0.01)
        expected[4, 3, 2, 3, 1:] = np.nan
        np.testing.assert_allclose(read.values, expected)


def test_regret_is_0_for_the_best_and_1_for_the_median(table: Table) -> None:
    assert table.regret(table.best) == 0 and table.regret(table.median) == 1
    assert table.regret_of_range(float(table.mean.min())) == 1
    assert table.regret_of_range(table.best) == 0 < table.regret_of_range(table.median) < 1


def test_where_nothing_matters_values_are_those_of_any_configuration(table: Table) -> None:
    """Law: one configuration run again and again has the values of the whole table, and crashes at the plain rate."""
    place = world(table, (5,), matters=False)
    assert place.planted is None and not place.again((6,)).matters
    for _ in range(3000):
        place.run((2, 0, 0, 2))
    seen = [value for value in place.values if value is not None]
    assert np.mean(seen) == pytest.approx(table.values.mean(), abs=0.02) and len(set(seen)) > 400
    assert place.crashes(0, 3000) / 3000 == pytest.approx(UNAVOIDABLE, abs=0.03)


def test_a_drawn_value_is_that_of_one_seed(table: Table) -> None:
    rng = np.random.default_rng(0)
    drawn = {table.drawn((2, 0, 0, 2), rng) for _ in range(60)}
    assert drawn == set(table.values[2, 0, 0, 2])
    some = Table("one seed", LEVELS, np.where(np.arange(3) == 1, table.values, np.nan))
    assert {some.drawn((2, 0, 0, 2), rng) for _ in range(9)} == {table.values[2, 0, 0, 2, 1]}


def test_crashes_follow_the_stated_rule(table: Table) -> None:
    """Law: 1 run in 10 anywhere, and 7 in 10 beside that at one level, which the best configuration does not have."""
    best = np.unravel_index(int(table.mean.argmax()), table.dims)
    for seed in range(20):
        planted = world(table, (seed,)).planted
        assert planted is not None and best[planted[0]] != planted[1]
    place = world(table, (3,))
    assert place.planted is not None
    inside = list(best)
    inside[place.planted[0]] = place.planted[1]
    for code, chance in ((tuple(best), UNAVOIDABLE), (tuple(inside), 1 - (1 - UNAVOIDABLE) * (1 - PLANTED))):
        before = len(place.values)
        for _ in range(3000):
            place.run(code)
        assert place.crashes(before, before + 3000) / 3000 == pytest.approx(chance, abs=0.03)


def test_levels_that_crash_differ_between_seeds_and_not_within(table: Table) -> None:
    assert len({world(table, (seed,)).planted for seed in range(40)}) > 5
    assert world(table, (7,)).planted == world(table, (7,)).planted


def test_what_is_reached_never_gets_worse_and_what_is_picked_may(table: Table) -> None:
    """Law: the best configuration of more runs is no worse; a lucky seed may be picked in its stead."""
    place = World(table, np.random.default_rng(0), None)
    assert place.reached(0) == place.picked(0) == table.median
    rng = np.random.default_rng(1)
    for _ in range(200):
        place.run(tuple(int(rng.integers(n)) for n in table.dims))
    reached = [place.reached(runs) for runs in range(1, 201)]
    assert all(later >= sooner for sooner, later in pairwise(reached))
    assert all(place.picked(runs) <= best for runs, best in enumerate(reached, start=1))
    assert min(place.crashes(0, 200), 200 - place.crashes(0, 200)) > 0


def test_a_world_as_a_sweep_has_a_value_where_no_run_crashed(table: Table) -> None:
    place = world(table, (1,))
    for code in ((0, 0, 0, 0), (2, 1, 0, 2), (4, 3, 2, 3), (1, 1, 1, 1), (3, 0, 2, 2), (2, 2, 2, 2)):
        place.run(code)
    sweep, ends = place.as_sweep()
    assert [run.best for run in sweep.runs] == place.values
    assert [ends[run.id].label == "crashed" for run in sweep.runs] == [value is None for value in place.values]
    assert sweep.runs[1].config == {"lr": 1e-3, "batch_size": 64, "optimizer": "adam", "layers": 3}
