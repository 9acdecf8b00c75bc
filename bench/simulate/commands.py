"""Measures what the steps of commands cost, and rounds, by how many share one."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs

from bench.measure import load, say
from bench.servers import Server
from bench.simulate.client import Client
from bench.simulate.fitting import Point, costs
from bench.simulate.meter import Meter, Used
from bench.simulate.stage import database_bytes, result_count, vacuum
from bench.simulate.times import Step

STEPS = tuple(Step)
#: Devices: few, so that writing who was seen is little beside all else.
DEVICES = 500
#: How many are at it at a time, and how often every device is done with then.
AT_A_TIME: Mapping[int, int] = {1: 1, 8: 3, 64: 8, 256: 8}
#: Turns of one who is told of and one who is alone.
TURNS = 2
#: Seconds until it is noted that answers were written; and of whole commands.
NOTED, MIXED = 0.25, 4.0
_runs = itertools.count(1)


@attrs.frozen
class Ran:
    """What a step for each of the devices used, *hands* at a time."""

    step: Step
    hands: int
    used: Used


def measure(
    server: Server, asking: Client, meter: Meter, idle: Used
) -> Mapping[str, float]:
    """Return the times by their names; the server that is asked is alone."""
    vacuum(meter)
    before = database_bytes(meter)
    ran = [
        each
        for hands, times in AT_A_TIME.items()
        for each in _run(asking, meter, idle, hands=hands, times=times)
    ]
    written = len(ran) / len(STEPS) * DEVICES
    size = (database_bytes(meter) - before) / written
    mixed, done = _mixed(server, meter, idle)
    found = {"command_size": size}
    for place, of in _PLACES.items():
        fitted = costs(_points(ran, of), _point([mixed], done, of))
        found[f"round_{place}"] = fitted.round
        found |= {f"any_{step}_{place}": fitted.first[step] for step in STEPS}
        found |= {f"{step}_{place}": fitted.each[step] for step in STEPS}
    return found


_PLACES: Mapping[str, Callable[[Used], float]] = {
    "server": lambda used: used.servers[0],
    "database": lambda used: used.database,
}


def telling(
    asking: Client, alone: Client, meter: Meter, idle: Used
) -> Mapping[str, float]:
    """
    Return what it costs that there is a second server, which is told of everything.

    The meter's third server is alone, and asked in turn with the first. One command at
    a time: so each enqueue and each result is told for itself.
    """
    told: list[Ran] = []
    by_itself: list[Ran] = []
    for _ in range(TURNS):
        told += _run(asking, meter, idle, hands=1, times=1)
        by_itself += _run(alone, meter, idle, hands=1, times=1)
    more = sum(each.used.servers[0] for each in told) - sum(
        each.used.servers[2] for each in by_itself
    )
    messages = 2 * DEVICES * TURNS
    return {
        "tell_server": more / messages,
        "tell_database": sum(each.used.reading for each in told) / messages,
        "told_server": sum(each.used.servers[1] for each in told) / messages,
    }


def warm_up(asking: Client) -> None:
    """Do every step: whatever is done for the first time takes longer."""
    run = next(_runs)
    for step in STEPS:
        asking.do(step, devices=DEVICES, run=run)


def _run(
    asking: Client, meter: Meter, idle: Used, *, hands: int, times: int
) -> Iterator[Ran]:
    took = 0.0
    vacuum(meter)
    for _ in range(times):
        run = next(_runs)
        for step in STEPS:
            with meter.metering() as used:
                asking.do(step, hands=hands, devices=DEVICES, run=run)
                time.sleep(NOTED)
            took += used[0].took - NOTED
            yield Ran(step, hands, used[0].without(idle))
    say(f"  {hands} at a time: {times * DEVICES / took:,.0f} commands/s")


def _mixed(server: Server, meter: Meter, idle: Used) -> tuple[Used, int]:
    """Return what whole commands used, and how many there were."""
    before = result_count(meter)
    with meter.metering() as used:
        rate = load(server, "cycles", devices=DEVICES, seconds=MIXED)["rate"]
        time.sleep(NOTED)
    say(f"  {rate:,.0f} whole commands/s")
    return used[0].without(idle), result_count(meter) - before


def _points(
    ran: Sequence[Ran], of: Callable[[Used], float]
) -> Mapping[str, Sequence[Point]]:
    """Return for each step a point for each number of hands."""
    return {
        step: [
            _point(used, len(used) * DEVICES, of)
            for hands in AT_A_TIME
            for used in ([r.used for r in ran if (r.step, r.hands) == (step, hands)],)
        ]
        for step in STEPS
    }


def _point(used: Sequence[Used], done: int, of: Callable[[Used], float]) -> Point:
    return Point(sum(each.rounds for each in used) / done, sum(map(of, used)) / done)
