"""The load client: one process, one scenario, one line of JSON with what it saw.

    python -m bench.load idle --port 8080 --seconds 2

It runs on its own core, so that it takes nothing from the server it measures.
"""

import argparse
import asyncio
import gc
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import attrs

from bench import held, machine, steps
from bench.closed import Cycler, Hand, Poller, Poster, measure
from bench.serving import new_event_loop
from bench.wire import FIRST_DEVICE, Connection, connect


@attrs.frozen(kw_only=True)
class Told:
    """What the command line said."""

    scenario: str
    port: int
    hands: int
    devices: int
    step: int
    seconds: float
    warm: float
    polls: int
    rate: int
    orders: int

    def device_ids(self, count: int) -> list[int]:
        """Return *count* device ids, `step` apart."""
        return [FIRST_DEVICE + at * self.step for at in range(count)]

    def shares(self) -> list[list[int]]:
        """Deal the devices out: each hand has its own."""
        every = self.device_ids(self.devices)
        return [every[at :: self.hands] for at in range(self.hands)]


async def idle(told: Told) -> Mapping[str, float]:
    """Polls that find nothing, one connection for each hand."""
    connections = await connect(told.port, told.hands)
    hands = [Poller(*each) for each in zip(connections, told.shares(), strict=True)]
    return await _paced(told, hands, connections)


async def post(told: Told) -> Mapping[str, float]:
    """Results alone, one connection for each hand: for the bare handler's rate."""
    connections = await connect(told.port, told.hands)
    hands = [Poster(connection, FIRST_DEVICE) for connection in connections]
    return await _paced(told, hands, connections)


async def cycles(told: Told) -> Mapping[str, float]:
    """Whole cycles, a program's and a device's connection for each hand."""
    connections = await connect(told.port, 2 * told.hands)
    programs, terminals = connections[: told.hands], connections[told.hands :]
    hands = [
        Cycler(*each) for each in zip(programs, terminals, told.shares(), strict=True)
    ]
    return await _paced(told, hands, connections)


async def _paced(
    told: Told, hands: Sequence[Hand], connections: Sequence[Connection]
) -> Mapping[str, float]:
    pace = await measure(hands, warm=told.warm, seconds=told.seconds)
    for connection in connections:
        connection.close()
    return attrs.asdict(pace)


async def latency(told: Told) -> Mapping[str, float]:
    """Orders at a steady rate for devices whose polls are held."""
    devices = await held.hold(told.port, told.device_ids(told.polls))
    return await held.order(
        devices,
        told.orders or told.port,
        rate=told.rate,
        warm=told.warm,
        seconds=told.seconds,
    )


async def hold(told: Told) -> Mapping[str, float]:
    """Held polls and nothing else, until standard input ends."""
    devices = await held.hold(told.port, told.device_ids(told.polls))
    sys.stdout.write('{"held": true}\n')
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    return {"answered": sum(device.answers for device in devices)}


async def step(told: Told) -> Mapping[str, float]:
    """Steps of one kind, as standard input asks for them, until that ends."""
    return {"steps": await steps.serve(told.port)}


SCENARIOS: Mapping[str, Callable[[Told], Awaitable[Mapping[str, float]]]]
SCENARIOS = MappingProxyType(
    {
        "idle": idle,
        "post": post,
        "cycles": cycles,
        "latency": latency,
        "hold": hold,
        "step": step,
    }
)


def _told() -> Told:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--hands", type=int, default=64)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--step", type=int, default=1, help="between device ids")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--warm", type=float, default=0.3)
    parser.add_argument("--polls", type=int, default=1000, help="how many are held")
    parser.add_argument("--rate", type=int, default=500, help="orders a second")
    parser.add_argument("--orders", type=int, default=0, help="the port of orders")
    return Told(**vars(parser.parse_args()))


async def _run(told: Told) -> Mapping[str, float]:
    """Run the scenario; an answer that should not have come ends it."""
    loop = asyncio.get_running_loop()
    wrong: asyncio.Future[Mapping[str, float]] = loop.create_future()

    def went_wrong(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not wrong.done():
            error = context.get("exception")
            wrong.set_exception(error or RuntimeError(context["message"]))

    loop.set_exception_handler(went_wrong)
    scenario = asyncio.ensure_future(SCENARIOS[told.scenario](told))
    await asyncio.wait((scenario, wrong), return_when=asyncio.FIRST_COMPLETED)
    return await (wrong if wrong.done() else scenario)


def main() -> None:
    """Run one scenario and print what it saw."""
    # A collection over 10,000 connections would be taken for the server's latency.
    gc.disable()
    machine.allow_open_files()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        saw = runner.run(_run(_told()))
    sys.stdout.write(json.dumps(saw) + "\n")


if __name__ == "__main__":
    main()
