"""The server: one thread that waits for what is due, starts runs and takes note of their ends."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prefectlite.serving.loading import Loader
from prefectlite.serving.plans import Event, Options, Run, ServedFile, ServedFlow, shown
from prefectlite.serving.processes import end, start_child
from prefectlite.serving.state_file import ServerFolder
from prefectlite.utilities.logging import get_logger

__all__ = ["Server"]

# The clock is looked at again after so many seconds at the latest: it can be set, or have slept.
LONGEST_WAIT = 10.0
# A process that was asked to end has so many seconds before it is killed.
CANCEL_SECONDS = 10.0


class Server:
    """Serves flows until it is told to end.

    Args:
        options: what to serve, and how.
        folder: where it keeps its state.
    """

    def __init__(self, options: Options, folder: ServerFolder) -> None:
        self.options = options
        self.folder = folder
        self.log = get_logger("serve")
        self.files: dict[Path, ServedFile] = {}
        earlier = folder.read()
        self.loader = Loader(
            options, folder, self.log, self.files, earlier.get("flows", {}), self._missed
        )
        self.earlier = earlier
        # Flows with an event that is due, in the order in which they wait for a free worker.
        self.due: deque[ServedFlow] = deque()
        self.runs: list[Run] = []
        self.started = time.time()
        self.stops_asked = 0
        self.ending: float | None = None
        self.cancelled: float | None = None
        self.reload_asked = False
        self.changed = True
        self.number = 0

    def serve(self) -> int:
        """Serve, from taking the lock to the last run's end.

        Returns:
            The exit status: 0, or 1 if there is nothing to serve.

        Raises:
            PrefectException: another server of this name is running.
        """
        self.folder.take()
        self._tell_start()
        with self._signals() as selector:
            self.loader.ask_for_all(time.time())
            self._step(time.time())
            while not self._is_done():
                selector.select(self._seconds_to_wait())
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_end, 4096)
                self._step(time.time())
        self.loader.stop()
        self._save(stopped=time.time())
        self.log.info("Ended")
        return 0 if self.stops_asked else 1

    def _tell_start(self) -> None:
        self.log.info("Serving as %r, process %s", self.options.name, os.getpid())
        if self.earlier and not self.earlier.get("stopped"):
            self.log.warning(
                "The last server of this name did not end by itself; the last sign of it is of %s",
                shown(self.earlier["saved"]),
            )

    @contextlib.contextmanager
    def _signals(self) -> Iterator[selectors.BaseSelector]:
        """Take the signals: all of them only wake the one thread, which then looks."""
        self._wake_end, write_end = os.pipe()
        os.set_blocking(self._wake_end, False)
        os.set_blocking(write_end, False)
        handlers = {
            signal.SIGHUP: self._on_reload,
            signal.SIGTERM: self._on_stop,
            signal.SIGINT: self._on_stop,
            signal.SIGCHLD: lambda *_: None,
        }
        previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        wake_before = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._wake_end, selectors.EVENT_READ)
                yield selector
        finally:
            signal.set_wakeup_fd(wake_before)
            for number, handler in previous.items():
                signal.signal(number, handler)
            os.close(self._wake_end)
            os.close(write_end)

    def _on_reload(self, *_: Any) -> None:
        self.reload_asked = True

    def _on_stop(self, *_: Any) -> None:
        self.stops_asked += 1

    def _is_done(self) -> bool:
        if self.stops_asked:
            return not self.runs and self.ending is not None
        idle = not self.runs and not self.due and not self.loader.readings
        return idle and not any(file.flows for file in self.files.values())

    def _step(self, now: float) -> None:
        self._take_ends(now)
        if self.stops_asked:
            self._stop(now)
        else:
            if self.reload_asked:
                self.reload_asked = False
                self.log.info("Reading all files again")
                self.loader.ask_for_all(now)
            self._find_due(now)
            self.changed |= self.loader.look(now)
            self.loader.ask_for_more(now)
            self._find_due(now)
            self._start_due(now)
        if self.changed:
            self.changed = False
            self._save(stopped=None)

    def _seconds_to_wait(self) -> float:
        if self.stops_asked:
            return 0.2
        now = time.time()
        nexts = [flow.events[0].at for flow in self._flows() if flow.events]
        wait = min(nexts, default=now + LONGEST_WAIT) - now
        # readings and their time limits
        longest = 0.5 if self.loader.readings else LONGEST_WAIT
        return max(0.0, min(wait, longest))

    def _flows(self) -> Iterator[ServedFlow]:
        for file in self.files.values():
            yield from file.flows.values()

    def _find_due(self, now: float) -> None:
        for flow in self._flows():
            late: list[Event] = []
            while flow.events and flow.events[0].at <= now:
                event = flow.events.popleft()
                flow.handled = event.at
                self.changed = True
                if now - event.at > self.options.late:
                    late.append(event)
                else:
                    self._due(flow, event)
            if late:
                self._missed(flow, late, len(late))
            if not flow.events and not flow.has_more and not flow.is_over:
                flow.is_over = True
                self.log.info("%s: its schedule has no event left", flow)

    def _due(self, flow: ServedFlow, event: Event) -> None:
        """An event's time has come: run it, have it wait, or leave it out."""
        if not (flow.running or flow.due or flow.queue) or self.options.overlap == "allow":
            self._wait_for_worker(flow, event)
        elif self.options.overlap == "queue":
            flow.queue.append(event)
            self.log.info("%s: the event of %s waits for the run before it", flow, event)
        else:
            flow.count("skipped")
            self.log.warning(
                "%s: the event of %s is skipped, the run before it goes on (--overlap skip)",
                flow,
                event,
            )

    def _missed(self, flow: ServedFlow, events: list[Event], number: int) -> None:
        """Tell of events that nobody was there for, and make up for them if that is wanted."""
        flow.handled = max(flow.handled, events[-1].at)
        policy = self.options.catch_up
        # after a restart the last one may be no later than any that had to wait
        recent = [event for event in events[-1:] if time.time() - event.at <= self.options.late]
        wanted = {"skip": recent, "last": events[-1:], "all": events}[policy]
        flow.queue.extend(wanted)
        if policy == "skip" and recent:
            self.log.info(
                "%s: the event of %s came while no server was running; it is run now, since it is "
                "not more than %g s late (--late)",
                flow,
                recent[0],
                self.options.late,
            )
            events, number, wanted = events[:-1], number - 1, []
        if number:
            flow.count("missed", number)
            self._tell_missed(flow, events, number, len(wanted))

    def _tell_missed(self, flow: ServedFlow, events: list[Event], number: int, wanted: int) -> None:
        first = shown(events[0].at)
        self.log.warning(
            "%s: %d events were missed, %s; %s (--catch-up %s)",
            flow,
            number,
            first if number == 1 else f"{first} to {events[-1]}",
            f"{wanted} of them are run now" if wanted else "they are left out",
            self.options.catch_up,
        )

    def _start_due(self, now: float) -> None:
        for flow in self._flows():
            if flow.queue and not flow.running and not flow.due:
                self._wait_for_worker(flow, flow.queue.popleft())
        while self.due and len(self.runs) < self.options.workers:
            flow = self.due.popleft()
            # a flow that was removed has none any more
            if flow.due:
                self._start(flow, flow.due.popleft(), now)

    def _wait_for_worker(self, flow: ServedFlow, event: Event) -> None:
        flow.due.append(event)
        self.due.append(flow)

    def _start(self, flow: ServedFlow, event: Event, now: float) -> None:
        self.number += 1
        report = self.folder.reports / f"run-{self.number}.json"
        order = {
            "do": "run",
            "path": str(flow.path),
            "source": str(flow.source),
            "name": flow.name,
            "number": flow.number,
            "at": event.at,
            "parameters": event.parameters,
            "report": str(report),
        }
        try:
            process = start_child(order, self.options.as_prefect)
        except OSError as error:
            self.log.error("%s: the run of %s cannot be started: %s", flow, event, error)
            flow.count("failed")
            return
        run = Run(flow, event, process, now, report)
        self.runs.append(run)
        flow.running.append(run)
        self.changed = True
        # A run that is not written down could be started again by the next server.
        self._save(stopped=None)
        self.log.info("%s: the run of %s is started, process %s", flow, event, process.pid)

    def _take_ends(self, now: float) -> None:
        for run in [run for run in self.runs if run.process.poll() is not None]:
            self.runs.remove(run)
            run.flow.running.remove(run)
            run.process.stdin.close()
            self._note_end(run, now)
            self.changed = True

    def _note_end(self, run: Run, now: float) -> None:
        try:
            told = json.loads(run.report.read_bytes())
            run.report.unlink()
        except FileNotFoundError:
            status = run.process.returncode
            how = f"signal {-status}" if status < 0 else f"exit status {status}"
            told = {"state": "Crashed", "message": f"its process ended without a word, {how}"}
        seconds, flow = now - run.started, run.flow
        told.update(event=run.event.at, seconds=seconds)
        flow.last = told
        well = run.process.returncode == 0
        flow.count(
            {"Crashed": "crashed", "Cancelled": "cancelled"}.get(
                told["state"], "succeeded" if well else "failed"
            )
        )
        log = self.log.info if well else self.log.error
        log(
            "%s: the run of %s ended as %s after %.1f s%s",
            flow,
            run.event,
            told["state"],
            seconds,
            "" if well else f": {told['message']}",
        )

    def _stop(self, now: float) -> None:
        """Start nothing more, wait for the runs that go on, then have them cancelled."""
        if self.ending is None:
            self.ending = now
            self._leave_waiting_events()
            self.log.info(
                "Ending; %d runs have %g s to end by themselves", len(self.runs), self.options.grace
            )
        grace = 0.0 if self.stops_asked > 1 else self.options.grace
        if self.cancelled is None:
            if now - self.ending >= grace and self.runs:
                self.cancelled = now
                self.log.warning("Cancelling %d runs", len(self.runs))
                for run in self.runs:
                    end(run.process, signal.SIGTERM)
        elif now - self.cancelled >= CANCEL_SECONDS:
            for run in self.runs:
                end(run.process, signal.SIGKILL)

    def _leave_waiting_events(self) -> None:
        for flow in self._flows():
            waiting = [*flow.due, *flow.queue]
            flow.due.clear()
            flow.queue.clear()
            if waiting:
                flow.count("missed", len(waiting))
                self.log.warning(
                    "%s: %d events that wait are left out, from %s on, since the server ends",
                    flow,
                    len(waiting),
                    waiting[0],
                )
        self.due.clear()

    def _save(self, stopped: float | None) -> None:
        self.folder.write(self.started, stopped, self.files.values(), len(self.runs))
