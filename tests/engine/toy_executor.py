"""An executor of nothing: it answers submissions in any order, well or badly, without values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prefectlite.engine.events import (
    UNMAPPABLE,
    Confirmed,
    Deferred,
    Event,
    Expand,
    Finish,
    Finished,
    Instruction,
    Lost,
    Release,
    Started,
    StartTimer,
    Submit,
    Summary,
    TimerDue,
    Waiting,
)
from prefectlite.engine.limits import Limits, Turnstile
from prefectlite.engine.plan import Link, Plan
from prefectlite.engine.run_state import DONE, RunState

Choose = Callable[[int], int]


@dataclass(frozen=True)
class Flying:
    """A submission of one element that has not been answered."""

    segment: int
    element: int
    link: int
    attempt: int


class ToyExecutor:
    """Drives a `RunState` to its end, and checks after each event that nothing came too early.

    Args:
        plan: The plan of the run.
        known: The summaries of its known tasks.
        choose: Gives a number from 0 up to, but not including, its argument.
        submit_ahead: Whether runs come as soon as their upstreams were submitted.
        limits: How many runs may be on their way at a time.
    """

    def __init__(
        self,
        plan: Plan,
        known: dict[int, Summary],
        choose: Choose,
        submit_ahead: bool,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits
        self.turnstile = Turnstile(plan, limits) if limits is not None else None
        finish_first = limits.to_finish_first(plan) if limits is not None else set()
        self.plan = plan
        self.choose = choose
        self.submit_ahead = submit_ahead
        self.state = RunState(
            plan,
            known,
            submit_ahead=submit_ahead,
            releases=True,
            most_ahead=choose(4) or None,
            batched={
                *finish_first,
                *(segment.index for segment in plan.segments if choose(5) == 0),
            },
        )
        self.flying: list[Flying] = []
        self.answered: list[Event] = []
        self.timers: list[tuple[int, int]] = []
        self.released: set[tuple[int, int]] = set()
        self.finished = False
        self.ended_at: dict[tuple[int, int], Summary] = {}
        # where runs came to rest: from there they have to go on
        self.rested_at: dict[tuple[int, int], int] = {}

    def run(self, most_events: int = 20_000) -> None:
        """To the end; raises AssertionError where the machine breaks a promise."""
        self._handle(Started())
        events = 0
        while not self.finished:
            events += 1
            assert events < most_events, "the run does not come to an end"
            self._handle(self._next_event())
        assert not self.flying
        self.state.check()

    def _next_event(self) -> Event:
        if self.answered and self.choose(12) == 0:
            # an answer that came already, or of an attempt that was lost, comes again
            return self.answered[self.choose(len(self.answered))]
        waiting = len(self.flying) + len(self.timers)
        assert waiting, "nothing is on its way, but the run is not finished"
        number = self.choose(waiting)
        if number >= len(self.flying):
            return TimerDue(*self.timers.pop(number - len(self.flying)))
        event = self._answer(self.flying.pop(number))
        self.answered.append(event)
        return event

    def _answer(self, run: Flying) -> Event:
        if not self._upstreams_are_done(run):
            return Deferred(run.segment, run.element, run.attempt, run.link)
        fate = self.choose(10)
        if fate == 0 and run.attempt < 5:
            return Lost(run.segment, run.element, run.attempt)
        links = len(self.plan.segments[run.segment].tasks)
        if fate == 1 and run.attempt < 5:
            link = run.link + self.choose(links - run.link)
            self.rested_at[run.segment, run.element] = link
            return Waiting(run.segment, run.element, run.attempt, link, due=1.0)
        summaries = tuple(self._summary() for _ in range(links))
        self.ended_at[run.segment, run.element] = summaries[-1]
        return Finished(run.segment, run.element, run.attempt, summaries)

    def _summary(self) -> Summary:
        fate = self.choose(8)
        if fate == 0:
            return Summary(successful=False)
        if fate == 1:
            return Summary(skipped=True)
        if fate == 2:
            return Summary(length=UNMAPPABLE, flat_length=UNMAPPABLE)
        return Summary(length=self.choose(5), flat_length=self.choose(5))

    def _upstreams_are_done(self, run: Flying) -> bool:
        return all(upstream in self.ended_at for upstream in self._upstreams(run))

    def _upstreams(self, run: Flying) -> list[tuple[int, int]]:
        """What a run reads, worked out from the plan alone."""
        found = []
        for upstream, link in self.plan.segments[run.segment].inputs:
            runs = self.state.runs[upstream]
            if runs.ended is not None:
                continue
            assert runs.length is not None, f"{run} came before its upstream's length"
            if link is Link.ELEMENT:
                found.append((upstream, run.element))
            else:
                found += [(upstream, element) for element in range(runs.length)]
        return found

    def _handle(self, event: Event) -> None:
        instructions: list[Instruction] = self.state.handle(event)
        self.state.check()
        assert not (self.finished and instructions), f"after the end: {instructions}"
        if self.turnstile is not None and self.limits is not None:
            self.turnstile.over(event)
            submits = [each for each in instructions if isinstance(each, Submit)]
            others = [each for each in instructions if not isinstance(each, Submit)]
            instructions = [*others, *self.turnstile.take(submits)]
            self.turnstile.check()
        for instruction in instructions:
            self._perform(instruction)
        if self.limits is not None:
            self._check_limits(self.limits)

    def _check_limits(self, limits: Limits) -> None:
        if limits.max_in_flight is not None:
            assert len(self.flying) <= limits.max_in_flight
        for name, most in limits.task_concurrency.items():
            at_work = [
                run
                for run in self.flying
                if name
                in [
                    self.plan.tasks[task].name
                    for task in self.plan.segments[run.segment].tasks[run.link :]
                ]
            ]
            assert len(at_work) <= most, f"{name}: {at_work}"

    def _perform(self, instruction: Instruction) -> None:
        if isinstance(instruction, Submit):
            for element in instruction.elements:
                self._fly(
                    Flying(instruction.segment, element, instruction.link, instruction.attempt)
                )
        elif isinstance(instruction, StartTimer):
            self.timers.append((instruction.segment, instruction.element))
        elif isinstance(instruction, Release):
            for element in instruction.elements:
                self._release(instruction.segment, element)
        elif isinstance(instruction, Expand) and instruction.confirm:
            ended = None
            if self.choose(4) == 0:
                ended = Summary(skipped=bool(self.choose(2)), successful=False, length=UNMAPPABLE)
            self._handle(Confirmed(self.plan.segment_of[instruction.task], ended))
        elif isinstance(instruction, Finish):
            self.finished = True

    def _fly(self, run: Flying) -> None:
        key = (run.segment, run.element)
        assert run.link == self.rested_at.get(key, 0), f"{run} does not go on where it rested"
        assert key not in self.ended_at, f"{run} had finished"
        assert all((f.segment, f.element) != key for f in self.flying), f"{run} is on its way"
        for upstream in self._upstreams(run):
            assert upstream not in self.released, f"{run} reads what was released"
            if not self.submit_ahead:
                assert upstream in self.ended_at, f"{run} came before {upstream} was done"
        self.flying.append(run)

    def _release(self, segment: int, element: int) -> None:
        assert (segment, element) not in self.released, "released twice"
        assert self.state.runs[segment].status[element] == DONE
        for run in self.flying:
            assert (segment, element) not in self._upstreams(run), f"{run} still reads it"
        self.released.add((segment, element))


def leftovers(toy: ToyExecutor) -> list[Any]:
    """The runs that had finished but were not released when the run was over."""
    return [
        (segment.index, element)
        for segment, runs in zip(toy.plan.segments, toy.state.runs, strict=True)
        for element in range(runs.length or 0)
        if runs.status[element] == DONE and (segment.index, element) not in toy.released
    ]
