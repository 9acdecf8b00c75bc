"""One run: a plan and what things cost in, latencies and loads out."""

import statistics
from collections.abc import Sequence
from typing import Self

import attrs

from bench.simulate.background import (
    flush_last_seen,
    record_deliveries,
    simulate_idle_load,
)
from bench.simulate.doors import SimulatedTask, enqueue_commands
from bench.simulate.loads import compute_loads
from bench.simulate.plan import FLUSH_INTERVAL, SimulationPlan
from bench.simulate.servers import MAX_STEPS_PER_ROUND
from bench.simulate.times import CommandPhase, ServiceTimes
from bench.simulate.world import World, build

#: Commands that are counted at least, if that takes no longer than so many seconds.
MIN_COMMANDS, MAX_SECONDS = 1000, 150.0
#: Flushes before anything is counted, and while it is, at the least.
WARM_UP_FLUSHES, MIN_FLUSHES = 1, 4
#: Seconds after which what was counted has ended, if nothing is in its way.
DRAIN_SECONDS = 2.0
#: Who has to wait for longer than that at the end waits for longer and longer.
MAX_STEADY_LAG = 0.3


@attrs.frozen
class Percentiles:
    """The median and the slowest of a hundred, in seconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Self:
        """Return those of at least two."""
        cuts = statistics.quantiles(seconds, n=100)
        return cls(cuts[49], cuts[98])


@attrs.frozen(kw_only=True)
class SimulationResult:
    """
    What came of a run; the loads are shares of what there is, 1 being all.

    `steps_per_round` is how many steps were in a round, `task_rate` a task's operations
    a second, `lag` how many seconds whoever comes last has to wait for everything
    before it.
    """

    poll_latency: Percentiles
    door_latency: Percentiles
    process_load: float
    database_load: float
    disk_load: float
    steps_per_round: float
    task_rate: float
    lag: float

    @property
    def is_steady(self) -> bool:
        """
        Return whether it would go on like that.

        Who is busy all the time may go on: rounds are shared by more then.
        """
        return self.lag < MAX_STEADY_LAG


def exceeds_capacity(plan: SimulationPlan, times: ServiceTimes) -> bool:
    """Return whether there is more to do than can be done, however it is shared."""
    least = compute_loads(plan, times, sharing=MAX_STEPS_PER_ROUND)
    return max(least.process, least.database / plan.database_cores) >= 1


def simulate(
    plan: SimulationPlan, times: ServiceTimes, *, seed: int = 1
) -> SimulationResult:
    """
    Simulate *plan* until enough commands were counted.

    Exact are every command, round and message of every process, and the polls of the
    first. The others' polls are not simulated, they are like the first's: what else
    those do takes longer by the time that their polls take. Devices are not followed:
    polls come by chance, as those of many devices do, and no two commands are for the
    same one.
    """
    waiting = 0.0 if plan.holds_polls else plan.period
    warm = WARM_UP_FLUSHES * FLUSH_INTERVAL + waiting
    seconds = (
        min(MIN_COMMANDS / plan.commands_per_second, MAX_SECONDS)
        + MIN_FLUSHES * FLUSH_INTERVAL
    )
    world = build(plan, times, seed=seed, warm=warm, until=warm + seconds)
    _start(world)
    world.env.run(world.warm)
    before = _Snapshot.of(world)
    world.env.run(world.until)
    after = _Snapshot.of(world)
    world.env.run(world.until + waiting + DRAIN_SECONDS)
    return _result(world, before, after)


def _start(world: World) -> None:
    processes = [enqueue_commands(world), simulate_idle_load(world)]
    for number in range(world.plan.processes):
        processes += [flush_last_seen(world, number), record_deliveries(world, number)]
    if world.plan.concurrency:
        processes.append(SimulatedTask(world).run())
    for steps in processes:
        world.env.process(steps)


@attrs.frozen
class _Snapshot:
    process: float
    database: float
    syncs: int
    jobs: int
    rounds: int
    lag: float

    @classmethod
    def of(cls, world: World) -> Self:
        """Return how it stands now."""
        first, cores = world.processes[0], world.database.cores
        steps = (
            len(CommandPhase) * world.plan.commands_per_second / world.plan.processes
        )
        return cls(
            first.core.booked,
            cores.booked,
            world.database.disk.syncs,
            sum(process.jobs for process in world.processes),
            sum(process.rounds for process in world.processes),
            max(first.core.waiting_time, cores.waiting_time, first.waiting / steps),
        )


def _result(world: World, before: _Snapshot, after: _Snapshot) -> SimulationResult:
    seconds = world.until - world.warm
    cores = seconds * world.plan.database_cores
    syncs = after.syncs - before.syncs
    return SimulationResult(
        poll_latency=Percentiles.of(world.polled_core.waits),
        door_latency=Percentiles.of(world.door_seconds),
        process_load=(after.process - before.process) / seconds,
        database_load=(after.database - before.database) / cores,
        disk_load=syncs * world.times.sync_wait / seconds,
        steps_per_round=(after.jobs - before.jobs) / (after.rounds - before.rounds),
        task_rate=world.finished_operations / seconds,
        lag=after.lag,
    )
