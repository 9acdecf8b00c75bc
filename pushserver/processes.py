"""Several servers on one port: processes over one store, looked after by this one.

The listening socket is this process's; the servers inherit it, so while one of them is
exchanged the others go on accepting. One that ends is made anew; on SIGHUP all are, one
after the other, each when the one before listens again. When this process is gone, so
are they.
"""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import suppress

import attrs
import structlog

from pushserver import app, logs
from pushserver.errors import Misconfigured
from pushserver.port import BACKLOG, KEEPER, SOCKET, cannot_listen
from pushserver.settings import Settings

log = structlog.get_logger(__name__)

#: Seconds before a server that died is made anew.
PAUSE = 1.0


def serve(settings: Settings) -> int:
    """Run as many servers as the settings say until a signal; return the exit code."""
    if settings.workers == 1:
        return app.serve(settings)
    logger = logs.set_up(settings.log_level)
    try:
        with _listen(settings) as port:
            return asyncio.run(Processes(settings, port).run())
    except Misconfigured as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        logger.flush()


def _listen(settings: Settings) -> socket.socket:
    try:
        return socket.create_server(
            (settings.host, settings.port),
            backlog=BACKLOG,
            family=_family(settings.host),
        )
    except OSError as error:
        raise cannot_listen(settings, error) from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


@attrs.define(eq=False)
class _Server:
    """One of the processes; `ready` is set while it listens, `begun` once it did."""

    number: int
    process: Process | None = None
    begun: bool = False
    ready: asyncio.Event = attrs.Factory(asyncio.Event)

    def terminate(self) -> None:
        """Ask it to stop."""
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()


@attrs.define(eq=False)
class Processes:
    """Keeps the servers running on the socket *port*."""

    settings: Settings
    port: socket.socket
    _servers: list[_Server] = attrs.field(factory=list, init=False)
    _stopping: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _code: int = attrs.field(default=0, init=False)

    async def run(self) -> int:
        """Run the servers until a signal, or until one cannot start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, 0)
        first, *others = self._servers = [
            _Server(number) for number in range(self.settings.workers)
        ]
        async with asyncio.TaskGroup() as group:
            exchanging = group.create_task(self._exchange_on_hangup())
            keepers = [group.create_task(self._keep(first))]
            # What is wrong with the settings is said once, by the first one.
            await first.ready.wait()
            keepers += [group.create_task(self._keep(each)) for each in others]
            await asyncio.gather(*keepers)
            exchanging.cancel()
        return self._code

    def _stop(self, code: int) -> None:
        """Stop them all, and let nobody wait for one that will not come."""
        self._code = self._code or code
        self._stopping.set()
        for server in self._servers:
            server.terminate()
            server.ready.set()

    async def _keep(self, server: _Server) -> None:
        """Have *server* run; one that could never start stops them all."""
        while not self._stopping.is_set():
            code = await self._run(server)
            if self._stopping.is_set():
                break
            if not server.begun:
                self._stop(code or 1)
            elif code:
                log.error("process.died", server=server.number, code=code)
                await self._pause()

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), PAUSE)

    async def _run(self, server: _Server) -> int:
        """Run one server to its end; return its exit code."""
        own, its = socket.socketpair()
        try:
            server.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "pushserver",
                "serve",
                env=self._environ(its),
                pass_fds=(self.port.fileno(), its.fileno()),
            )
        except BaseException:
            own.close()
            raise
        finally:
            its.close()
        if self._stopping.is_set():
            server.terminate()
        loop = asyncio.get_running_loop()
        loop.add_reader(own, self._hear, server, own)
        try:
            return await server.process.wait()
        finally:
            server.ready.clear()
            loop.remove_reader(own)
            own.close()

    def _hear(self, server: _Server, own: socket.socket) -> None:
        """Note that the server listens; at the line's end it does no more."""
        if own.recv(1):
            server.begun = True
            server.ready.set()
            pid = server.process and server.process.pid
            log.info("process.listens", server=server.number, pid=pid)
        else:
            asyncio.get_running_loop().remove_reader(own)

    def _environ(self, its: socket.socket) -> Mapping[str, str]:
        """Return the settings as a process gets them."""
        given = {
            f"PUSHSERVER_{name.upper()}": str(value)
            for name, value in attrs.asdict(self.settings).items()
            if value is not None and name != "workers"
        }
        inherited = {k: v for k, v in os.environ.items() if "PUSHSERVER_" not in k}
        handed = {SOCKET: str(self.port.fileno()), KEEPER: str(its.fileno())}
        return {**inherited, **given, **handed}

    async def _exchange_on_hangup(self) -> None:
        hangup = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, hangup.set)
        while True:
            await hangup.wait()
            hangup.clear()
            for server in self._servers:
                # One that only just starts would take it for a reason not to.
                await server.ready.wait()
                server.ready.clear()
                server.terminate()
                await server.ready.wait()
