"""Processes that call functions, each by itself: one that dies takes only its own call with it.

A process is this interpreter with this module's `serve`. It talks over a socket of its own, so what
tasks print stays theirs, and it ends when the socket's other end is gone, however that came. Where
the system can, it is killed then by the system, with all that it started: code that holds the
interpreter could not end itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from prefectlite.exceptions import WorkerLostError

Answer = Callable[[Any], None]


class Luggage(NamedTuple):
    """Bytes that many calls share: each process gets them once, by its socket and no file."""

    name: str
    payload: bytes


_Work = tuple[bytes, Answer, Answer, Luggage | None]
_START = "from prefectlite.executors.process_pool import serve; serve({}, {})"
# how long a caller that waits is deaf to an exception that another thread raises in it
_DEAF_SECONDS = 0.1


class ProcessPool:
    """Processes for functions whose answers come by a callback.

    Args:
        size: How many processes; each starts with its first call.
    """

    def __init__(self, size: int) -> None:
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._closing = False
        self._dropped: set[str] = set()
        # what each process is at work for
        self._at_work: dict[int, str] = {}
        self._children: list[Child | None] = [None] * size
        self._threads = [
            threading.Thread(target=self._serve, args=(number,), daemon=True)
            for number in range(size)
        ]

    def __enter__(self) -> ProcessPool:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing = True
        for _ in self._threads:
            self._work.put(None)
        for child in self._children:
            if child is not None:
                child.end()

    def call(
        self,
        request: bytes,
        on_message: Answer,
        on_answer: Answer,
        luggage: Luggage | None = None,
    ) -> None:
        """Have a process call a function.

        Args:
            request: The pickled function and arguments; it may send messages by `send_message`.
            on_message: Called with each message, in a thread of the pool.
            on_answer: Called with what the function returned, or with a `WorkerLostError` where
                the process died, in a thread of the pool.
            luggage: What the process must have been given before; see `take_luggage`.
        """
        self._work.put((request, on_message, on_answer, luggage))

    def drop(self, luggage: Luggage) -> None:
        """Have nobody work for calls with this luggage any more.

        The processes that are at work on one are ended, with all they started; calls that wait
        are forgotten, and so is the luggage where a process has it, when it is next called.

        Args:
            luggage: What the calls were given.
        """
        # in this order: a thread notes what it is at work for before it asks what was dropped
        self._dropped.add(luggage.name)
        for number, name in list(self._at_work.items()):
            child = self._children[number]
            if name == luggage.name and child is not None:
                child.stop()

    def _serve(self, number: int) -> None:
        while True:
            work = self._work.get()
            if work is None or self._closing:
                return
            request, on_message, on_answer, luggage = work
            child = self._children[number]
            if child is None:
                child = self._children[number] = Child()
            if luggage is not None:
                self._at_work[number] = luggage.name
                if luggage.name in self._dropped:
                    del self._at_work[number]
                    continue
            try:
                child.take_away(self._dropped)
                if luggage is not None:
                    child.give(luggage)
                answer = child.ask(request, on_message)
            except (EOFError, OSError):
                self._children[number] = None
                code = child.end()
                answer = WorkerLostError(f"the process that ran it ended with exit code {code}")
            finally:
                self._at_work.pop(number, None)
            if not self._closing:
                on_answer(answer)


class Child:
    """One process that calls functions, and the driver's end of its socket."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        # nothing is sent on it: it is there to be closed by the system when this process is gone
        self._lifeline, lifeline = socket.socketpair()
        with theirs, lifeline:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START.format(theirs.fileno(), lifeline.fileno())],
                pass_fds=[theirs.fileno(), lifeline.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
                # the terminal's Ctrl-C is for the driver, which ends its processes itself
                start_new_session=True,
            )
        self._connection = Connection(ours.detach())
        self._given: set[str] = set()

    def give(self, luggage: Luggage) -> None:
        """Have the process keep luggage, unless it was given that before.

        Raises:
            EOFError: The process ended.
        """
        if luggage.name not in self._given:
            self.ask(pickle.dumps((_keep, (luggage.name, luggage.payload)), protocol=5), _ignore)
            self._given.add(luggage.name)

    def take_away(self, names: set[str]) -> None:
        """Have the process forget luggage, where it was given it.

        Raises:
            EOFError: The process ended.
        """
        for name in self._given & names:
            self.ask(pickle.dumps((_drop, (name,)), protocol=5), _ignore)
            self._given.discard(name)

    def ask(self, request: bytes, on_message: Answer, seconds: float | None = None) -> Any:
        """Have the process call a function, and wait for what it returns.

        Args:
            request: The pickled function and arguments.
            on_message: Called with each message that the function sends.
            seconds: How long to wait; None for as long as it takes.

        Raises:
            TimeoutError: The time was over; the process is still at work.
            EOFError: The process ended.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        self._connection.send_bytes(request)
        while True:
            if deadline is not None:
                self._wait(deadline)
            kind, value = pickle.loads(self._connection.recv_bytes())
            if kind == "answer":
                return value
            on_message(value)

    def _wait(self, deadline: float) -> None:
        """Wait for an answer or a message, in bits: only Python code can be interrupted."""
        while True:
            left = max(deadline - time.monotonic(), 0)
            if self._connection.poll(min(left, _DEAF_SECONDS)):
                return
            if left <= _DEAF_SECONDS:
                raise TimeoutError

    def stop(self) -> None:
        """Kill the process and all that it started; whoever waits for its answer learns of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End the process and all that it started, whatever they are doing."""
        self.stop()
        self._process.wait()
        self._connection.close()
        self._lifeline.close()

    def end(self) -> int:
        """End the process; its exit code, negative for a signal."""
        self._connection.close()
        try:
            code = self._process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            self.stop()
            code = self._process.wait()
        self._lifeline.close()
        return code


_luggage: dict[str, bytes] = {}
_on_drop: list[Callable[[str], None]] = []


def _keep(name: str, payload: bytes) -> None:
    _luggage[name] = payload


def _drop(name: str) -> None:
    _luggage.pop(name, None)
    for callback in _on_drop:
        callback(name)


def on_drop(callback: Callable[[str], None]) -> None:
    """Have a function called, in this process, with the name of luggage that was taken away."""
    _on_drop.append(callback)


def take_luggage(name: str) -> bytes | None:
    """What this process was given under a name; it forgets it then."""
    return _luggage.pop(name, None)


def _ignore(message: Any) -> None:
    return None


_to_driver: Connection | None = None
_sending = threading.Lock()


def _send(kind: str, value: Any) -> None:
    assert _to_driver is not None
    with _sending:
        _to_driver.send_bytes(pickle.dumps((kind, value), protocol=5))


def send_message(value: Any) -> None:
    """Send a message from within a function that a pool's process runs."""
    _send("message", value)


def serve(descriptor: int, lifeline: int) -> None:
    """Answer requests until the other end of the socket is gone.

    Args:
        descriptor: The socket's file descriptor.
        lifeline: That of a socket on which nothing comes but its end.
    """
    global _to_driver
    _die_with(lifeline)
    _to_driver = Connection(descriptor)
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    working = threading.Event()
    threading.Thread(target=_receive, args=(_to_driver, requests, working), daemon=True).start()
    while True:
        request = requests.get()
        working.set()
        function, args = pickle.loads(request)
        answer = function(*args)
        working.clear()
        _send("answer", answer)


def _die_with(lifeline: int) -> None:
    """Have the system kill this process and what it starts when a socket's other end is closed."""
    with contextlib.suppress(AttributeError, OSError):
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        # Linux only; elsewhere the signal is SIGIO, which would end this process as well
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)


def _receive(
    connection: Connection, requests: queue.SimpleQueue[bytes], working: threading.Event
) -> None:
    """Take requests; end the process, whatever it is doing, when the driver is gone."""
    while True:
        try:
            requests.put(connection.recv_bytes())
        except (EOFError, OSError):
            if working.is_set():
                os.killpg(os.getpgrp(), signal.SIGKILL)
            os._exit(0)
