"""Closed loops: many clients, each starting a step when its last one was answered."""

import abc
import asyncio
import itertools
import secrets
import time
from collections.abc import Sequence

import attrs

from bench import wire
from bench.wire import LoadConnection, UnexpectedAnswer

#: Seconds after which hands that do not come to rest are an error, and polls after
#: which a device that is given nothing is one.
STOP_TIMEOUT, MAX_POLLS = 60.0, 1000
#: Seconds until a device that was given nothing polls again: without a pause its polls
#: would take the processor from the notice that they wait for.
POLL_AGAIN_AFTER = 0.005


class LoopWorker(abc.ABC):
    """Repeats the same thing until it is told to rest."""

    def __init__(self) -> None:
        self.completed = 0
        self.stopped = asyncio.Event()
        self._stopping = False

    @abc.abstractmethod
    def start(self) -> None:
        """Begin a round."""

    def stop(self) -> None:
        """Begin nothing new once the present round is over."""
        self._stopping = True

    def _complete_round(self) -> None:
        self.completed += 1
        if self._stopping:
            self.stopped.set()
        else:
            self.start()


class Poller(LoopWorker):
    """Polls for one device after another; the answer is always empty."""

    def __init__(self, connection: LoadConnection, devices: Sequence[int]) -> None:
        super().__init__()
        self._connection = connection
        self._requests = itertools.cycle(
            [wire.poll_request(device, secrets.token_hex(8)) for device in devices]
        )

    def start(self) -> None:
        """Poll for the next device."""
        self._connection.send(next(self._requests), self._answered)

    def _answered(self, status: int, body: bytes) -> None:
        if status != wire.OK or body:
            raise UnexpectedAnswer(f"an idle poll: {status} {body[:200]!r}")
        self._complete_round()


class ResultPoster(LoopWorker):
    """Posts a device's result over and over, whether anybody asked or not."""

    def __init__(self, connection: LoadConnection, device: int) -> None:
        super().__init__()
        self._connection = connection
        self._request = wire.result_request(device, "of-no-poll")

    def start(self) -> None:
        """Post it."""
        self._connection.send(self._request, self._answered)

    def _answered(self, status: int, body: bytes) -> None:
        if status != wire.OK or body:
            raise UnexpectedAnswer(f"a result: {status} {body[:200]!r}")
        self._complete_round()


class Cycler(LoopWorker):
    """A program and its devices: enqueue, poll, result, each once the last is answered.

    The devices take turns, as one device may not ask without limit. Each command has a
    mark of its own, and a poll must bring the very one that was enqueued. Of several
    processes one may hear of it a moment later: then the device soon polls again.
    """

    def __init__(
        self, program: LoadConnection, terminal: LoadConnection, devices: Sequence[int]
    ) -> None:
        super().__init__()
        self._program, self._terminal = program, terminal
        self._devices = itertools.cycle(devices)
        self._run = secrets.token_hex(4)
        self._device, self._mark, self._polls = 0, "", 0

    def start(self) -> None:
        """Enqueue a command for the next device."""
        self._device = next(self._devices)
        self._mark = f"{self._run}-{self.completed}-{self._device}"
        self._program.send(
            wire.enqueue_request(self._device, self._mark), self._enqueued
        )

    def _enqueued(self, status: int, body: bytes) -> None:
        if status != wire.CREATED:
            raise UnexpectedAnswer(f"an enqueue: {status} {body[:200]!r}")
        self._polls = 0
        self._poll()

    def _poll(self) -> None:
        self._polls += 1
        self._terminal.send(wire.poll_request(self._device, self._mark), self._polled)

    def _polled(self, status: int, body: bytes) -> None:
        if status == wire.OK and not body and self._polls < MAX_POLLS:
            asyncio.get_running_loop().call_later(POLL_AGAIN_AFTER, self._poll)
            return
        if status != wire.OK or self._mark.encode() not in body:
            raise UnexpectedAnswer(f"a poll for {self._mark}: {status} {body[:200]!r}")
        self._terminal.send(wire.result_request(self._device, self._mark), self._posted)

    def _posted(self, status: int, body: bytes) -> None:
        if status != wire.OK or body:
            raise UnexpectedAnswer(f"a result: {status} {body[:200]!r}")
        self._complete_round()


@attrs.frozen(kw_only=True)
class LoopRate:
    """
    How fast the hands were; *busy* is the share of its core the client used.

    *completed* counts all rounds, those before and after the measured time, too.
    """

    rate: float
    busy: float
    completed: int


async def measure(
    hands: Sequence[LoopWorker], *, warm_up: float, seconds: float
) -> LoopRate:
    """Let *hands* work, count what they do for *seconds* after *warm_up* seconds."""
    for hand in hands:
        hand.start()
    await asyncio.sleep(warm_up)
    began, cpu_started = time.perf_counter(), time.process_time()
    before = sum(hand.completed for hand in hands)
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    busy = (time.process_time() - cpu_started) / took
    rate = (sum(hand.completed for hand in hands) - before) / took
    await _stop_all(hands)
    completed = sum(hand.completed for hand in hands)
    return LoopRate(rate=rate, busy=busy, completed=completed)


async def _stop_all(hands: Sequence[LoopWorker]) -> None:
    # Half a cycle left behind would be handed to the next run's poll.
    for hand in hands:
        hand.stop()
    async with asyncio.timeout(STOP_TIMEOUT):
        await asyncio.gather(*(hand.stopped.wait() for hand in hands))
