"""Supervises several server processes on one port, over one store.

The supervisor owns the listening socket and the servers inherit it, so the others go on
accepting while one restarts. A server that ends is restarted; SIGHUP restarts all of
them, each once the one before listens again. When the supervisor is gone, they stop.
"""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import suppress
from tempfile import TemporaryDirectory

import attrs
import structlog

from pushserver import logs
from pushserver.errors import Misconfigured, Outdated
from pushserver.inherited_socket import SOCKET_FD_VARIABLE, inherited_socket
from pushserver.interrupts import EXIT_INTERRUPTED
from pushserver.listening import (
    BACKLOG,
    METRICS_SOCKET_VARIABLE,
    SUPERVISOR_FD_VARIABLE,
    listen_error,
)
from pushserver.sd_notify import VARIABLES, NotifySocket, feeding_watchdog
from pushserver.settings import Settings

log = structlog.get_logger(__name__)

#: Seconds before a server that died is restarted.
RESTART_DELAY = 1.0


def serve(settings: Settings) -> int:
    """Run the servers until a signal; return the exit code."""
    if settings.workers == 1:
        # A process that only supervises servers does not load what they are made of.
        from pushserver import server_process  # noqa: PLC0415

        return server_process.serve(settings)
    logger = logs.configure(settings.log_level)
    try:
        with (
            _open_listen_socket(settings) as listen_socket,
            TemporaryDirectory(prefix="pushserver-") as folder,
        ):
            return asyncio.run(_supervise(settings, listen_socket, folder))
    except Misconfigured as error:
        logger.error(str(error))
        return 1
    finally:
        logger.flush()


async def _supervise(
    settings: Settings, listen_socket: socket.socket, folder: str
) -> int:
    async with feeding_watchdog() as manager:
        return await Supervisor(settings, listen_socket, folder, manager).run()


def _open_listen_socket(settings: Settings) -> socket.socket:
    inherited = inherited_socket(os.environ)
    if inherited is not None:
        return inherited
    try:
        return socket.create_server(
            (settings.host, settings.port),
            backlog=BACKLOG,
            family=_address_family(settings.host),
        )
    except OSError as error:
        raise listen_error(settings, error) from error


def _address_family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


@attrs.define(eq=False)
class _WorkerProcess:
    """A server; `listening` is set while it listens, `has_started` once it has."""

    number: int
    process: Process | None = None
    has_started: bool = False
    listening: asyncio.Event = attrs.Factory(asyncio.Event)

    def terminate(self) -> None:
        """Ask it to stop."""
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()


@attrs.define(eq=False)
class Supervisor:
    """
    Keeps the servers running on `listen_socket`.

    In `metrics_folder` they tell each other their numbers. `manager` hears how it goes.
    """

    settings: Settings
    listen_socket: socket.socket
    metrics_folder: str
    manager: NotifySocket
    _workers: list[_WorkerProcess] = attrs.field(factory=list, init=False)
    _stopping: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _exit_code: int = attrs.field(default=0, init=False)

    async def run(self) -> int:
        """Run the servers until a signal, or until one cannot start."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop, 0)
        loop.add_signal_handler(signal.SIGINT, self._stop, EXIT_INTERRUPTED)
        first, *others = self._workers = [
            _WorkerProcess(signal_number)
            for signal_number in range(self.settings.workers)
        ]
        async with asyncio.TaskGroup() as group:
            restarting = group.create_task(self._restart_on_sighup())
            supervising = [group.create_task(self._supervise(first))]
            # The first one alone reports what is wrong with the settings.
            await first.listening.wait()
            # What was restored is held by now; what comes after is new.
            self.settings = attrs.evolve(self.settings, restored=False)
            supervising += [group.create_task(self._supervise(each)) for each in others]
            self._ready()
            await asyncio.gather(*supervising)
            restarting.cancel()
        return self._exit_code

    def _ready(self) -> None:
        if not self._stopping.is_set():
            self.manager.ready(f"{len(self._workers)} processes serve.")

    def _stop(self, exit_code: int) -> None:
        """Terminate all servers; release whoever waits for one to listen."""
        self._exit_code = self._exit_code or exit_code
        self._stopping.set()
        self.manager.stopping("The processes stop.")
        for worker in self._workers:
            worker.terminate()
            worker.listening.set()

    async def _supervise(self, worker: _WorkerProcess) -> None:
        """Run and restart *worker*; if its first start fails, stop all of them."""
        while not self._stopping.is_set():
            exit_code = await self._run_worker(worker)
            if self._stopping.is_set():
                break
            if not worker.has_started:
                self._stop(exit_code or 1)
            elif exit_code:
                log.error("process.died", server=worker.number, code=exit_code)
                # The next one may be of a newer release; if not, it cannot start
                # either.
                worker.has_started = exit_code != Outdated.exit_code
                await self._wait_before_restart()

    async def _wait_before_restart(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), RESTART_DELAY)

    async def _run_worker(self, worker: _WorkerProcess) -> int:
        """Run one server to its end; return its exit code."""
        parent_end, child_end = socket.socketpair()
        try:
            worker.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "pushserver",
                "serve",
                env=self._worker_environ(worker.number, child_end),
                pass_fds=(self.listen_socket.fileno(), child_end.fileno()),
            )
        except BaseException:
            parent_end.close()
            raise
        finally:
            child_end.close()
        if self._stopping.is_set():
            worker.terminate()
        loop = asyncio.get_running_loop()
        loop.add_reader(parent_end, self._on_worker_message, worker, parent_end)
        try:
            return await worker.process.wait()
        finally:
            worker.listening.clear()
            loop.remove_reader(parent_end)
            parent_end.close()

    def _on_worker_message(
        self, worker: _WorkerProcess, parent_end: socket.socket
    ) -> None:
        """Note that the server listens; at the end of the stream, stop reading."""
        if parent_end.recv(1):
            worker.has_started = True
            worker.listening.set()
            pid = worker.process and worker.process.pid
            log.info("process.listens", server=worker.number, pid=pid)
        else:
            asyncio.get_running_loop().remove_reader(parent_end)

    def _worker_environ(
        self, number: int, child_end: socket.socket
    ) -> Mapping[str, str]:
        """Return a server's environment: its settings, and what is of this one."""
        setting_variables = {
            f"PUSHSERVER_{name.upper()}": str(value)
            for name, value in attrs.asdict(self.settings).items()
            if value is not None and name != "workers"
        }
        inherited = {
            name: value
            for name, value in os.environ.items()
            if "PUSHSERVER_" not in name and name not in VARIABLES
        }
        file_variables = {
            SOCKET_FD_VARIABLE: str(self.listen_socket.fileno()),
            SUPERVISOR_FD_VARIABLE: str(child_end.fileno()),
            METRICS_SOCKET_VARIABLE: f"{self.metrics_folder}/{number}.metrics",
        }
        return {**inherited, **setting_variables, **file_variables}

    async def _restart_on_sighup(self) -> None:
        hangup = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, hangup.set)
        while True:
            await hangup.wait()
            hangup.clear()
            self.manager.reloading("The processes are exchanged, one by one.")
            for worker in self._workers:
                # A server that is still starting would take SIGTERM for a failed start.
                await worker.listening.wait()
                worker.listening.clear()
                worker.terminate()
                await worker.listening.wait()
            self._ready()
