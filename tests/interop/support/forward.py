"""TLS for programs that know none (Debian's movescu, dcmqrscp): connections pass from plain to TLS or back.

All of it runs in one asyncio loop of its own thread: `ssl` sockets must not be read and written by two threads at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Coroutine

_loop: asyncio.AbstractEventLoop | None = None
_lock = threading.Lock()


def _in_loop(work: Coroutine):
    """Runs `work` in the loop that all forwarders share; its result."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, daemon=True).start()
    return asyncio.run_coroutine_threadsafe(work, _loop).result(30)


class Forward:
    """Passes connections on to a port of this machine, with TLS towards callers, towards the target, or neither."""

    def __init__(self, target: int, *, accept: ssl.SSLContext | None = None, call: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.target, self._call = target, call
        self.connections = 0
        self._live: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server = _in_loop(asyncio.start_server(self._serve, "127.0.0.1", port, ssl=accept, backlog=512))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Closes the port and cuts what runs over it, as a machine that loses power does."""
        _in_loop(self._close())

    async def _close(self) -> None:
        self._server.close()
        for writer in list(self._live):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._live.add(writer)
        try:
            name = None if self._call is None else "localhost"
            there, back = await asyncio.open_connection("127.0.0.1", self.target, ssl=self._call, server_hostname=name)
        except OSError:
            self._live.discard(writer)
            writer.transport.abort()
            return
        self._live.add(back)
        try:
            await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))
        finally:
            for one in (writer, back):
                self._live.discard(one)
                with contextlib.suppress(OSError):
                    one.close()

    @staticmethod
    async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until the end of one direction, which ends the other: TLS knows no half-closed connection worth keeping."""
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while heard := await reader.read(262144):
                writer.write(heard)
                await writer.drain()
        with contextlib.suppress(OSError, RuntimeError):
            writer.close()
