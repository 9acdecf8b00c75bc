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
from typing import Protocol

from bench import wire
from bench.wire import LoadConnection, UnexpectedAnswer, connect

#: Connections of the ordering programs; orders wait their turn when all are in use.
PROGRAM_CONNECTIONS = 64
#: Seconds for the server to come to rest once the last poll was sent.
SETTLE_SECONDS = 1.0
DRAIN_TIMEOUT = 60.0
#: Timers may be late by some milliseconds: so long before (seconds) nobody sleeps.
SPIN_SECONDS = 0.003

OnCommand = Callable[[str, float], None]


class OrderedDevice(Protocol):
    """A device that orders are for: says which command it has, and since when."""

    id: int
    on_command: OnCommand


class HeldDevice:
    """Polls, and waits; posts its result, and polls again."""

    def __init__(self, connection: LoadConnection, device: int) -> None:
        self.id = device
        self.answer_count = 0
        self.on_command: OnCommand = lambda _mark, _at: None
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
            raise UnexpectedAnswer(f"a held poll: {status} {body[:200]!r}")
        self.answer_count += 1
        if not body:
            self.poll()
            return
        self.on_command(mark_in(body), at)
        self._connection.send(wire.result_request(self.id, self._uuid), self._posted)

    def _posted(self, status: int, body: bytes) -> None:
        if status != wire.OK or body:
            raise UnexpectedAnswer(f"a result: {status} {body[:200]!r}")
        self.poll()


def mark_in(body: bytes) -> str:
    """Return the mark of the command that a poll was answered with."""
    start = body.index(b"mark-")
    return body[start : body.index(b'"', start)].decode()


async def hold_polls(port: int, device_ids: Sequence[int]) -> list[HeldDevice]:
    """Connect the devices and have each one's poll held."""
    connections = await connect(port, len(device_ids))
    devices = [HeldDevice(*each) for each in zip(connections, device_ids, strict=True)]
    for at, device in enumerate(devices):
        device.poll()
        if at % 100 == 0:
            await asyncio.sleep(0)
    await asyncio.sleep(SETTLE_SECONDS)
    return devices


class OpenLoopEnqueues:
    """Orders sent when they are due, and what became of each."""

    def __init__(
        self, devices: Sequence[OrderedDevice], programs: list[LoadConnection]
    ) -> None:
        self.received_at: dict[str, float] = {}
        self.replied_at: dict[str, float] = {}
        self.due_at: dict[str, float] = {}
        self._free = deque(programs)
        self._waiting: deque[tuple[int, str]] = deque()
        self._devices = itertools.cycle(devices)
        for device in devices:
            device.on_command = self.received_at.__setitem__

    def send(self, due: float) -> None:
        """Order something of the next device."""
        device = next(self._devices).id
        mark = f"mark-{len(self.due_at)}"
        self.due_at[mark] = due
        if self._free:
            self._send(self._free.popleft(), device, mark)
        else:
            self._waiting.append((device, mark))

    def _send(self, program: LoadConnection, device: int, mark: str) -> None:
        def on_answer(status: int, body: bytes) -> None:
            self.replied_at[mark] = time.perf_counter()
            if status != wire.CREATED:
                raise UnexpectedAnswer(f"an enqueue: {status} {body[:200]!r}")
            if self._waiting:
                self._send(program, *self._waiting.popleft())
            else:
                self._free.append(program)

        program.send(wire.enqueue_request(device, mark), on_answer)

    @property
    def has_outstanding(self) -> bool:
        """Whether an order is still without its device."""
        return len(self.received_at) < len(self.due_at) or len(self.replied_at) < len(
            self.due_at
        )

    def percentiles(self, since: float) -> dict[str, float]:
        """Return milliseconds from due, and from the reply, until the device had it."""
        counted = [mark for mark, due in self.due_at.items() if due >= since]
        waits = [self.received_at[mark] - self.due_at[mark] for mark in counted]
        after = [self.received_at[mark] - self.replied_at[mark] for mark in counted]
        cuts = statistics.quantiles(waits, n=100)
        return {
            "p50": cuts[49] * 1000,
            "p99": cuts[98] * 1000,
            "worst": max(waits) * 1000,
            "afterReplyP50": statistics.median(after) * 1000,
            "count": len(counted),
        }


async def enqueue_at_rate(
    devices: Sequence[HeldDevice], port: int, *, rate: int, warm: float, seconds: float
) -> dict[str, float]:
    """Order at *rate* a second and return how long the devices waited."""
    orders = OpenLoopEnqueues(devices, await connect(port, PROGRAM_CONNECTIONS))
    began = time.perf_counter()
    ends_at = began + warm + seconds
    cpu_started = time.process_time()
    for n in itertools.count():
        due = began + n / rate
        if due >= ends_at:
            break
        await _sleep_until(due)
        orders.send(due)
    async with asyncio.timeout(DRAIN_TIMEOUT):
        while orders.has_outstanding:  # noqa: ASYNC110
            await asyncio.sleep(SPIN_SECONDS)
    busy = (time.process_time() - cpu_started) / (time.perf_counter() - began)
    return orders.percentiles(began + warm) | {"busy": busy}


async def _sleep_until(due_at: float) -> None:
    """Sleep for as long as the loop's timers are good for, and turn the rest."""
    await asyncio.sleep(due_at - time.perf_counter() - SPIN_SECONDS)
    while time.perf_counter() < due_at:  # noqa: ASYNC110
        await asyncio.sleep(0)
