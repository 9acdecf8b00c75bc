"""One run: a plan and what things cost in, latencies and loads out."""

import statistics
from collections.abc import Sequence
from typing import Self

import attrs

from bench.simulate.chores import flushing, idling, noting
from bench.simulate.doors import Task, ordering
from bench.simulate.loads import loads
from bench.simulate.plan import FLUSH_EVERY, Plan
from bench.simulate.servers import MOST
from bench.simulate.times import Step, Times
from bench.simulate.world import World, build

#: Commands that are counted at least, if that takes no longer than so many seconds.
COUNTED, LONGEST = 1000, 150.0
#: Flushes before anything is counted, and while it is, at the least.
WARM, FLUSHES = 1, 4
#: Seconds after which what was counted has ended, if nothing is in its way.
ENDING = 2.0
#: Who has to wait for longer than that at the end waits for longer and longer.
STEADY = 0.3


@attrs.frozen
class Spread:
    """The median and the slowest of a hundred, in seconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Self:
        """Return those of at least two."""
        cuts = statistics.quantiles(seconds, n=100)
        return cls(cuts[49], cuts[98])


@attrs.frozen(kw_only=True)
class Answer:
    """
    What came of a run; the loads are shares of what there is, 1 being all.

    `sharing` is how many steps were in a round, `of_task` a task's operations a second,
    `lag` how many seconds whoever comes last has to wait for everything before it.
    """

    poll: Spread
    door: Spread
    process: float
    database: float
    disk: float
    sharing: float
    of_task: float
    lag: float

    @property
    def is_steady(self) -> bool:
        """
        Tell whether it would go on like that.

        Who is busy all the time may go on: rounds are shared by more then.
        """
        return self.lag < STEADY


def is_hopeless(plan: Plan, times: Times) -> bool:
    """Tell whether there is more to do than can be done, however it is shared."""
    least = loads(plan, times, sharing=MOST)
    return max(least.process, least.database / plan.database_cores) >= 1


def simulate(plan: Plan, times: Times, *, seed: int = 1) -> Answer:
    """
    Simulate *plan* until enough commands were counted.

    Exact are every command, round and message of every process, and the polls of the
    first. The others' polls are not simulated, they are like the first's: what else
    those do takes longer by the time that their polls take. Devices are not followed:
    polls come by chance, as those of many devices do, and no two commands are for the
    same one.
    """
    waiting = 0.0 if plan.held else plan.period
    warm = WARM * FLUSH_EVERY + waiting
    seconds = min(COUNTED / plan.doors, LONGEST) + FLUSHES * FLUSH_EVERY
    world = build(plan, times, seed=seed, warm=warm, until=warm + seconds)
    _start(world)
    world.env.run(world.warm)
    before = _Counts.of(world)
    world.env.run(world.until)
    after = _Counts.of(world)
    world.env.run(world.until + waiting + ENDING)
    return _answer(world, before, after)


def _start(world: World) -> None:
    doing = [ordering(world), idling(world)]
    for number in range(world.plan.processes):
        doing += [flushing(world, number), noting(world, number)]
    if world.plan.concurrency:
        doing.append(Task(world).run())
    for steps in doing:
        world.env.process(steps)


@attrs.frozen
class _Counts:
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
        steps = len(Step) * world.plan.doors / world.plan.processes
        return cls(
            first.core.booked,
            cores.booked,
            world.database.disk.syncs,
            sum(process.jobs for process in world.processes),
            sum(process.rounds for process in world.processes),
            max(first.core.lag, cores.lag, first.waiting / steps),
        )


def _answer(world: World, before: _Counts, after: _Counts) -> Answer:
    seconds = world.until - world.warm
    cores = seconds * world.plan.database_cores
    syncs = after.syncs - before.syncs
    return Answer(
        poll=Spread.of(world.polled.waits),
        door=Spread.of(world.doors),
        process=(after.process - before.process) / seconds,
        database=(after.database - before.database) / cores,
        disk=syncs * world.times.sync_wait / seconds,
        sharing=(after.jobs - before.jobs) / (after.rounds - before.rounds),
        of_task=world.of_task / seconds,
        lag=after.lag,
    )
