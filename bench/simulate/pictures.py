"""The pictures of docs/scaling.md."""

from collections.abc import Callable, Mapping, Sequence

import attrs

from bench.simulate.drawing import Chart, Series, draw
from bench.simulate.plan import SimulationPlan
from bench.simulate.run import SimulationResult, simulate
from bench.simulate.sweeps import Sweep, devices_for
from bench.simulate.times import ServiceTimes

_DEVICES: Mapping[float, str] = {10.0**n: f"{10**n:,}" for n in range(3, 8)}
_MICROS: Mapping[float, str] = {1e-5: "10 µs", 1e-4: "100 µs"}
_SECONDS: Mapping[float, str] = {
    1e-3: "1 ms",
    1e-2: "10 ms",
    1e-1: "100 ms",
    1.0: "1 s",
}
#: Of how many processes it is shown how busy they are.
_SHOWN = (1, 4, 16)
_PROCESSES = (1, 2, 4, 16)
#: What devices do, in seconds.
SHORT, LONG, HOLD = 5.0, 15.0, 25.0
_PERIODS = (1.0, 2.0, 5.0, 15.0, 60.0)
_HOLDS = (5.0, 10.0, 25.0, 60.0)
_SHARES: Mapping[float, str] = {n / 5: f"{n * 20} %" for n in range(6)}


def pictures(times: ServiceTimes, polled: Sweep, held: Sweep) -> Mapping[str, str]:
    """Return the pictures by the names of their files."""
    polls = _latency(
        f"A poll, of devices that poll every {SHORT:g} s",
        polled,
        {**_MICROS, **_SECONDS},
        lambda answer: answer.poll_latency.p99,
    )
    doors = _latency(
        f"A door, of devices whose polls are held for {HOLD:g} s",
        held,
        _SECONDS,
        lambda answer: answer.door_latency.p99,
    )
    return {
        "polls.svg": draw(polls),
        "doors.svg": draw(doors),
        "load.svg": draw(_load(polled)),
        "period-or-hold.svg": draw(_choice(times)),
    }


def _latency(
    what: str,
    answers: Sweep,
    up: Mapping[float, str],
    of: Callable[[SimulationResult], float],
) -> Chart:
    return Chart(
        title=f"{what}: the slowest of a hundred",
        x_title="devices (a line ends where queues only grow)",
        y_title="",
        x_ticks=_DEVICES,
        y_ticks=up,
        series=[
            Series(
                name=_processes(number),
                points=[(devices, of(answer)) for devices, answer in found.items()],
                colour=colour,
            )
            for colour, number in enumerate(_PROCESSES)
            for found in (answers[number],)
        ],
    )


def _load(answers: Sweep) -> Chart:
    return Chart(
        title=f"How busy what is when devices poll every {SHORT:g} s",
        x_title="devices (a line ends where queues only grow)",
        y_title="",
        x_ticks=_DEVICES,
        y_ticks=_SHARES,
        begins_at_zero=True,
        series=[
            line
            for colour, number in enumerate(_SHOWN)
            for line in _busy(number, answers[number], colour)
        ],
    )


def _busy(
    number: int, found: Mapping[int, SimulationResult], colour: int
) -> Sequence[Series]:
    process = [(n, min(1.0, answer.process_load)) for n, answer in found.items()]
    database = [(n, min(1.0, answer.database_load)) for n, answer in found.items()]
    each = "the one process" if number == 1 else f"each of {number} processes"
    return [
        Series(name=each, points=process, colour=colour),
        Series(
            name="its database (dashed)", points=database, colour=colour, dashed=True
        ),
    ]


def _choice(times: ServiceTimes) -> Chart:
    polled = [SimulationPlan(devices=1, period=seconds) for seconds in _PERIODS]
    held = [
        SimulationPlan(devices=1, period=seconds, holds_polls=True)
        for seconds in _HOLDS
    ]
    return Chart(
        title="What a process serves with half of its core, and how soon doors open",
        x_title="devices of the process",
        y_title="the slowest door of a hundred",
        x_ticks={10.0**n: f"{10**n:,}" for n in range(3, 6)},
        y_ticks={10.0**n: f"{10.0**n:g} s" for n in range(-2, 3)},
        series=[
            _chosen(times, "a poll every ...", polled, 0),
            _chosen(times, "polls held for ...", held, 1),
        ],
    )


def _chosen(
    times: ServiceTimes, name: str, plans: Sequence[SimulationPlan], colour: int
) -> Series:
    points = []
    for plan in plans:
        devices = devices_for(times, plan)
        answer = simulate(attrs.evolve(plan, devices=devices), times)
        points.append((float(devices), answer.door_latency.p99))
    names = [f"{plan.period:g} s" for plan in plans]
    return Series(name=name, points=points, labels=names, colour=colour)


def _processes(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"
