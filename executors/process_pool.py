"""Processes that call functions, each by itself: one that dies takes only its own call with it.

A process is this interpreter with this module's `serve`. It talks over a socket of its own, so what
tasks print stays theirs, and it ends when the socket's other end is gone, however that came.
"""

from __future__ import annotations

import contextlib
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
_START = "from prefectlite.executors.process_pool import serve; serve({})"


class ProcessPool:
    """Processes for functions whose answers come by a callback.

    Args:
        size: How many processes; each starts with its first call.
    """

    def __init__(self, size: int) -> None:
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._closing = False
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

    def _serve(self, number: int) -> None:
        while True:
            work = self._work.get()
            if work is None or self._closing:
                return
            request, on_message, on_answer, luggage = work
            child = self._children[number]
            if child is None:
                child = self._children[number] = Child()
            try:
                if luggage is not None:
                    child.give(luggage)
                answer = child.ask(request, on_message)
            except (EOFError, OSError):
                self._children[number] = None
                code = child.end()
                answer = WorkerLostError(f"the process that ran it ended with exit code {code}")
            if not self._closing:
                on_answer(answer)


class Child:
    """One process that calls functions, and the driver's end of its socket."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START.format(theirs.fileno())],
                pass_fds=[theirs.fileno()],
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
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            if not self._connection.poll(left):
                raise TimeoutError
            kind, value = pickle.loads(self._connection.recv_bytes())
            if kind == "answer":
                return value
            on_message(value)

    def kill(self) -> None:
        """End the process and all that it started, whatever they are doing."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._connection.close()

    def end(self) -> int:
        """End the process; its exit code, negative for a signal."""
        self._connection.close()
        try:
            code = self._process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        return code


_luggage: dict[str, bytes] = {}


def _keep(name: str, payload: bytes) -> None:
    _luggage[name] = payload


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


def serve(descriptor: int) -> None:
    """Answer requests until the other end of the socket is gone.

    Args:
        descriptor: The socket's file descriptor.
    """
    global _to_driver
    _to_driver = Connection(descriptor)
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(_to_driver, requests), daemon=True).start()
    while True:
        function, args = pickle.loads(requests.get())
        _send("answer", function(*args))


def _receive(connection: Connection, requests: queue.SimpleQueue[bytes]) -> None:
    """Take requests; end the process, whatever it is doing, when the driver is gone."""
    while True:
        try:
            requests.put(connection.recv_bytes())
        except (EOFError, OSError):
            os._exit(0)
