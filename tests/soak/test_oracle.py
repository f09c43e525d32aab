"""The oracle of the soak finds what is wrong: each lie that is planted, by its kind."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from prefectlite.engine.results import LocalResult
from soak import steady
from soak.cases import CHOICES, Blow, Case, draw_case
from soak.effects import END, LATE, START, STORED, Effect, read_effects, write_effect
from soak.evidence import stored_values
from soak.flows import Places, build
from soak.oracle import HANG, LEFT, LOST, REPEATED, TORN, WRONG, Found, Kept, Leg, judge
from soak.report import failure, table
from soak.shapes import LIST, NUMBER, NUMBERS, Input, Node, Shape, draw_shape, with_trouble
from soak.steady import Sample
from soak.trial import Verdict
from soak.values import Failure, expected, run_count

SHAPE = Shape(
    (
        Node(0, LIST, length=3, store="target"),
        Node(1, NUMBERS, (Input(0, "mapped"),), store="target"),
        Node(2, NUMBER, (Input(1, "plain"),)),
    ),
    fuse=True,
)
VALUES = expected(SHAPE)


@dataclass
class Story:
    """What a run left, to be told a lie about."""

    case: Case = field(
        default_factory=lambda: Case(1, None, SHAPE, "dask", (Blow("kill-worker", 1, 0.0, 0.0, 0),))
    )
    legs: list[Leg] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    journals: list[Kept] = field(default_factory=list)
    values: dict[tuple[str, str], Any] = field(default_factory=dict)

    def problems(self) -> set[str]:
        """The kinds of what the oracle finds."""
        found = Found(self.legs, self.effects, self.journals, self.values)
        return {problem.kind for problem in judge(self.case, found)}

    def add(self, what: str, task: int, index: int, when: float = 0.0, run: str = "a") -> None:
        """An effect, after those that there are where no time is given."""
        when = when or (self.effects[-1].when if self.effects else 1.0) + 0.01
        self.effects.append(Effect(when, what, task, index, 1, 1, run, 7))
        self.effects.sort(key=lambda effect: effect.when)


def told(value: Any) -> dict[str, Any]:
    return {"state": "Success", "message": "Task run succeeded.", "value": value}


@pytest.fixture
def story() -> Story:
    """A run that met a fault, and went as promised."""
    made = Story()
    for task, index in [(0, -1), (1, 0), (1, 1), (1, 2), (2, -1)]:
        made.add(START, task, index)
        made.add(END, task, index)
        if task < 2:
            made.add(STORED, task, index)
    tasks = {
        "t0": told(VALUES[0]),
        "t1": {"elements": [told(value) for value in VALUES[1]]},
        "t2": told(VALUES[2]),
    }
    outcome = {"state": "Success", "message": "All reference tasks succeeded.", "tasks": tasks}
    made.legs.append(Leg(0.5, 2.0, ["kill-worker"], outcome, 0))
    stored = {(0, -1): "/r/t0--1", **{(1, index): f"/r/t1-{index}" for index in range(3)}}
    made.journals.append(Kept("a", "Success", None, stored))
    made.values[("local", "/r/t0--1")] = VALUES[0]
    for index, value in enumerate(VALUES[1]):
        made.values[("local", f"/r/t1-{index}")] = value
    return made


def test_a_run_that_went_as_promised(story: Story) -> None:
    assert story.problems() == set()


def test_a_stored_run_that_is_run_again(story: Story) -> None:
    story.add(START, 1, 0)
    assert story.problems() == {REPEATED}


def test_a_stored_run_that_the_next_driver_runs_again(story: Story) -> None:
    story.legs.insert(0, Leg(0.5, 1.5, ["kill-driver"], None, -9))
    story.legs[1].began = 1.6
    story.add(START, 1, 2, run="b", when=1.7)
    assert story.problems() == {REPEATED}


def test_what_an_orphaned_worker_stores_too_late_to_be_found_is_not_held_against_anybody(
    story: Story,
) -> None:
    story.effects = [e for e in story.effects if (e.task, e.index, e.what) != (1, 2, STORED)]
    story.legs.insert(0, Leg(0.5, 1.5, ["kill-driver"], None, -9))
    story.legs[1].began = 1.6
    story.add(STORED, 1, 2, when=1.65)
    story.add(START, 1, 2, when=1.7, run="b")
    assert story.problems() == set()


def test_a_run_that_was_not_stored_may_run_again(story: Story) -> None:
    story.add(START, 2, -1)
    assert story.problems() == set()


def test_a_wrong_value(story: Story) -> None:
    story.legs[0].outcome["tasks"]["t1"]["elements"][1]["value"] += 1  # type: ignore[index]
    assert story.problems() == {WRONG}


def test_a_wrong_value_in_a_file(story: Story) -> None:
    story.values[("local", "/r/t1-1")] += 1
    assert story.problems() == {WRONG}


def test_values_that_changed_places(story: Story) -> None:
    one, other = ("local", "/r/t1-0"), ("local", "/r/t1-1")
    story.values[one], story.values[other] = story.values[other], story.values[one]
    assert story.problems() == {WRONG}


@pytest.mark.parametrize("error", [FileNotFoundError("gone"), None])
def test_a_result_that_is_not_there(story: Story, error: Exception | None) -> None:
    del story.values[("local", "/r/t1-1")]
    if error is not None:
        story.values[("local", "/r/t1-1")] = error
    assert story.problems() == {LOST}


def test_an_element_that_is_missing(story: Story) -> None:
    story.legs[0].outcome["tasks"]["t1"]["elements"].pop()  # type: ignore[index]
    assert story.problems() == {LOST}


def test_a_run_that_fails_where_it_should_not(story: Story) -> None:
    assert story.legs[0].outcome is not None
    story.legs[0].outcome["state"] = "Failed"
    assert story.problems() == {LOST}


def test_a_run_that_fails_and_says_nothing(story: Story) -> None:
    assert story.legs[0].outcome is not None
    story.legs[0].blows = ["kill-scheduler"]
    story.legs[0].outcome.update(state="Failed", message=None)
    assert HANG in story.problems()


def test_a_run_that_does_not_end(story: Story) -> None:
    story.legs[0].outcome = story.legs[0].exit_code = None
    assert story.problems() == {HANG}


def test_a_driver_that_ends_without_a_word(story: Story) -> None:
    story.legs.insert(0, Leg(0.1, 0.4, [], None, 1, "Segmentation fault"))
    assert story.problems() == {HANG}


def test_a_file_that_is_torn(story: Story) -> None:
    story.values[("local", "/r/t1-1")] = ValueError("it does not match its checksum")
    assert story.problems() == {TORN}


def test_a_file_that_is_nobodys(story: Story) -> None:
    story.values[("local", "/r/tmpx81")] = 5
    assert story.problems() == {TORN}


def test_a_journal_that_is_damaged(story: Story) -> None:
    story.journals[0] = replace(story.journals[0], damage="Its checksum does not match.")
    assert story.problems() == {TORN}


def test_a_process_that_is_left(story: Story) -> None:
    story.legs[0].left = ["17: python"]
    assert story.problems() == {LEFT}


def test_work_that_goes_on_after_its_timeout(story: Story) -> None:
    story.add(LATE, 1, 1)
    assert story.problems() == {LEFT}


@pytest.fixture
def poisoned(story: Story) -> Story:
    """The same run with a second element that kills its worker."""
    nodes = list(SHAPE.nodes)
    nodes[1] = replace(nodes[1], trouble="poison", troubled=1)
    blows = (Blow("poison", 1, 0.0, 0.0, 0),)
    story.case = Case(1, None, Shape(tuple(nodes), True), "dask", blows)
    outcome = story.legs[0].outcome
    assert outcome is not None
    outcome.update(state="Failed", message="Some reference tasks failed.")
    message = "Task 't1[1]' was given up: each worker that ran it died."
    outcome["tasks"]["t1"]["elements"][1] = {"state": "Failed", "message": message}
    outcome["tasks"]["t2"] = {"state": "TriggerFailed", "message": "not all went well"}
    story.legs[0].blows = []
    story.effects = [e for e in story.effects if (e.task, e.index) not in ((1, 1), (2, -1))]
    story.add(START, 1, 1)
    story.journals[0] = replace(
        story.journals[0],
        stored={k: v for k, v in story.journals[0].stored.items() if k != (1, 1)},
    )
    del story.values[("local", "/r/t1-1")]
    return story


def test_a_deadly_element_that_fails_alone_and_by_name(poisoned: Story) -> None:
    assert poisoned.problems() == set()


def _fails_without_a_name(elements: list[Any]) -> None:
    elements[1]["message"] = "a worker died"


def _costs_a_sibling(elements: list[Any]) -> None:
    elements[2] = {"state": "Failed", "message": "Task 't1[2]' was given up"}


@pytest.mark.parametrize("lie", [_fails_without_a_name, _costs_a_sibling])
def test_a_deadly_element_that_does_not(poisoned: Story, lie: Callable[[list[Any]], None]) -> None:
    lie(poisoned.legs[0].outcome["tasks"]["t1"]["elements"])  # type: ignore[index]
    assert poisoned.problems() == {LOST}


# what the oracle looks at


def test_effects_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_effect(str(tmp_path), START, 3, -1, 2, 1, "run")
    write_effect(str(tmp_path), END, 3, -1, 2, 1, "run")
    with next(tmp_path.iterdir()).open("a") as file:
        file.write("12.5 start 3")
    found = read_effects(tmp_path)
    assert [(e.what, e.task, e.index, e.attempt, e.run) for e in found] == [
        ("start", 3, -1, 2, "run"),
        ("end", 3, -1, 2, "run"),
    ]


def test_stored_values_are_read_and_torn_ones_are_told(tmp_path: Path) -> None:
    places = Places(str(tmp_path), str(tmp_path), str(tmp_path / "results"))
    store = LocalResult(dir=tmp_path / "results")
    for name in ("t1-0", "t1-1"):
        LocalResult(dir=store.dir, location=name).write(5)
    torn = tmp_path / "results" / "t1-1"
    torn.write_bytes(torn.read_bytes()[:-4])
    (tmp_path / "results" / ".prefectlite-unfinished.tmp").write_bytes(b"half")
    world: Any = None
    found = stored_values(world, places, "local", [])
    assert found[str(torn.with_name("t1-0"))] == 5
    assert isinstance(found[str(torn)], Exception)
    assert len(found) == 2


@pytest.mark.parametrize("seed", range(30))
def test_the_library_comes_to_what_is_expected(seed: int, tmp_path: Path) -> None:
    shape = draw_shape(random.Random(seed), ("local",))
    # a hang costs its timeout, and is no matter of values
    shape = Shape(tuple(replace(n, hangs=0, sleep=0.0) for n in shape.nodes), shape.fuse)
    for name in ("effects", "once", "results"):
        (tmp_path / name).mkdir()
    places = [str(tmp_path / name) for name in ("effects", "once", "results")]
    flow = build(shape, Places(*places), "expected")
    state = flow.run()
    assert state is not None
    for task in flow.tasks:
        assert state.result[task].result == expected(shape)[int(task.name[1:])]
    assert {(e.task, e.index) for e in read_effects(tmp_path / "effects") if e.what == START} == {
        (node.number, index)
        for node in shape.nodes
        for index in (range(len(expected(shape)[node.number])) if node.mapped else [-1])
    }


# cases


@pytest.mark.parametrize("kind", CHOICES)
def test_a_seed_is_one_run(kind: str) -> None:
    drawn = [draw_case(seed, kind) for seed in range(20)]
    assert drawn == [draw_case(seed, kind) for seed in range(20)]
    assert {case.kind for case in drawn} == {kind}
    assert len({case.shape for case in drawn}) == 20
    assert all(2 <= run_count(case.shape) <= 100 for case in drawn)


def test_all_kinds_come_in_turn() -> None:
    assert [draw_case(seed).kind for seed in range(len(CHOICES))] == list(CHOICES)


def test_what_follows_a_failure_fails_and_nothing_else() -> None:
    shape = with_trouble(random.Random(1), SHAPE, "poison")
    values = expected(shape)
    (chosen,) = (node for node in shape.nodes if node.trouble)
    assert chosen.number == 1
    assert values[1][chosen.troubled] == Failure(is_cause=True)
    assert [isinstance(value, Failure) for value in values[1]].count(True) == 1
    assert values[2] == Failure(is_cause=False)


def test_elements_that_are_passed_a_failure_fail_each() -> None:
    poisoned = replace(SHAPE.nodes[1], trouble="poison", troubled=1)
    mapped = Node(3, NUMBERS, (Input(0, "mapped"), Input(2, "unmapped")))
    of_failure = Node(4, NUMBERS, (Input(2, "mapped"),))
    nodes = (SHAPE.nodes[0], poisoned, SHAPE.nodes[2], mapped, of_failure)
    values = expected(Shape(nodes, fuse=True))
    assert values[3] == [Failure(is_cause=False)] * 3
    assert values[4] == Failure(is_cause=False)


def test_the_report_has_counts_and_the_way_to_do_it_again(story: Story) -> None:
    story.add(START, 1, 0)
    found = Found(story.legs, story.effects, story.journals, story.values)
    problems = judge(story.case, found)
    verdict = Verdict(story.case, ["kill-worker"], problems, 1.0, 1, 5)
    lines = table([verdict, replace(verdict, problems=[])]).splitlines()
    assert lines[0].split() == ["fault", "runs", LOST, WRONG, REPEATED, TORN, HANG, LEFT]
    assert lines[1].split() == ["kill-worker", "2", "0", "0", "1", "0", "0", "0"]
    assert 'make soak ARGS="--seed 1 --runs 1"' in failure(verdict)
    assert "t1: numbers of (mapped t0)" in failure(verdict)


# growth


def _samples(memory: Callable[[int], float], files: Callable[[int], int]) -> list[Sample]:
    return [Sample(n / 12, memory(n), files(n)) for n in range(120)]


def test_growth_is_found_and_noise_is_not() -> None:
    noise = random.Random(1)
    flat = _samples(lambda n: 200 + noise.uniform(-3, 3), lambda n: 20 + noise.choice([0, 0, 5]))
    leak = _samples(lambda n: 200 + n / 3, lambda n: 20)
    files = _samples(lambda n: 200, lambda n: 20 + n // 10)
    warm = _samples(lambda n: min(100 + 10 * n, 300), lambda n: 20)
    found = {"flat": flat, "leak": leak, "files": files, "warm": warm}
    assert steady.grown(found, 10) == ["leak", "files"]
    assert steady.table(found, 10).splitlines()[-1].startswith(" growth")
