"""The tables of docs/scaling.md that are measured and simulated."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from bench.simulate.loads import command_cost
from bench.simulate.plan import COMMANDS_A_DAY, DAY, SimulationPlan
from bench.simulate.run import exceeds_capacity, simulate
from bench.simulate.sweeps import Sweep
from bench.simulate.times import Cost, MeasuredTimes, ServiceTimes

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
FLEET_SIZES = (10**4, 10**5, 10**6, 10**7)
#: Devices of a task, the processes that serve them, and how many work at once.
TASK = SimulationPlan(devices=100_000, processes=4, period=25.0, holds_polls=True)
TASK_CONCURRENCIES = (0, 10, 100)
#: A large fleet that does the least for it, and who might serve it: processes, and
#: cores of the database.
LARGE = SimulationPlan(devices=1_000_000, period=60.0, holds_polls=True)
LARGE_SETUPS = ((4, 2), (8, 2), (8, 8), (16, 2), (16, 8), (16, 16))
_ANY = SimulationPlan(devices=1)
_MIB, _GIB = 1024.0**2, 1024.0**3


def tables(
    stored_times: MeasuredTimes, answers: Mapping[SimulationPlan, Sweep]
) -> Mapping[str, str]:
    """Return all of it by the names of the marks between which it is put."""
    return {
        "arithmetic": arithmetic(stored_times.times),
        "date": date(stored_times),
        "costs": costs(stored_times),
        "limits": limits({plan.description: sweep for plan, sweep in answers.items()}),
        "large": large(stored_times.times),
        "tasks": tasks(stored_times.times),
    }


def arithmetic(times: ServiceTimes) -> str:
    """Return what so many devices do, and how much is stored of it."""
    rows = [
        (
            f"{devices:,}",
            f"{devices / 5:,.0f}",
            f"{devices / 15:,.0f}",
            _rate(devices * COMMANDS_A_DAY / DAY),
            _rate(SimulationPlan(devices=devices).commands_per_second),
            _size(devices * times.held_size),
            _size(devices * times.device_size),
            f"{devices * COMMANDS_A_DAY * times.command_size / 1e9:,.1f} GB",
        )
        for devices in FLEET_SIZES
    ]
    return _table(
        (
            "devices",
            "polls/s, every 5 s",
            "every 15 s",
            "commands/s, on average",
            "in the busiest hour",
            "memory, all polls held",
            "memory for the fleet, each server",
            "kept a day",
        ),
        rows,
    )


def limits(answers: Mapping[str, Sweep]) -> str:
    """Return up to how many devices it goes, by what they do and who serves them."""
    first = next(iter(answers.values()))
    rows = [
        (str(number), *(f"{max(found[number]):,}" for found in answers.values()))
        for number in first
    ]
    return _table(("processes", *answers), rows)


def large(times: ServiceTimes) -> str:
    """Return how a large fleet is served by more and more."""
    return _table(
        ("processes", "cores of the database", "each process", "database", "door, p99"),
        [_large_row(times, *by) for by in LARGE_SETUPS],
    )


def _large_row(times: ServiceTimes, processes: int, cores: int) -> Sequence[str]:
    by = (str(processes), str(cores))
    plan = attrs.evolve(LARGE, processes=processes, database_cores=cores)
    if exceeds_capacity(plan, times):
        return (*by, "", "", "too much")
    answer = simulate(plan, times)
    door = _wait(answer.door_latency.p99) if answer.is_steady else "too much"
    return (*by, f"{answer.process_load:.0%}", f"{answer.database_load:.0%}", door)


def tasks(times: ServiceTimes) -> str:
    """Return how long a task takes, and what a door waits meanwhile."""
    rows = []
    for at_once in TASK_CONCURRENCIES:
        plan = attrs.evolve(TASK, concurrency=at_once)
        answer = simulate(plan, times)
        takes = f"{plan.devices / answer.task_rate / 60:,.0f} min" if at_once else ""
        row = (
            str(at_once or "no task"),
            takes,
            *map(_wait, attrs.astuple(answer.door_latency)),
        )
        rows.append(row)
    return _table(("`concurrency`", "the task takes", "door, p50", "door, p99"), rows)


def costs(stored_times: MeasuredTimes) -> str:
    """Return what costs what, of a server's core and of one of the database's."""
    times = stored_times.times
    alone, shared = (command_cost(_ANY, times, sharing=sharing) for sharing in (1, 10))
    rows = [
        ("an idle poll", _micros(times.poll_server), ""),
        ("a held poll", _micros(times.hold_server + times.unhold_server), ""),
        ("a command, alone in its rounds", *_both(alone)),
        ("a command, ten in each of its rounds", *_both(shared)),
        (
            "writing that a device was seen",
            *_both(Cost(times.seen_server, times.seen_database)),
        ),
        (
            "hearing of that, in each other process",
            *_both(Cost(times.seen_notice_server, times.seen_notice_database)),
        ),
        ("hearing what another process did", _micros(times.notice_server), ""),
        (
            "a process that nobody asks, each second",
            *_both(Cost(times.idle_server, times.idle_database)),
        ),
    ]
    return _table(("what", "a server's core", "one of the database's"), rows)


def date(stored_times: MeasuredTimes) -> str:
    """Say when and where that was measured."""
    machine, sync = stored_times.machine, _micros(stored_times.times.sync_wait)
    return (
        f"Measured on {stored_times.date} with PostgreSQL {machine['PostgreSQL']}"
        f" and Python {machine['Python']}\non {machine['processor']}, the median of"
        f" {stored_times.rounds} rounds (`python -m bench.simulate --measure`):\n"
        f"processor time for each. A sync of the disk takes {sync} besides."
    )


def _both(cost: Cost) -> tuple[str, str]:
    return _micros(cost.server), _micros(cost.database)


def _micros(seconds: float) -> str:
    if seconds < 1e-3:  # noqa: PLR2004 - a millisecond
        return f"{seconds * 1e6:,.0f} µs"
    return f"{seconds * 1e3:.1f} ms"


def _rate(rate: float) -> str:
    return f"{rate:.2g}" if rate < 10 else f"{rate:,.0f}"  # noqa: PLR2004 - digits


def _size(size: float) -> str:
    return f"{size / _GIB:,.1f} GiB" if size > _GIB / 4 else f"{size / _MIB:,.0f} MiB"


def _wait(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def replace_section(page: str, name: str, content: str) -> str:
    """
    Put what was *content* between the marks of that *name* in the *page*.

    Raises:
        ValueError: the marks are not there.
    """
    begin, end = f"<!-- made: {name} -->\n", "<!-- end -->\n"
    before, after = page.split(begin)
    _, rest = after.split(end, 1)
    return f"{before}{begin}{content}\n{end}{rest}"
