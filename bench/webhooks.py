"""The rows about webhooks: what they cost the doors, and how fast they leave."""

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
from bench.measure import interleaved, load, rate, say
from bench.row import DEVICES, Bench, Line, at_least
from bench.servers import Kind, Server, running

QUEUED = 10_000
A_SECOND = 500
#: So much more memory (MiB) is what a busy process takes anyway.
FLAT = 16
MIB = 1024 * 1024
#: Seconds within which a receiver must be there, and what is queued must have left.
READY_WITHIN = 10.0
LEFT_WITHIN = 300.0
LOOK_EVERY = 0.02


@attrs.frozen
class Receiver:
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

    def wait(self, count: int, within: float) -> None:
        """Wait until so many webhooks came."""
        until = time.perf_counter() + within
        while self.count() < count:
            if time.perf_counter() > until:
                raise RuntimeError(f"{self.count()} of {count} webhooks came")
            time.sleep(LOOK_EVERY)


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver for the length of the block."""
    receiver = Receiver(machine.free_port())
    with machine.on(machine.LOAD_CORES):
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-m", "bench.receiver", "--port", str(receiver.port)]
        )
    try:
        until = time.perf_counter() + READY_WITHIN
        while True:
            with contextlib.suppress(OSError):
                receiver.count()
                break
            if time.perf_counter() > until:
                raise RuntimeError("the receiver did not start")
            time.sleep(LOOK_EVERY)
        yield receiver
    finally:
        process.kill()
        process.wait()


@attrs.frozen
class Subscription:
    """A subscription over everything, at a server of ours."""

    server: Server
    path: str

    @property
    def backlog(self) -> Mapping[str, int]:
        """How far it is behind."""
        found: Mapping[str, int] = _asked(self.server, "GET", self.path)["backlog"]
        return found

    def wait(self) -> None:
        """Wait until everything has left."""
        until = time.perf_counter() + LEFT_WITHIN
        while any(self.backlog.values()):
            if time.perf_counter() > until:
                raise RuntimeError(f"webhooks are left: {self.backlog}")
            time.sleep(10 * LOOK_EVERY)


def _asked(server: Server, method: str, path: str, body: Any = None) -> Any:
    content = b"" if body is None else json.dumps(body).encode()
    content_type = "application/json" if content else ""
    status, said = server.call(method, path, body=content, content_type=content_type)
    if status not in (wire.OK, wire.CREATED):
        raise RuntimeError(f"{method} {path}: {status} {said[:500]!r}")
    return json.loads(said)


def _subscribe(server: Server, receiver: Receiver) -> Subscription:
    events = ["command.status", "device.online", "device.offline", "result.orphaned"]
    base = "/api/v1/subscriptions"
    made = _asked(server, "POST", base, {"url": receiver.url, "events": events})
    return Subscription(server, f"{base}/{made['id']}")


def subscribed(bench: Bench) -> Sequence[Line]:
    """Full cycles with one subscription over everything against without."""
    plain, told = bench.setup(Kind.OURS, "plain"), bench.setup(Kind.OURS, "told")
    with running(plain) as theirs, running(told) as ours, receiving() as receiver:
        for server in (theirs, ours):
            server.adopt(DEVICES)
        subscription = _subscribe(ours, receiver)
        run = rate(ours, "cycles", seconds=bench.effort.seconds, devices=DEVICES)

        def mine() -> float:
            before, begun = receiver.count(), time.perf_counter()
            done = run()
            left = (receiver.count() - before) / (time.perf_counter() - begun)
            # What is left is told before the other is asked: it has the same core.
            subscription.wait()
            say(f"  meanwhile {left:.0f} webhooks/s left")
            return done

        ratio = interleaved(
            mine,
            rate(theirs, "cycles", seconds=bench.effort.seconds, devices=DEVICES),
            bench.effort.pairs,
        )
    what = "full cycles/s, 64 at a time, with one subscription over everything"
    return [at_least(0.8, ratio, what=what, against="without")]


def webhooks(bench: Bench) -> Sequence[Line]:
    """How fast queued deliveries leave, and in how much memory."""
    with running(bench.setup(Kind.OURS)) as ours, receiving() as receiver:
        ours.adopt(DEVICES)
        subscription = _subscribe(ours, receiver)
        # A first round, so that what is grown once is not counted.
        load(ours, "cycles", seconds=0.3, devices=DEVICES)
        subscription.wait()
        queued = _queue(subscription)
        before, come = resident_bytes(ours.process_id), receiver.count()
        begun = time.perf_counter()
        _asked(ours, "POST", subscription.path + "/enable")
        receiver.wait(come + queued, LEFT_WITHIN)
        took = time.perf_counter() - begun
        grown = (resident_bytes(ours.process_id) - before) / MIB
    say(f"  {queued} in {took:.2f} s; memory grew by {grown:.1f} MiB")
    return [
        Line(
            what=f"{QUEUED:,} queued webhooks to a local receiver leave, each second",
            wanted=f"≥ {A_SECOND}",
            measured=f"{queued / took:.0f}",
            met=queued / took >= A_SECOND,
        ),
        Line(
            what="memory that they take while they leave",
            wanted=f"≤ {FLAT} MiB",
            measured=f"{grown:.1f} MiB",
            met=grown <= FLAT,
        ),
    ]


def _queue(subscription: Subscription) -> int:
    """Have events wait for a disabled subscription; return how many."""
    server = subscription.server
    _asked(server, "POST", subscription.path + "/disable")
    with _listening(server):
        while subscription.backlog["unread"] < QUEUED:
            load(server, "cycles", seconds=0.3, devices=DEVICES)
    return subscription.backlog["unread"]


@contextlib.contextmanager
def _listening(server: Server) -> Iterator[None]:
    """Have a stream listen, so that events are written though nobody is sent them."""
    connection = http.client.HTTPConnection(wire.HOST, server.port, timeout=30)
    with contextlib.closing(connection):
        token = {"Authorization": f"Bearer {wire.TOKEN}"}
        connection.request("GET", "/api/v1/events", headers=token)
        answer = connection.getresponse()
        answer.readline()
        yield
