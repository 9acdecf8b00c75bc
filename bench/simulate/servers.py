"""The database, and the server processes that write in rounds over it."""

from collections import deque
from collections.abc import Sequence

import attrs
import simpy

from bench.simulate.queues import Cores, Disk, SimProcess
from bench.simulate.times import CommandPhase, ServiceTimes

#: Connections of a process that write, and steps that share a round at the most.
WRITE_CONNECTIONS = 4
MAX_STEPS_PER_ROUND = 200
#: Seconds for which a thread has Python's lock, and a process its core, if others wait.
GIL_SLICE = 0.005
CORE_SLICE = 0.003


class SimulatedDatabase:
    """PostgreSQL: processors, and a disk whose syncs are shared."""

    def __init__(self, env: simpy.Environment, times: ServiceTimes, cores: int) -> None:
        self.cores = Cores(env, cores, turn=CORE_SLICE)
        self.disk = Disk(env, times.sync_wait)
        self._env = env

    def commit(self, seconds: float) -> SimProcess:
        """Do what takes *seconds* of a processor, and have it on the disk."""
        yield from self.cores.work(seconds)
        yield self._env.timeout(self.disk.sync())


@attrs.frozen
class SimulatedWrite:
    """Something to be written; what has no *steps* takes its own seconds, alone."""

    done: simpy.Event
    steps: Sequence[CommandPhase] = ()
    server: float = 0.0
    database: float = 0.0

    @property
    def is_alone(self) -> bool:
        """Return whether it shares no round with what is decided on devices."""
        return self.server > 0


class ServerProcess:
    """A server process: one core, and connections on which it writes in rounds."""

    def __init__(
        self,
        env: simpy.Environment,
        times: ServiceTimes,
        database: SimulatedDatabase,
        core: Cores,
    ) -> None:
        self.core = core
        self.rounds = self.jobs = 0
        self._env, self._times, self._database = env, times, database
        self._idle = WRITE_CONNECTIONS
        self._waiting: deque[SimulatedWrite] = deque()
        self._alone: deque[SimulatedWrite] = deque()

    @property
    def waiting(self) -> int:
        """Return how much waits for a round."""
        return len(self._waiting)

    def write(self, *steps: CommandPhase) -> simpy.Event:
        """Have steps of one command, or a note, written; the event comes after that."""
        return self._submit(SimulatedWrite(self._env.event(), steps))

    def write_alone(self, *, server: float, database: float) -> simpy.Event:
        """Have something else written, which takes so many seconds of each."""
        return self._submit(SimulatedWrite(self._env.event(), (), server, database))

    def _submit(self, job: SimulatedWrite) -> simpy.Event:
        (self._alone if job.is_alone else self._waiting).append(job)
        self._start_rounds()
        return job.done

    def _start_rounds(self) -> None:
        while self._idle and (self._waiting or self._alone):
            self._idle -= 1
            self._env.process(self._round(self._next_round_jobs()))

    def _next_round_jobs(self) -> list[SimulatedWrite]:
        """Take what may share a round, in order; what is alone waits for no round."""
        if self._alone:
            return [self._alone.popleft()]
        count = min(MAX_STEPS_PER_ROUND, len(self._waiting))
        return [self._waiting.popleft() for _ in range(count)]

    def _round(self, jobs: Sequence[SimulatedWrite]) -> SimProcess:
        """Half of the server's work is before the commit, half of it after that."""
        server, database = self._cost(jobs)
        self.rounds += 1
        self.jobs += len(jobs)
        yield from self.core.work(server / 2)
        yield from self._database.commit(database)
        yield from self.core.work(server / 2)
        self._idle += 1
        for job in jobs:
            job.done.succeed()
        self._start_rounds()

    def _cost(self, jobs: Sequence[SimulatedWrite]) -> tuple[float, float]:
        """
        Return what a round takes of the server, and of the database.

        What each step takes of the server is taken where its request is answered.
        """
        times, steps = self._times, [step for job in jobs for step in job.steps]
        first = [times.first_cost(step) for step in sorted(set(steps))]
        server = sum(cost.server for cost in first) + sum(job.server for job in jobs)
        database = sum(cost.database for cost in first) + sum(
            times.step_cost(step).database for step in steps
        )
        if jobs[0].is_alone:
            return server, jobs[0].database
        return times.round_server + server, times.round_database + database
