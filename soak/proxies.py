"""A way to a server of this machine that can be cut, blocked, or answer "503 Slow Down"."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Coroutine
from typing import Any

_BUSY = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>busy</Message></Error>"
_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)


class Network:
    """The thread that all proxies live in."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Have the thread do something, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class Proxy:
    """Listens at a port of 127.0.0.1, and passes on to another.

    Args:
        network: The thread that it lives in.
        target: The port of the server.
    """

    def __init__(self, network: Network, target: int) -> None:
        self.target = target
        self._network = network
        # passes, refuses, or is busy
        self._mode = "passes"
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._flows: asyncio.Event | None = None
        self.port: int = network.run(self._listen())

    async def _listen(self) -> int:
        self._flows = asyncio.Event()
        self._flows.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def cut(self, and_refuse: bool = False) -> None:
        """Drop all connections.

        Args:
            and_refuse: New ones are dropped too, until `mend`.
        """
        self._network.run(self._cut("refuses" if and_refuse else "passes"))

    def be_busy(self) -> None:
        """Answer every request with 503, until `mend`."""
        self._network.run(self._cut("busy"))

    def block(self) -> None:
        """Pass nothing on, and drop nothing, until `mend`."""
        self._network.run(self._let_flow(False))

    def mend(self) -> None:
        """Pass everything on."""
        self._mode = "passes"
        self._network.run(self._let_flow(True))

    def close(self) -> None:
        """End it."""
        self._network.run(self._close())

    async def _let_flow(self, flows: bool) -> None:
        assert self._flows is not None
        if flows:
            self._flows.set()
        else:
            self._flows.clear()

    async def _cut(self, mode: str) -> None:
        self._mode = mode
        for writer in list(self._open):
            writer.transport.abort()
        self._open.clear()

    async def _close(self) -> None:
        self._server.close()
        await self._let_flow(True)
        await self._cut("refuses")
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                if self._mode == "busy":
                    await _say_busy(reader, writer)
                elif self._mode == "passes":
                    await self._connect(reader, writer)
        finally:
            self._open.discard(writer)
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self.target)
        self._open.add(forth)
        ways = [
            asyncio.ensure_future(self._pass(reader, forth)),
            asyncio.ensure_future(self._pass(back, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._open.discard(forth)
            forth.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._flows is not None
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()


async def _say_busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request of HTTP with 503, and end the connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if length and b"100-continue" not in head.lower():
        await reader.readexactly(int(length[1]))
    writer.write(
        b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(_BUSY) + _BUSY
    )
    await writer.drain()
