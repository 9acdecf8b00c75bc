"""The steps of commands, one kind at a time, as standard input asks for them.

Each line is an object of JSON, `{"step": "enqueue", "hands": 64, "devices": 500}`, and
is answered with one when every device has had its step. So whoever measures what a
server uses can do it between two steps.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence

import attrs

from bench import wire
from bench.closed import STOP_TIMEOUT, LoopWorker
from bench.wire import FIRST_DEVICE, LoadConnection, UnexpectedAnswer, connect

IsExpected = Callable[[int, bytes], bool]


@attrs.frozen(kw_only=True)
class StepRequest:
    """
    A step for each of *devices*, by *hands* at a time.

    *run* tells commands of one device apart; *times* is how often each polls.
    """

    step: str
    hands: int = 64
    devices: int = 500
    run: int = 0
    times: int = 1

    def requests(self) -> Iterable[bytes]:
        """Return what is sent."""
        for device in range(FIRST_DEVICE, FIRST_DEVICE + self.devices):
            mark = f"mark-{self.run}-{device}"
            match self.step:
                case "enqueue":
                    yield wire.enqueue_request(device, mark)
                case "result":
                    yield wire.result_request(device, mark)
                case _:
                    yield wire.poll_request(device, mark)

    def is_expected(self, status: int, body: bytes) -> bool:
        """Return whether that is the answer."""
        match self.step:
            case "enqueue":
                return status == wire.CREATED
            case "hand_out":
                return status == wire.OK and f"mark-{self.run}-".encode() in body
            case _:
                return status == wire.OK and not body


class StepSender(LoopWorker):
    """Sends what it was given, one after the other, and rests."""

    def __init__(
        self,
        connection: LoadConnection,
        requests: Sequence[bytes],
        is_right: IsExpected,
    ) -> None:
        super().__init__()
        self._connection, self._requests = connection, requests
        self._is_right = is_right

    def start(self) -> None:
        """Send the next one, if there is one."""
        if self.completed < len(self._requests):
            self._connection.send(self._requests[self.completed], self._answered)
        else:
            self.stopped.set()

    def _answered(self, status: int, body: bytes) -> None:
        if not self._is_right(status, body):
            raise UnexpectedAnswer(f"a step: {status} {body[:200]!r}")
        self._complete_round()


@attrs.define
class StepRunner:
    """Does what is asked over connections that stay open."""

    port: int
    _connected: list[LoadConnection] = attrs.field(factory=list, init=False)
    _held_senders: list[StepSender] = attrs.field(factory=list, init=False)

    async def run_step(self, request: StepRequest) -> None:
        """Do one step with every device; `hold` ends when the last poll was sent."""
        match request.step:
            case "connect":
                await self._connections(request.devices)
            case "hold":
                self._held_senders = await self._make_senders(request, request.devices)
                await _start_all(self._held_senders)
            case "held":
                await _wait_all_done(self._held_senders)
            case _:
                hands = await self._make_senders(request, request.hands)
                await _start_all(hands)
                await _wait_all_done(hands)

    async def _make_senders(self, request: StepRequest, count: int) -> list[StepSender]:
        requests = [*request.requests()] * request.times
        shares = [requests[at::count] for at in range(count)]
        return [
            StepSender(connection, share, request.is_expected)
            for connection, share in zip(
                await self._connections(count), shares, strict=True
            )
        ]

    async def _connections(self, count: int) -> Sequence[LoadConnection]:
        if len(self._connected) < count:
            self._connected += await connect(self.port, count - len(self._connected))
        return self._connected[:count]


async def _start_all(hands: Iterable[StepSender]) -> None:
    for at, hand in enumerate(hands):
        hand.start()
        if at % 100 == 0:
            await asyncio.sleep(0)


async def _wait_all_done(hands: Iterable[StepSender]) -> None:
    async with asyncio.timeout(STOP_TIMEOUT):
        await asyncio.gather(*(hand.stopped.wait() for hand in hands))


async def serve(port: int) -> int:
    """Do what each line of standard input asks for; return how many there were."""
    steps, done = StepRunner(port), 0
    while line := await asyncio.to_thread(sys.stdin.readline):
        began = time.perf_counter()
        await steps.run_step(StepRequest(**json.loads(line)))
        done += 1
        sys.stdout.write(json.dumps({"took": time.perf_counter() - began}) + "\n")
        sys.stdout.flush()
    return done
