"""What becomes of submissions to a cluster that ended without an answer.

Dask blames whatever was on a worker that died, also what only stood in its queue. So those whose
workers died again and again are suspects, and are tried one at a time: whoever kills its worker
then is the one that does. The tasks of a chain are tried one by one as well.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from prefectlite.engine.events import Deferred, Event, Lost
from prefectlite.engine.launchers.feeds import Feeds
from prefectlite.engine.portable import is_here
from prefectlite.engine.remote import Block, RunRecord
from prefectlite.engine.run_state import DONE, RunState
from prefectlite.exceptions import ExecutorError, WorkerLostError
from prefectlite.executors.dask import LOST

if TYPE_CHECKING:
    from distributed.client import Future

    from prefectlite.engine.driver import Driver
    from prefectlite.executors.dask import DaskExecutor

Run = tuple[int, int]
Flying = dict[Run, "Future[Any]"]
# how often a submission that got lost is sent again before its task run fails
MOST_LOST = 3
# how often a value of a run that had answered is made again by hand
MOST_FREED = 10
# how often a run is sent again for an upstream that had finished, and has not when it is made again
MOST_MET = 50
# after what silence it is looked for what holds runs up, and how long at most until the next look
LOOK_SECONDS = 2.0
LONGEST_SECONDS = 30.0


class Losses:
    """Decides which lost submissions are sent again, tried alone or given up.

    Args:
        driver: The driver of the run.
        executor: The started executor.
        feeds: The futures of the run's elements.
        flying: The submissions that have not answered; it is the launcher's, and what waits for an
            upstream to come back is put in it again.
        give_up: Ends a run at a link as Failed with an error.
    """

    def __init__(
        self,
        driver: Driver,
        executor: DaskExecutor,
        feeds: Feeds,
        flying: Flying,
        give_up: Callable[[Run, int, Exception], Event],
    ) -> None:
        self._driver = driver
        self._plan = driver.plan
        self._executor = executor
        self._feeds = feeds
        self._flying = flying
        self._give_up = give_up
        self._times: dict[Run, int] = {}
        self._suspects: deque[Run] = deque()
        self._on_trial: Run | None = None
        # those with an upstream that is finished, but whose value died with a suspect's worker
        self._bereft: Flying = {}
        self._next_look = LOOK_SECONDS
        self._freed: Counter[Any] = Counter()
        self._met_unfinished: Counter[Run] = Counter()
        self._next_tries: list[Event] = []

    @property
    def _run_state(self) -> RunState:
        # it is made after the launcher
        return self._driver.run_state

    def is_on_trial(self, run: Run) -> bool:
        """Whether this is the one suspect that is tried now: one task of a chain at a time."""
        return run == self._on_trial

    def answered(self, run: Run, goes_on: bool) -> None:
        """A submission came back; `goes_on` where a task of its chain is still to be tried."""
        if run == self._on_trial and not goes_on:
            self._on_trial = None

    def lost(self, run: Run, future: Future[Any] | None) -> Sequence[Event]:
        """A submission ended without an answer: its upstream's fault, a worker's, or its own.

        Args:
            run: The segment and element; no longer flying.
            future: Its future; None where the future is fine, and only the answer did not arrive.
        """
        on_trial = run == self._on_trial
        if on_trial:
            self._on_trial = None
        attempt = self._run_state.attempt(*run)
        error = future.exception() if future is not None and future.status == "error" else None
        if future is not None and self._upstream_is_lost(run):
            return [self._deferred(run)]
        if self._feeds.get(*run)[1] is not None:
            # one of a batch: each of them is tried by itself
            return [Lost(*run, attempt)]
        blamed = future is None or getattr(error, "task", future.key) == future.key
        if type(error).__name__ == "KilledWorker" and blamed and not on_trial:
            self._suspects.append(run)
            self._feeds.drop(run[0], (run[1],))
            return []
        self._times[run] = self._times.get(run, 0) + 1
        if self._times[run] <= MOST_LOST:
            if error is None:
                self._on_trial = run if on_trial else self._on_trial
                return [Lost(*run, attempt)]
            if not blamed:
                # what died was an upstream, which may have been answered for by now
                if future is None or not self._upstreams_are_done(run):
                    return [self._deferred(run)]
                self._bereft[run] = future
                return []
        return [self._give_up(run, self._run_state.link(*run), self._explain(run, error))]

    def _deferred(self, run: Run) -> Event:
        # Dask runs a failed future again with whatever it failed for, unless nobody holds it
        self._feeds.drop(run[0], (run[1],))
        return Deferred(*run, self._run_state.attempt(*run), self._run_state.link(*run))

    def met_unfinished(self, run: Run, link: int) -> Sequence[Event]:
        """A run met an upstream that is not finished: it waits for it, or for it to be made again.

        Args:
            run: The segment and element; no longer flying.
            link: Where it is to go on.
        """
        event = Deferred(*run, self._run_state.attempt(*run), link)
        if not self._upstreams_are_done(run):
            return [event]
        # it has finished meanwhile; or it had, and did not when its value was made again
        self._met_unfinished[run] += 1
        if self._met_unfinished[run] == 1:
            return [event]
        if self._met_unfinished[run] <= MOST_MET:
            self._next_tries.append(event)
            return []
        error = ExecutorError(
            f"Task {self._name(run, link)!r} was given up: a value that it needs was lost with its "
            "worker, and the task that makes it did not finish when it was run again. Give that "
            "task a result= or a target=, then its value is not lost."
        )
        return [self._give_up(run, link, error)]

    def came_late(self, record: RunRecord) -> None:
        """An answer that nobody waits for: of an attempt that was given up, or made again.

        A run that had finished may come to Retrying when its value is made again. Those that need
        the value wait for it, so it is made once more.
        """
        run = (record.segment, record.element)
        runs = self._run_state.runs[record.segment]
        if record.summary is not None or self._run_state.attempt(*run) != record.attempt:
            return
        if runs.status[record.element] != DONE:
            return
        handle, _ = self._feeds.get(*run)
        if isinstance(handle, Block):
            return
        if is_here(self._driver.states.get(self._plan.segments[record.segment].tail, run[1])):
            self._feeds.drop(record.segment, (record.element,))
            return
        self._freed[run] += 1
        if self._freed[run] <= MOST_FREED:
            self._executor.retry([handle])

    def next_tries(self) -> Sequence[Event]:
        """Send those again that met an upstream which is being made again."""
        tries, self._next_tries = self._next_tries, []
        return tries

    def next_trial(self) -> Sequence[Event]:
        """Send one suspect again while no other is on its way."""
        if self._on_trial is not None or not self._suspects:
            return ()
        run = self._on_trial = self._suspects.popleft()
        return [Lost(*run, self._run_state.attempt(*run))]

    def retry_the_bereft(self) -> None:
        """Once no suspect is left, have Dask compute the values again that died with them."""
        if self._bereft and not self._suspects and self._on_trial is None:
            self._executor.retry(self._bereft.values())
            self._flying.update(self._bereft)
            self._bereft.clear()

    def free_the_stuck(self, silence: float) -> None:
        """Have Dask make again what runs wait for that it gave up, or left alone when it got lost.

        Args:
            silence: For how many seconds nothing was heard; it is looked after 2, 4, 8 ... of them.
        """
        if silence < self._next_look:
            self._next_look = LOOK_SECONDS if silence < LOOK_SECONDS else self._next_look
            return
        self._next_look = min(2 * silence, silence + LONGEST_SECONDS)
        tried = self._flying.get(self._on_trial) if self._on_trial is not None else None
        freed = self._executor.revive(self._flying.values() if tried is None else [tried])
        self._freed.update(freed)
        for key in freed:
            if self._freed[key] > MOST_FREED:
                raise ExecutorError(
                    f"A value got lost with its worker, and so did what it is made from, which is "
                    f"now given up: Dask's {key!r} was made again {MOST_FREED} times, and its "
                    "worker died each time. What was checkpointed is not run again when the flow "
                    'is started with resume="last".'
                )

    def _upstreams_are_done(self, run: Run) -> bool:
        state = self._run_state
        return all(
            state.runs[segment].status[element] == DONE
            for segment, element in state.direct_upstreams(*run)
        )

    def _upstream_is_lost(self, run: Run) -> bool:
        return any(
            other in self._flying and self._flying[other].status in LOST
            for other in self._run_state.direct_upstreams(*run)
        )

    def _name(self, run: Run, link: int) -> str:
        segment = self._plan.segments[run[0]]
        planned = self._plan.tasks[segment.tasks[link]]
        return planned.run_name(run[1] if segment.mapped else None)

    def _explain(self, run: Run, error: BaseException | None) -> Exception:
        name = self._name(run, self._run_state.link(*run))
        if type(error).__name__ == "KilledWorker":
            return WorkerLostError(
                f"Task {name!r} was given up: each worker that ran it died ({error}). It ran out "
                "of memory, crashed, or ended its process. Give the workers more memory, return "
                "or read less at a time, or look into the workers' logs."
            )
        return ExecutorError(
            f"Task {name!r} could not be run on the cluster: {error!r}."
            if error is not None
            else f"Task {name!r} got lost on the cluster."
        )
