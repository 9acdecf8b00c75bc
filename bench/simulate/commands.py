"""Measures what the steps of commands cost, and rounds, by how many share one."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs

from bench.measure import print_progress, run_load
from bench.servers import RunningServer
from bench.simulate.fitting import Point, fit_costs
from bench.simulate.meter import CpuUsage, Meter
from bench.simulate.step_client import StepClient
from bench.simulate.testbed import database_bytes, result_count, vacuum
from bench.simulate.times import CommandPhase

STEPS = tuple(CommandPhase)
#: Devices: few, so that writing who was seen is little beside all else.
DEVICES = 500
#: How many are at it at a time, and how often every device is done with then.
AT_A_TIME: Mapping[int, int] = {1: 1, 8: 3, 64: 8, 256: 8}
#: Turns of one who is told of and one who is alone.
REPETITIONS = 2
#: Seconds until it is noted that answers were written; and of whole commands.
RECORD_SECONDS, MIXED = 0.25, 4.0
_runs = itertools.count(1)


@attrs.frozen
class StepUsage:
    """What a step for each of the devices used, *hands* at a time."""

    step: CommandPhase
    hands: int
    used: CpuUsage


def measure(
    server: RunningServer, load_client: StepClient, meter: Meter, idle: CpuUsage
) -> Mapping[str, float]:
    """Return the times by their names; the server that is asked is alone."""
    vacuum(meter)
    before = database_bytes(meter)
    ran = [
        each
        for hands, times in AT_A_TIME.items()
        for each in _run(load_client, meter, idle, hands=hands, times=times)
    ]
    written = len(ran) / len(STEPS) * DEVICES
    size = (database_bytes(meter) - before) / written
    mixed, done = _measure_mixed(server, meter, idle)
    found = {"command_size": size}
    for place, of in _PLACES.items():
        fitted = fit_costs(_points(ran, of), _point([mixed], done, of))
        found[f"round_{place}"] = fitted.round
        found |= {f"any_{step}_{place}": fitted.per_kind[step] for step in STEPS}
        found |= {f"{step}_{place}": fitted.per_step[step] for step in STEPS}
    return found


_PLACES: Mapping[str, Callable[[CpuUsage], float]] = {
    "server": lambda used: used.servers[0],
    "database": lambda used: used.database,
}


def measure_notices(
    load_client: StepClient, alone: StepClient, meter: Meter, idle: CpuUsage
) -> Mapping[str, float]:
    """
    Return what it costs that there is a second server, which is told of everything.

    The meter's third server is alone, and asked in turn with the first. One command at
    a time: so each enqueue and each result is told for itself.
    """
    notified: list[StepUsage] = []
    unnotified: list[StepUsage] = []
    for _ in range(REPETITIONS):
        notified += _run(load_client, meter, idle, hands=1, times=1)
        unnotified += _run(alone, meter, idle, hands=1, times=1)
    more = sum(each.used.servers[0] for each in notified) - sum(
        each.used.servers[2] for each in unnotified
    )
    messages = 2 * DEVICES * REPETITIONS
    return {
        "publish_server": more / messages,
        "publish_database": sum(each.used.reading for each in notified) / messages,
        "notice_server": sum(each.used.servers[1] for each in notified) / messages,
    }


def warm_up(load_client: StepClient) -> None:
    """Do every step: whatever is done for the first time takes longer."""
    run = next(_runs)
    for step in STEPS:
        load_client.run_step(step, devices=DEVICES, run=run)


def _run(
    load_client: StepClient, meter: Meter, idle: CpuUsage, *, hands: int, times: int
) -> Iterator[StepUsage]:
    took = 0.0
    vacuum(meter)
    for _ in range(times):
        run = next(_runs)
        for step in STEPS:
            with meter.measure() as used:
                load_client.run_step(step, hands=hands, devices=DEVICES, run=run)
                time.sleep(RECORD_SECONDS)
            took += used[0].seconds - RECORD_SECONDS
            yield StepUsage(step, hands, used[0].minus(idle))
    print_progress(f"  {hands} at a time: {times * DEVICES / took:,.0f} commands/s")


def _measure_mixed(
    server: RunningServer, meter: Meter, idle: CpuUsage
) -> tuple[CpuUsage, int]:
    """Return what whole commands used, and how many there were."""
    before = result_count(meter)
    with meter.measure() as used:
        rate = run_load(server, "cycles", devices=DEVICES, seconds=MIXED)["rate"]
        time.sleep(RECORD_SECONDS)
    print_progress(f"  {rate:,.0f} whole commands/s")
    return used[0].minus(idle), result_count(meter) - before


def _points(
    ran: Sequence[StepUsage], of: Callable[[CpuUsage], float]
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


def _point(
    used: Sequence[CpuUsage], done: int, of: Callable[[CpuUsage], float]
) -> Point:
    return Point(sum(each.rounds for each in used) / done, sum(map(of, used)) / done)
