"""All that one run simulates, and what it saw."""

import random
from collections.abc import Sequence

import attrs
import simpy

from bench.simulate.loads import compute_loads
from bench.simulate.members import SimulatedMember, build_members
from bench.simulate.plan import SimulationPlan
from bench.simulate.queues import Cores, PolledCore
from bench.simulate.servers import GIL_SLICE, ServerProcess, SimulatedDatabase
from bench.simulate.times import ServiceTimes

#: What polls leave of a core, at the least.
MIN_CORE_SHARE = 0.02


@attrs.define(kw_only=True)
class World:
    """
    A plan at work: what devices, programs and the servers themselves do is done to it.

    `door_seconds` are the seconds that each took, of those that began after *warm* and
    before
    *until*; `finished_operations` counts a task's operations that ended.
    `unrecorded_deliveries` are the answers of each process of which it is not noted yet
    that they were written.
    """

    env: simpy.Environment
    plan: SimulationPlan
    times: ServiceTimes
    database: SimulatedDatabase
    polled_core: PolledCore
    processes: Sequence[ServerProcess]
    members: Sequence[SimulatedMember]
    random: random.Random
    warm: float
    until: float
    door_seconds: list[float] = attrs.field(factory=list, init=False)
    finished_operations: int = attrs.field(default=0, init=False)
    unrecorded_deliveries: list[int] = attrs.field(init=False)

    @unrecorded_deliveries.default
    def _no_deliveries(self) -> list[int]:
        return [0] * len(self.processes)

    @property
    def is_counted(self) -> bool:
        """Return whether what starts now is counted."""
        return self.warm <= self.env.now < self.until

    def next_arrival(self, rate: float) -> simpy.Event:
        """Return the next of what comes by chance, *rate* times a second."""
        return self.env.timeout(self.random.expovariate(rate))

    def random_process(self) -> int:
        """Return the number of one of the processes, by chance."""
        return self.random.randrange(len(self.processes))


def build(
    plan: SimulationPlan, times: ServiceTimes, *, seed: int, warm: float, until: float
) -> World:
    """
    Build what *plan* says.

    Only the first process's polls are simulated: of the others' cores there is as much
    left as their polls leave.
    """
    env, chance = simpy.Environment(), random.Random(seed)  # noqa: S311 - no secret
    database = SimulatedDatabase(env, times, plan.database_cores)
    polled = _polled(env, plan, times, between=(warm, until), chance=chance)
    rest = 1.0 - min(compute_loads(plan, times).polls, 1 - MIN_CORE_SHARE)
    cores = [
        Cores(env, 1, turn=GIL_SLICE, speed=rest) for _ in range(plan.processes - 1)
    ]
    processes = [ServerProcess(env, times, database, core) for core in (polled, *cores)]
    return World(
        env=env,
        plan=plan,
        times=times,
        database=database,
        polled_core=polled,
        processes=processes,
        members=build_members(env, times, database, processes),
        random=chance,
        warm=warm,
        until=until,
    )


def _polled(
    env: simpy.Environment,
    plan: SimulationPlan,
    times: ServiceTimes,
    *,
    between: tuple[float, float],
    chance: random.Random,
) -> PolledCore:
    """Return the first process's core: a held poll comes twice, to begin and to end."""
    rate = plan.polls_per_second / plan.processes
    return PolledCore(
        env,
        turn=GIL_SLICE,
        rate=2 * rate if plan.holds_polls else rate,
        seconds=(
            (times.hold_server, times.unhold_server)
            if plan.holds_polls
            else (times.poll_server,)
        ),
        between=between,
        chance=chance,
    )
