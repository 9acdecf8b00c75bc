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
from bench.closed import PATIENCE, Hand
from bench.wire import FIRST_DEVICE, Connection, Unexpected, connect

Right = Callable[[int, bytes], bool]


@attrs.frozen(kw_only=True)
class Asked:
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

    def is_right(self, status: int, body: bytes) -> bool:
        """Tell whether that is the answer."""
        match self.step:
            case "enqueue":
                return status == wire.CREATED
            case "hand_out":
                return status == wire.OK and f"mark-{self.run}-".encode() in body
            case _:
                return status == wire.OK and not body


class Stepper(Hand):
    """Sends what it was given, one after the other, and rests."""

    def __init__(
        self, connection: Connection, requests: Sequence[bytes], is_right: Right
    ) -> None:
        super().__init__()
        self._connection, self._requests = connection, requests
        self._is_right = is_right

    def start(self) -> None:
        """Send the next one, if there is one."""
        if self.done < len(self._requests):
            self._connection.send(self._requests[self.done], self._answered)
        else:
            self.rested.set()

    def _answered(self, status: int, body: bytes) -> None:
        if not self._is_right(status, body):
            raise Unexpected(f"a step: {status} {body[:200]!r}")
        self._round_over()


@attrs.define
class Steps:
    """Does what is asked over connections that stay open."""

    port: int
    _open: list[Connection] = attrs.field(factory=list, init=False)
    _held: list[Stepper] = attrs.field(factory=list, init=False)

    async def do(self, asked: Asked) -> None:
        """Do one step with every device; `hold` ends when the last poll was sent."""
        match asked.step:
            case "connect":
                await self._connections(asked.devices)
            case "hold":
                self._held = await self._hands(asked, asked.devices)
                await _start(self._held)
            case "held":
                await _rest(self._held)
            case _:
                hands = await self._hands(asked, asked.hands)
                await _start(hands)
                await _rest(hands)

    async def _hands(self, asked: Asked, count: int) -> list[Stepper]:
        requests = [*asked.requests()] * asked.times
        shares = [requests[at::count] for at in range(count)]
        return [
            Stepper(connection, share, asked.is_right)
            for connection, share in zip(
                await self._connections(count), shares, strict=True
            )
        ]

    async def _connections(self, count: int) -> Sequence[Connection]:
        if len(self._open) < count:
            self._open += await connect(self.port, count - len(self._open))
        return self._open[:count]


async def _start(hands: Iterable[Stepper]) -> None:
    for at, hand in enumerate(hands):
        hand.start()
        if at % 100 == 0:
            await asyncio.sleep(0)


async def _rest(hands: Iterable[Stepper]) -> None:
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(hand.rested.wait() for hand in hands))


async def serve(port: int) -> int:
    """Do what each line of standard input asks for; return how many there were."""
    steps, done = Steps(port), 0
    while line := await asyncio.to_thread(sys.stdin.readline):
        began = time.perf_counter()
        await steps.do(Asked(**json.loads(line)))
        done += 1
        sys.stdout.write(json.dumps({"took": time.perf_counter() - began}) + "\n")
        sys.stdout.flush()
    return done
