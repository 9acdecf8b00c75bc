"""All that one run simulates, and what it saw."""

import random
from collections.abc import Sequence

import attrs
import simpy

from bench.simulate.desk import Desk, desks
from bench.simulate.loads import loads
from bench.simulate.plan import Plan
from bench.simulate.queues import Cores, PolledCore
from bench.simulate.servers import LOCKED, Database, Process
from bench.simulate.times import Times

#: What polls leave of a core, at the least.
REST = 0.02


@attrs.define(kw_only=True)
class World:
    """
    A plan at work: what devices, programs and the servers themselves do is done to it.

    `doors` are the seconds that each took, of those that began after *warm* and before
    *until*; `of_task` counts a task's operations that ended. `unnoted` are the answers
    of each process of which it is not noted yet that they were written.
    """

    env: simpy.Environment
    plan: Plan
    times: Times
    database: Database
    polled: PolledCore
    processes: Sequence[Process]
    desks: Sequence[Desk]
    random: random.Random
    warm: float
    until: float
    doors: list[float] = attrs.field(factory=list, init=False)
    of_task: int = attrs.field(default=0, init=False)
    unnoted: list[int] = attrs.field(init=False)

    @unnoted.default
    def _none(self) -> list[int]:
        return [0] * len(self.processes)

    @property
    def is_counted(self) -> bool:
        """Tell whether what begins now is counted."""
        return self.warm <= self.env.now < self.until

    def next(self, rate: float) -> simpy.Event:
        """Return the next of what comes by chance, *rate* times a second."""
        return self.env.timeout(self.random.expovariate(rate))

    def any_number(self) -> int:
        """Return the number of one of the processes, by chance."""
        return self.random.randrange(len(self.processes))


def build(plan: Plan, times: Times, *, seed: int, warm: float, until: float) -> World:
    """
    Build what *plan* says.

    Only the first process's polls are simulated: of the others' cores there is as much
    left as their polls leave.
    """
    env, chance = simpy.Environment(), random.Random(seed)  # noqa: S311 - no secret
    database = Database(env, times, plan.database_cores)
    polled = _polled(env, plan, times, between=(warm, until), chance=chance)
    rest = 1.0 - min(loads(plan, times).polls, 1 - REST)
    cores = [Cores(env, 1, turn=LOCKED, speed=rest) for _ in range(plan.processes - 1)]
    processes = [Process(env, times, database, core) for core in (polled, *cores)]
    return World(
        env=env,
        plan=plan,
        times=times,
        database=database,
        polled=polled,
        processes=processes,
        desks=desks(env, times, database, processes),
        random=chance,
        warm=warm,
        until=until,
    )


def _polled(
    env: simpy.Environment,
    plan: Plan,
    times: Times,
    *,
    between: tuple[float, float],
    chance: random.Random,
) -> PolledCore:
    """Return the first process's core: a held poll comes twice, to begin and to end."""
    rate = plan.polls / plan.processes
    return PolledCore(
        env,
        turn=LOCKED,
        rate=2 * rate if plan.held else rate,
        seconds=(
            (times.hold_server, times.unhold_server)
            if plan.held
            else (times.poll_server,)
        ),
        between=between,
        chance=chance,
    )
