"""Held polls: devices that wait for an order, and orders at a steady rate for them.

The rate does not slacken when the server does: every order has the instant at which it
is due, is sent then whatever is still open, and its latency counts from that instant.
"""

import asyncio
import itertools
import secrets
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence

from bench import wire
from bench.wire import Connection, Unexpected, connect

#: Connections of the ordering programs; orders wait their turn when all are in use.
PROGRAMS = 64
#: Seconds for the server to come to rest once the last poll was sent.
SETTLE = 1.0
PATIENCE = 60.0
#: Timers may be late by some milliseconds: so long before (seconds) nobody sleeps.
SOON = 0.003

Had = Callable[[str, float], None]


class Device:
    """Polls, and waits; posts its result, and polls again."""

    def __init__(self, connection: Connection, device: int) -> None:
        self.id = device
        self.answers = 0
        self.had: Had = lambda _mark, _at: None
        self._connection = connection
        self._uuids = (f"{secrets.token_hex(6)}-{n}" for n in itertools.count())
        self._uuid = ""

    def poll(self) -> None:
        """Ask for something to do."""
        self._uuid = next(self._uuids)
        self._connection.send(wire.poll_request(self.id, self._uuid), self._polled)

    def _polled(self, status: int, body: bytes) -> None:
        at = time.perf_counter()
        if status != wire.OK:
            raise Unexpected(f"a held poll: {status} {body[:200]!r}")
        self.answers += 1
        if not body:
            self.poll()
            return
        self.had(_mark_in(body), at)
        self._connection.send(wire.result_request(self.id, self._uuid), self._posted)

    def _posted(self, status: int, body: bytes) -> None:
        if status != wire.OK or body:
            raise Unexpected(f"a result: {status} {body[:200]!r}")
        self.poll()


def _mark_in(body: bytes) -> str:
    start = body.index(b"mark-")
    return body[start : body.index(b'"', start)].decode()


async def hold(port: int, device_ids: Sequence[int]) -> list[Device]:
    """Connect the devices and have each one's poll held."""
    connections = await connect(port, len(device_ids))
    devices = [Device(*each) for each in zip(connections, device_ids, strict=True)]
    for at, device in enumerate(devices):
        device.poll()
        if at % 100 == 0:
            await asyncio.sleep(0)
    await asyncio.sleep(SETTLE)
    return devices


class Orders:
    """Orders sent when they are due, and what became of each."""

    def __init__(self, devices: Sequence[Device], programs: list[Connection]) -> None:
        self.had: dict[str, float] = {}
        self.replied: dict[str, float] = {}
        self.due: dict[str, float] = {}
        self._free = deque(programs)
        self._waiting: deque[tuple[int, str]] = deque()
        self._devices = itertools.cycle(devices)
        for device in devices:
            device.had = self.had.__setitem__

    def send(self, due: float) -> None:
        """Order something of the next device."""
        device = next(self._devices).id
        mark = f"mark-{len(self.due)}"
        self.due[mark] = due
        if self._free:
            self._send(self._free.popleft(), device, mark)
        else:
            self._waiting.append((device, mark))

    def _send(self, program: Connection, device: int, mark: str) -> None:
        def answered(status: int, body: bytes) -> None:
            self.replied[mark] = time.perf_counter()
            if status != wire.CREATED:
                raise Unexpected(f"an enqueue: {status} {body[:200]!r}")
            if self._waiting:
                self._send(program, *self._waiting.popleft())
            else:
                self._free.append(program)

        program.send(wire.enqueue_request(device, mark), answered)

    @property
    def open(self) -> bool:
        """Whether an order is still without its device."""
        return len(self.had) < len(self.due) or len(self.replied) < len(self.due)

    def percentiles(self, since: float) -> dict[str, float]:
        """Return milliseconds from due, and from the reply, until the device had it."""
        counted = [mark for mark, due in self.due.items() if due >= since]
        waits = [self.had[mark] - self.due[mark] for mark in counted]
        after = [self.had[mark] - self.replied[mark] for mark in counted]
        cuts = statistics.quantiles(waits, n=100)
        return {
            "p50": cuts[49] * 1000,
            "p99": cuts[98] * 1000,
            "worst": max(waits) * 1000,
            "afterReplyP50": statistics.median(after) * 1000,
            "count": len(counted),
        }


async def order(
    devices: Sequence[Device], port: int, *, rate: int, warm: float, seconds: float
) -> dict[str, float]:
    """Order at *rate* a second and return how long the devices waited."""
    orders = Orders(devices, await connect(port, PROGRAMS))
    began = time.perf_counter()
    until = began + warm + seconds
    used = time.process_time()
    for n in itertools.count():
        due = began + n / rate
        if due >= until:
            break
        await _until(due)
        orders.send(due)
    async with asyncio.timeout(PATIENCE):
        while orders.open:  # noqa: ASYNC110
            await asyncio.sleep(SOON)
    busy = (time.process_time() - used) / (time.perf_counter() - began)
    return orders.percentiles(began + warm) | {"busy": busy}


async def _until(due: float) -> None:
    """Sleep for as long as the loop's timers are good for, and turn the rest."""
    await asyncio.sleep(due - time.perf_counter() - SOON)
    while time.perf_counter() < due:  # noqa: ASYNC110
        await asyncio.sleep(0)
