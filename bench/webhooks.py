"""The row about webhooks: how fast they leave, and in how much memory."""

import contextlib
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from bench import machine, wire
from bench.machine import resident_bytes
from bench.measure import print_progress, run_load
from bench.row import DEVICES, Bench, TableRow
from bench.servers import RunningServer, ServerKind, running

QUEUED = 10_000
TARGET_RATE = 500
#: So much more memory (MiB) is what a busy process takes anyway.
MAX_GROWTH_MIB = 16
MIB = 1024 * 1024
#: Seconds within which a receiver must be there, and what is queued must have left.
START_TIMEOUT = 10.0
DRAIN_TIMEOUT = 300.0
POLL_INTERVAL = 0.02


@attrs.frozen
class ReceiverProcess:
    """A receiver that runs on the load client's core."""

    port: int

    @property
    def url(self) -> str:
        """Where webhooks go."""
        return f"http://{wire.HOST}:{self.port}/"

    def count(self) -> int:
        """Return how many webhooks came."""
        connection = http.client.HTTPConnection(wire.HOST, self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", "/count")
            return int(connection.getresponse().read())

    def wait_for_count(self, count: int, within: float) -> None:
        """Wait until so many webhooks came."""
        until = time.perf_counter() + within
        while self.count() < count:
            if time.perf_counter() > until:
                raise RuntimeError(f"{self.count()} of {count} webhooks came")
            time.sleep(POLL_INTERVAL)


@contextlib.contextmanager
def receiving() -> Iterator[ReceiverProcess]:
    """Run a receiver for the length of the block."""
    receiver = ReceiverProcess(machine.free_port())
    with machine.pinned_to(machine.LOAD_CORES):
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-m", "bench.receiver", "--port", str(receiver.port)]
        )
    try:
        until = time.perf_counter() + START_TIMEOUT
        while True:
            with contextlib.suppress(OSError):
                receiver.count()
                break
            if time.perf_counter() > until:
                raise RuntimeError("the receiver did not start")
            time.sleep(POLL_INTERVAL)
        yield receiver
    finally:
        process.kill()
        process.wait()


@attrs.frozen
class BenchSubscription:
    """A subscription over everything, at a server of ours."""

    server: RunningServer
    path: str

    @property
    def backlog(self) -> Mapping[str, int]:
        """How far it is behind."""
        found: Mapping[str, int] = _call_api(self.server, "GET", self.path)["backlog"]
        return found

    def wait_until_drained(self) -> None:
        """Wait until everything has left."""
        until = time.perf_counter() + DRAIN_TIMEOUT
        while any(self.backlog.values()):
            if time.perf_counter() > until:
                raise RuntimeError(f"webhooks are left: {self.backlog}")
            time.sleep(10 * POLL_INTERVAL)


def _call_api(server: RunningServer, method: str, path: str, body: Any = None) -> Any:
    content = b"" if body is None else json.dumps(body).encode()
    content_type = "application/json" if content else ""
    status, answer = server.call(method, path, body=content, content_type=content_type)
    if status not in (wire.OK, wire.CREATED):
        raise RuntimeError(f"{method} {path}: {status} {answer[:500]!r}")
    return json.loads(answer)


def subscribe(server: RunningServer, receiver: ReceiverProcess) -> BenchSubscription:
    """Have everything that happens at *server* told to *receiver*."""
    events = ["command.status", "device.online", "device.offline", "result.orphaned"]
    base = "/api/v1/subscriptions"
    created = _call_api(server, "POST", base, {"url": receiver.url, "events": events})
    return BenchSubscription(server, f"{base}/{created['id']}")


def webhooks(bench: Bench) -> Sequence[TableRow]:
    """How fast queued deliveries leave, and in how much memory."""
    with running(bench.setup(ServerKind.OURS)) as ours, receiving() as receiver:
        ours.import_devices(DEVICES)
        subscription = subscribe(ours, receiver)
        # A first round, so that what is grown once is not counted.
        run_load(ours, "cycles", seconds=0.3, devices=DEVICES)
        subscription.wait_until_drained()
        queued = _queue_events(subscription)
        before, come = resident_bytes(ours.process_id), receiver.count()
        started_at = time.perf_counter()
        _call_api(ours, "POST", subscription.path + "/enable")
        receiver.wait_for_count(come + queued, DRAIN_TIMEOUT)
        took = time.perf_counter() - started_at
        grown = (resident_bytes(ours.process_id) - before) / MIB
    print_progress(f"  {queued} in {took:.2f} s; memory grew by {grown:.1f} MiB")
    return [
        TableRow(
            what=f"{QUEUED:,} queued webhooks to a local receiver leave, each second",
            target=f"≥ {TARGET_RATE}",
            measured=f"{queued / took:.0f}",
            is_met=queued / took >= TARGET_RATE,
        ),
        TableRow(
            what="memory that they take while they leave",
            target=f"≤ {MAX_GROWTH_MIB} MiB",
            measured=f"{grown:.1f} MiB",
            is_met=grown <= MAX_GROWTH_MIB,
        ),
    ]


def _queue_events(subscription: BenchSubscription) -> int:
    """Have events wait for a disabled subscription; return how many."""
    server = subscription.server
    _call_api(server, "POST", subscription.path + "/disable")
    with _open_event_stream(server):
        while subscription.backlog["unread"] < QUEUED:
            run_load(server, "cycles", seconds=0.3, devices=DEVICES)
    return subscription.backlog["unread"]


@contextlib.contextmanager
def _open_event_stream(server: RunningServer) -> Iterator[None]:
    """Have a stream listen, so that events are written though nobody is sent them."""
    connection = http.client.HTTPConnection(wire.HOST, server.port, timeout=30)
    with contextlib.closing(connection):
        token = {"Authorization": f"Bearer {wire.TOKEN}"}
        connection.request("GET", "/api/v1/events", headers=token)
        answer = connection.getresponse()
        answer.readline()
        yield
