"""The servers that are measured, each started on its own core and stopped again."""

import contextlib
import enum
import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

from bench import machine, wire
from bench.wire import FIRST_DEVICE, HOST, TOKEN

#: Seconds within which a server must answer, and must have ended when told to.
START_TIMEOUT = 60.0
STOP_TIMEOUT = 15.0
#: Seconds between two looks at whether it answers.
POLL_INTERVAL = 0.005


class ServerKind(enum.StrEnum):
    """Which server."""

    BARE = "the bare handler"
    OBVIOUS = "the obvious server"
    OBVIOUS_POSTGRES = "the obvious server on PostgreSQL"
    OURS = "pushserver"
    NO_COMMIT = "pushserver without commits"


@attrs.frozen(kw_only=True)
class ServerSetup:
    """
    How a server is started; *preload* is a library put before libc.

    *url* is its database if that is no file; *both* is 1 if it may use both cores.
    *source* is the folder of another release, whose server is started.
    """

    kind: ServerKind
    database: Path
    url: str | None = None
    hold: int = 0
    workers: int = 1
    uses_both_cores: int = 0
    preload: Path | None = None
    fast_lane: bool = True
    source: Path | None = None

    def command(self, port: int) -> list[str]:
        """Return the command line."""
        at = ["--port", str(port)]
        database = ["--database", self.url or f"sqlite:///{self.database}"]
        match self.kind:
            case ServerKind.BARE:
                rest = ["bench.bare", *at]
            case ServerKind.OBVIOUS:
                rest = ["bench.obvious", *at, "--database", str(self.database)]
            case ServerKind.OBVIOUS_POSTGRES:
                rest = ["bench.obvious_postgres", *at, *database]
            case ServerKind.OURS:
                rest = ["pushserver", "serve", *at, *database]
            case ServerKind.NO_COMMIT:
                rest = ["bench.nocommit", "serve", *at, *database]
        return [sys.executable, "-m", *rest]

    def environ(self) -> dict[str, str]:
        """Return the environment: ours without any setting that is not the bench's."""
        environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PUSHSERVER_")
        }
        environ["PUSHSERVER_ADMIN_TOKEN"] = TOKEN
        environ["PUSHSERVER_HOLD"] = str(self.hold)
        environ["PUSHSERVER_FAST_LANE"] = str(self.fast_lane)
        environ["PUSHSERVER_WORKERS"] = str(self.workers)
        environ["PUSHSERVER_WEBHOOK_ALLOW_HTTP"] = "true"
        environ["PUSHSERVER_WEBHOOK_ALLOW_NETWORKS"] = "127.0.0.0/8"
        if self.source is not None:
            environ["PYTHONPATH"] = str(self.source)
        if self.preload is not None:
            environ["LD_PRELOAD"] = str(self.preload)
        return environ

    @property
    def ready_path(self) -> str:
        """Return the path that answers 200 once the server is ready."""
        ours = self.kind in (ServerKind.OURS, ServerKind.NO_COMMIT)
        return "/readyz" if ours else "/push?deviceId=1"


@attrs.frozen(kw_only=True)
class RunningServer:
    """A server that runs; *started_in* is seconds from its start until it was ready."""

    port: int
    process_id: int
    started_in: float

    def processor_seconds(self) -> float:
        """Return what it and its workers used of processors until now."""
        return sum(map(machine.processor_seconds, machine.family(self.process_id)))

    def call(
        self, method: str, path: str, *, body: bytes = b"", content_type: str = ""
    ) -> tuple[int, bytes]:
        """Ask it something as the administrator."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        if content_type:
            headers["Content-Type"] = content_type
        connection = http.client.HTTPConnection(HOST, self.port, timeout=120)
        with contextlib.closing(connection):
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def import_devices(self, count: int, *, step: int = 1) -> None:
        """Import *count* devices, their ids *step* apart."""
        lines = "".join(
            f'{{"deviceId":"{FIRST_DEVICE + at * step}"}}\n' for at in range(count)
        )
        status, answer = self.call(
            "POST",
            "/api/v1/devices/import",
            body=lines.encode(),
            content_type="application/x-ndjson",
        )
        if status != wire.OK:
            raise RuntimeError(f"importing devices: {status} {answer[:500]!r}")


@contextlib.contextmanager
def running(setup: ServerSetup) -> Iterator[RunningServer]:
    """Run a server for the length of the block; what it prints goes to a file."""
    port = machine.free_port()
    log = setup.database.with_suffix(".log")
    cores = frozenset(machine.CORES) if setup.uses_both_cores else machine.SERVER_CORES
    with log.open("ab") as out, machine.pinned_to(cores):
        began = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own command line
            setup.command(port),
            env=setup.environ(),
            cwd=setup.source,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        took = _wait_until_ready(process, port, setup.ready_path, began=began, log=log)
        yield RunningServer(port=port, process_id=process.pid, started_in=took)
        if process.poll() is not None:
            raise RuntimeError(f"{setup.kind} ended by itself:\n{_log_tail(log)}")
    finally:
        _stop(process)


def _wait_until_ready(
    process: subprocess.Popen[bytes], port: int, path: str, *, began: float, log: Path
) -> float:
    while process.poll() is None and time.perf_counter() - began < START_TIMEOUT:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(HOST, port, timeout=1)
            with contextlib.closing(connection):
                connection.request("GET", path)
                if connection.getresponse().status == wire.OK:
                    return time.perf_counter() - began
        time.sleep(POLL_INTERVAL)
    raise RuntimeError(f"{process.args!r} did not start:\n{_log_tail(log)}")


def _log_tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
