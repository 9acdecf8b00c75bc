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
from bench.closed import Cycler, LoopWorker, Poller, ResultPoster, measure
from bench.mixed import live
from bench.serving import new_event_loop
from bench.wire import FIRST_DEVICE, LoadConnection, connect


@attrs.frozen(kw_only=True)
class LoadOptions:
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
    process: int

    def device_ids(self, count: int) -> list[int]:
        """Return *count* device ids, `step` apart."""
        return [FIRST_DEVICE + at * self.step for at in range(count)]

    def device_shares(self) -> list[list[int]]:
        """Deal the devices out: each hand has its own."""
        all_ids = self.device_ids(self.devices)
        return [all_ids[at :: self.hands] for at in range(self.hands)]


async def idle(options: LoadOptions) -> Mapping[str, float]:
    """Polls that find nothing, one connection for each hand."""
    connections = await connect(options.port, options.hands)
    hands = [
        Poller(*each) for each in zip(connections, options.device_shares(), strict=True)
    ]
    return await _run_loop(options, hands, connections)


async def post(options: LoadOptions) -> Mapping[str, float]:
    """Results alone, one connection for each hand: for the bare handler's rate."""
    connections = await connect(options.port, options.hands)
    hands = [ResultPoster(connection, FIRST_DEVICE) for connection in connections]
    return await _run_loop(options, hands, connections)


async def cycles(options: LoadOptions) -> Mapping[str, float]:
    """Whole cycles, a program's and a device's connection for each hand."""
    connections = await connect(options.port, 2 * options.hands)
    programs, terminals = connections[: options.hands], connections[options.hands :]
    hands = [
        Cycler(*each)
        for each in zip(programs, terminals, options.device_shares(), strict=True)
    ]
    return await _run_loop(options, hands, connections)


async def _run_loop(
    options: LoadOptions,
    hands: Sequence[LoopWorker],
    connections: Sequence[LoadConnection],
) -> Mapping[str, float]:
    pace = await measure(hands, warm_up=options.warm, seconds=options.seconds)
    for connection in connections:
        connection.close()
    return attrs.asdict(pace)


async def latency(options: LoadOptions) -> Mapping[str, float]:
    """Orders at a steady rate for devices whose polls are held."""
    devices = await held.hold_polls(options.port, options.device_ids(options.polls))
    return await held.enqueue_at_rate(
        devices,
        options.orders or options.port,
        rate=options.rate,
        warm=options.warm,
        seconds=options.seconds,
    )


async def mixed(options: LoadOptions) -> Mapping[str, float]:
    """Devices that poll every few seconds, and orders at a steady rate beside them."""
    return await live(
        options.port,
        options.device_ids(options.devices),
        rate=options.rate,
        seconds=options.seconds,
        process_id=options.process,
    )


async def hold(options: LoadOptions) -> Mapping[str, float]:
    """Held polls and nothing else, until standard input ends."""
    devices = await held.hold_polls(options.port, options.device_ids(options.polls))
    sys.stdout.write('{"held": true}\n')
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    return {"answered": sum(device.answer_count for device in devices)}


async def step(options: LoadOptions) -> Mapping[str, float]:
    """Steps of one kind, as standard input asks for them, until that ends."""
    return {"steps": await steps.serve(options.port)}


SCENARIOS: Mapping[str, Callable[[LoadOptions], Awaitable[Mapping[str, float]]]]
SCENARIOS = MappingProxyType(
    {
        "idle": idle,
        "post": post,
        "cycles": cycles,
        "latency": latency,
        "mixed": mixed,
        "hold": hold,
        "step": step,
    }
)


def _parse_options() -> LoadOptions:
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
    parser.add_argument("--process", type=int, default=0, help="the server's id")
    return LoadOptions(**vars(parser.parse_args()))


async def _run(options: LoadOptions) -> Mapping[str, float]:
    """Run the scenario; an answer that should not have come ends it."""
    loop = asyncio.get_running_loop()
    failure: asyncio.Future[Mapping[str, float]] = loop.create_future()

    def on_loop_error(
        _loop: asyncio.AbstractEventLoop, context: dict[str, Any]
    ) -> None:
        if not failure.done():
            error = context.get("exception")
            failure.set_exception(error or RuntimeError(context["message"]))

    loop.set_exception_handler(on_loop_error)
    scenario = asyncio.ensure_future(SCENARIOS[options.scenario](options))
    await asyncio.wait((scenario, failure), return_when=asyncio.FIRST_COMPLETED)
    return await (failure if failure.done() else scenario)


def main() -> None:
    """Run one scenario and print what it saw."""
    # A collection over 10,000 connections would be taken for the server's latency.
    gc.disable()
    machine.allow_open_files()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        report = runner.run(_run(_parse_options()))
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
