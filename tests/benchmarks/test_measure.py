"""How times become ratios and tables, and the command as a whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.measure import Measured, check_values, fit_line
from benchmarks.pictures import draw
from benchmarks.processes import Options, Process
from benchmarks.tables import as_json, busy_table, full_report, markdown, spread, variants_table
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).parents[2]


def measured(size: int = 10, factor: float = 1.0) -> Measured:
    seconds = {"dask": [2.0 * factor, 4.0 * factor], "prefectlite": [1.0 * factor, 1.0 * factor]}
    memory = {"dask": {"driver": 50.0 + size}, "prefectlite": {"driver": 40.0}}
    return Measured(WORKLOADS["map"], size, seconds, memory)


def test_a_ratio_is_of_two_turns_that_followed_each_other() -> None:
    assert measured().ratios() == [0.5, 0.25]
    assert measured().ratios("prefect") == []
    assert spread([0.5, 0.25, 3.0]) == "0.5 (0.25 to 3)"
    assert spread([]) == "-"


def test_the_time_of_one_unit_is_the_median_in_milliseconds() -> None:
    assert measured(size=10).milliseconds("dask") == pytest.approx(300.0)


def test_a_line_through_points_on_a_line() -> None:
    slope, start = fit_line([1, 2, 4], [3.0, 5.0, 9.0])
    assert (slope, start) == (pytest.approx(2.0), pytest.approx(1.0))


def test_different_values_are_an_error() -> None:
    check_values(WORKLOADS["map"], {"dask": "a", "prefectlite": "a"})
    with pytest.raises(RuntimeError, match=r"map: dask, prefectlite came to different values"):
        check_values(WORKLOADS["map"], {"dask": "a", "prefectlite": "b"})


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert markdown([["a", "bc"], ["def", "g"]]).splitlines() == [
        "| a   | bc |",
        "|-----|----|",
        "| def | g  |",
    ]


def test_several_sizes_give_a_line() -> None:
    results = [measured(10), measured(20, factor=2.0)]
    report = full_report(results, Options())
    assert "ms for one more" in report
    assert "0.375 (0.25 to 0.5)" in report
    assert "ms for one more" not in full_report(results[:1], Options())
    assert [result["ratios"] for result in as_json(results, Options())["results"]] == [
        [0.5, 0.25],
        [0.5, 0.25],
    ]


def test_a_setting_is_compared_with_the_best_of_the_others() -> None:
    seconds = {"prefectlite": [2.2, 4.4], "batches of 1": [9.0, 9.0], "batches of 5": [2.0, 4.0]}
    of_a_map = Measured(WORKLOADS["batches-100ms"], 100, seconds)
    assert "| 1.1 (1.1 to 1.1) " in variants_table([of_a_map])
    assert variants_table([measured()]) == ""
    # 100 elements of 0.1 s on 2 workers take 5 s if nobody waits
    one_turn = Measured(WORKLOADS["batches-100ms"], 100, {"prefectlite": [6.25]})
    assert "80.0%" in busy_table([one_turn], processes=2)


def test_pictures_of_what_has_a_ratio_or_several_sizes(tmp_path: Path) -> None:
    results = [measured(10), measured(20, factor=2.0), measured(40, factor=4.0)]
    drawn = {path.name: ElementTree.parse(path).getroot() for path in draw(results, tmp_path)}
    assert set(drawn) == {"ratios.svg", "map.svg"}
    # a bar for each size, and for each side a circle for each size and a square for its name
    assert len(drawn["ratios.svg"].findall("{*}rect")) == 3
    assert len(drawn["map.svg"].findall("{*}circle")) == 6
    assert draw([Measured(WORKLOADS["empty"], 1, {"prefectlite": [1.0]})], tmp_path) == []


def test_a_process_that_fails_is_quoted() -> None:
    with (
        Process(sys.executable, ["benchmarks.cluster", "many"], {}) as process,
        pytest.raises(RuntimeError, match=r"(?s)benchmarks\.cluster many failed.*ValueError"),
    ):
        process.answer()


def test_the_command_measures_and_prints(tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    command = [sys.executable, "-m", "benchmarks", "process-map", "map", "--size", "4"]
    command += ["--repeats", "2", "--processes", "1", "--json", str(path)]
    command += ["--pictures", str(tmp_path / "pictures")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    assert "| a map and a sum, in process | 4" in done.stdout
    assert "<svg" in (tmp_path / "pictures" / "ratios.svg").read_text()
    results = json.loads(path.read_text())["results"]
    assert [result["workload"] for result in results] == ["process-map", "map"]
    assert all(len(result["ratios"]) == 2 for result in results)
    assert set(results[1]["memory_mib"]["prefectlite"]) == {"driver", "scheduler", "worker"}
