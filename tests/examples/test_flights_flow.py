"""The flights example as a flow: its tables, its targets and its command, on two months."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

from examples.flights.flow import build_flow
from examples.flights.report import TaskCount, count_runs
from prefectlite.executors import DaskExecutor, Executor
from tests.examples import reference

ROOT = Path(__file__).parents[2]
MONTHS = [1, 2]


def run(
    results: Path, executor: Executor | None = None, **parameters: Any
) -> tuple[dict[str, Any], dict[str, TaskCount]]:
    """Run the flow, and return the values of its last two tasks and the counts of its runs."""
    flow = build_flow(results, executor)
    state = flow.run(parameters={"months": MONTHS, **parameters})
    assert state is not None
    assert state.is_successful(), state
    values = {
        name: state.result[flow.get_tasks(name=name)[0]].result
        for name in ("combine", "worst_routes")
    }
    return values, {count.name: count for count in count_runs(flow, state)}


def computed(counts: dict[str, TaskCount]) -> dict[str, int]:
    """Return how many runs each task computed, without the tasks that computed none."""
    return {name: count.computed for name, count in counts.items() if count.computed}


COUNTS = {f"count by {grouping}": 6 for grouping in ("carrier", "hour", "route")}
ALL = {"list_partitions": 2, "clean": 6, **COUNTS, "combine": 1, "worst_routes": 1}


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A first run in this process: its targets, and its values."""
    results = tmp_path_factory.mktemp("flights")
    values, counts = run(results)
    assert computed(counts) == ALL
    return results, values


def assert_tables_are_right(values: dict[str, Any], late_minutes: int, minimum: int) -> None:
    tables, worst = values["combine"], values["worst_routes"]
    expected = {
        "carrier": reference.delays_by_carrier(MONTHS, late_minutes),
        "hour": reference.delays_by(["hour"], MONTHS, late_minutes),
        "route": reference.delays_by(["origin", "dest"], MONTHS, late_minutes),
    }
    assert sorted(tables) == sorted(expected)
    for grouping, table in expected.items():
        assert_frame_equal(tables[grouping], table, check_exact=True)
    ranked = list(worst[["origin", "dest", "share_late"]].itertuples(index=False, name=None))
    assert ranked == reference.worst_routes(MONTHS, late_minutes, minimum)


def test_the_tables_are_those_computed_directly(first_run: tuple[Path, dict[str, Any]]) -> None:
    assert_tables_are_right(first_run[1], late_minutes=15, minimum=365)


def test_a_second_run_takes_everything_from_the_targets(
    first_run: tuple[Path, dict[str, Any]],
) -> None:
    results, first_values = first_run
    values, counts = run(results)
    assert computed(counts) == {}
    assert sum(count.from_targets for count in counts.values()) == sum(ALL.values())
    assert_frame_equal(values["worst_routes"], first_values["worst_routes"])


def test_another_limit_for_late_computes_only_what_depends_on_it(
    first_run: tuple[Path, dict[str, Any]],
) -> None:
    values, counts = run(first_run[0], late_minutes=30)
    assert computed(counts) == {**COUNTS, "combine": 1, "worst_routes": 1}
    assert_tables_are_right(values, late_minutes=30, minimum=365)


def test_another_number_of_flights_computes_only_the_ranking(
    first_run: tuple[Path, dict[str, Any]],
) -> None:
    values, counts = run(first_run[0], minimum_flights=600)
    assert computed(counts) == {"worst_routes": 1}
    assert_tables_are_right(values, late_minutes=15, minimum=600)


def test_another_month_computes_its_partitions_and_the_tables(
    first_run: tuple[Path, dict[str, Any]],
) -> None:
    _, counts = run(first_run[0], months=[1, 2, 3])
    new_counts = dict.fromkeys(COUNTS, 3)
    assert computed(counts) == {
        "list_partitions": 1,
        "clean": 3,
        **new_counts,
        "combine": 1,
        "worst_routes": 1,
    }


def test_a_deleted_partition_is_computed_again_and_nothing_else(
    first_run: tuple[Path, dict[str, Any]],
) -> None:
    results, _ = first_run
    (results / "clean" / "2013-02-JFK.pickle").unlink()
    _, counts = run(results)
    assert computed(counts) == {"clean": 1}


def test_the_tables_are_the_same_on_a_cluster(tmp_path: Path) -> None:
    cluster = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    values, counts = run(tmp_path, DaskExecutor(cluster_kwargs=cluster))
    assert computed(counts) == ALL
    assert_tables_are_right(values, late_minutes=15, minimum=365)


def test_the_command_prints_the_tables_and_where_they_came_from(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "examples.flights", "--executor", "local"]
    command += ["--months", "2", "--results", str(tmp_path / "targets")]
    first, second = (
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        for _ in range(2)
    )
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "ExpressJet Airlines Inc." in first.stdout
    assert "routes that are late most often" in first.stdout
    assert "0 taken from the targets" in first.stdout
    assert "was taken from the targets" in second.stdout
    tables = first.stdout.partition("list_partitions")[0]
    assert tables == second.stdout.partition("list_partitions")[0]
