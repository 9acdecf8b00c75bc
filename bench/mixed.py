"""A mixed day: very many devices that poll now and then, and orders beside them.

Polls and orders are sent when they are due, whatever is still open, a few milliseconds
at a time: the receiver of webhooks and the console's reader have the same core. What a
device cannot send yet, because its last request is open, counts from when it was due.
"""

import asyncio
import itertools
import secrets
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence

import attrs

from bench import held, wire
from bench.machine import processor_seconds
from bench.wire import LoadConnection, UnexpectedAnswer, connect

#: Seconds between two polls of a device, and between two looks at the clock.
PERIOD, TICK = 5.0, 0.002
#: Seconds before what is counted, in which every device polls for the first time.
WARM_UP = PERIOD + 1


class PollingDevice:
    """Polls when it is told to, and posts the result of what it is given."""

    def __init__(
        self, connection: LoadConnection, device: int, waits: list[tuple[float, float]]
    ) -> None:
        self.id = device
        self.on_command: held.OnCommand = lambda _mark, _at: None
        self._connection, self._waits = connection, waits
        self._uuids = (f"{secrets.token_hex(6)}-{n}" for n in itertools.count())
        self._uuid = ""
        self._polled_at: float | None = None
        self._due: float | None = None

    def poll(self, due: float) -> None:
        """Ask for something to do, once the last request is answered."""
        if self._polled_at is not None:
            self._due = self._due or due
            return
        self._polled_at, self._uuid = due, next(self._uuids)
        self._connection.send(wire.poll_request(self.id, self._uuid), self._polled)

    def _polled(self, status: int, body: bytes) -> None:
        at = time.perf_counter()
        if status != wire.OK:
            raise UnexpectedAnswer(f"a poll: {status} {body[:200]!r}")
        assert self._polled_at is not None
        self._waits.append((self._polled_at, at - self._polled_at))
        if not body:
            self._finish()
            return
        self.on_command(held.mark_in(body), at)
        self._connection.send(wire.result_request(self.id, self._uuid), self._posted)

    def _posted(self, status: int, body: bytes) -> None:
        if status != wire.OK or body:
            raise UnexpectedAnswer(f"a result: {status} {body[:200]!r}")
        self._finish()

    def _finish(self) -> None:
        due, self._polled_at, self._due = self._due, None, None
        if due is not None:
            self.poll(due)


@attrs.define
class ServerLoad:
    """Which part of a core a process used since *began*."""

    process_id: int
    began: float = attrs.field(factory=time.perf_counter)
    _before: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Note what it used until now."""
        self._before = processor_seconds(self.process_id)

    def share(self) -> float:
        """Return the part of one core."""
        spent = processor_seconds(self.process_id) - self._before
        return spent / (time.perf_counter() - self.began)


async def live(
    port: int, device_ids: Sequence[int], *, rate: int, seconds: float, process_id: int
) -> Mapping[str, float]:
    """Poll, order at *rate* a second; return milliseconds and the server's share."""
    waits: list[tuple[float, float]] = []
    connections = await connect(port, len(device_ids))
    devices = [
        PollingDevice(connection, device, waits)
        for connection, device in zip(connections, device_ids, strict=True)
    ]
    programs = await connect(port, held.PROGRAM_CONNECTIONS)
    orders = held.OpenLoopEnqueues(devices, programs)
    began, cpu_started = time.perf_counter(), time.process_time()
    polls = _schedule_polls(devices, began)
    await _send(polls, began + WARM_UP)
    load, counted_from = ServerLoad(process_id), time.perf_counter()
    await _send(polls, counted_from + seconds, orders, rate)
    share = load.share()
    # Every device polls once more, and has its command then.
    await _send(polls, time.perf_counter() + PERIOD + 1)
    if orders.has_outstanding:
        raise UnexpectedAnswer("an order did not reach its device")
    busy = (time.process_time() - cpu_started) / (time.perf_counter() - began)
    ends_at = counted_from + seconds
    polled = [wait for due, wait in waits if counted_from <= due < ends_at]
    replied = [orders.replied_at[mark] - due for mark, due in orders.due_at.items()]
    return {
        "share": share,
        "busy": busy,
        "pollP99": _p99(polled),
        "orderP99": _p99(replied),
        "deviceP50": orders.percentiles(0)["p50"],
        "deviceP99": orders.percentiles(0)["p99"],
        "polls": len(polled),
        "orders": len(replied),
    }


def _p99(waits: Sequence[float]) -> float:
    return statistics.quantiles(waits, n=100)[98] * 1000


def _schedule_polls(
    devices: Sequence[PollingDevice], began: float
) -> Iterator[tuple[float, PollingDevice]]:
    """Yield each poll with its instant: the devices' are spread over the period."""
    gap = PERIOD / len(devices)
    for n, device in enumerate(itertools.cycle(devices)):
        yield began + n * gap, device


async def _send(
    polls: Iterator[tuple[float, PollingDevice]],
    ends_at: float,
    orders: held.OpenLoopEnqueues | None = None,
    rate: int = 0,
) -> None:
    """Send what is due until *ends_at*; a poll counts from when it is sent."""
    began, ordered = time.perf_counter(), 0
    while (now := time.perf_counter()) < ends_at:
        for due, device in polls:
            device.poll(now)
            if due >= now:
                break
        if orders is not None and ordered < (now - began) * rate:
            orders.send(now)
            ordered += 1
        await asyncio.sleep(TICK)
