"""The resources with queues: processors, and the disk that syncs commits."""

import heapq
import random
from collections.abc import Generator, Sequence
from typing import Any

import simpy

#: What a process of the simulation is: it gives events and is resumed by them.
SimProcess = Generator[simpy.Event, Any, None]


class Cores:
    """
    Processors that serve in the order in which they are asked.

    What takes longer than *turn* seconds gives way after each of them, as threads do
    that share Python's lock, and processes that share a core. *speed* is below 1 where
    something that is not simulated takes the rest of the time.
    """

    def __init__(
        self, env: simpy.Environment, count: int, *, turn: float, speed: float = 1.0
    ) -> None:
        self._booked = 0.0
        self._env, self._turn, self._speed = env, turn, speed
        self._free_at = [0.0] * count

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._free_at)

    @property
    def booked(self) -> float:
        """Seconds for which they were given work until now."""
        self._catch_up()
        return self._booked

    @property
    def waiting_time(self) -> float:
        """Seconds that who comes now has to wait."""
        self._catch_up()
        return max(0.0, self._free_at[0] - self._env.now)

    def book(self, seconds: float) -> float:
        """Have *seconds* of work done next; return after how long it is done."""
        self._catch_up()
        took = seconds / self._speed
        done = max(self._env.now, self._free_at[0]) + took
        heapq.heapreplace(self._free_at, done)
        self._booked += took
        return done - self._env.now

    def _catch_up(self) -> None:
        """Take what came before now and was not asked for one by one: nothing."""

    def work(self, seconds: float) -> SimProcess:
        """Have *seconds* of work done, in turns with others."""
        while seconds > self._turn:
            yield self._env.timeout(self.book(self._turn))
            seconds -= self._turn
        yield self._env.timeout(self.book(seconds))


class PolledCore(Cores):
    """
    A core that is polled by chance, *rate* times a second, all the time.

    A poll takes one of the *seconds*, by chance. Polls are not events, there are too
    many: whenever somebody asks for the core, those that came before are served first.
    Of those *between* two instants `waits` has how long each took.
    """

    def __init__(
        self,
        env: simpy.Environment,
        *,
        turn: float,
        rate: float,
        seconds: Sequence[float],
        between: tuple[float, float],
        chance: random.Random,
    ) -> None:
        super().__init__(env, 1, turn=turn)
        self.waits: list[float] = []
        self._rate, self._seconds, self._between = rate, seconds, between
        self._chance = chance
        self._next = chance.expovariate(rate)

    def _catch_up(self) -> None:
        """Serve the polls that came until now."""
        now, (first, last), chance = self._env.now, self._between, self._chance
        at, free = self._next, self._free_at[0]
        while at <= now:
            took = chance.choice(self._seconds)
            free = max(at, free) + took
            self._booked += took
            if first <= at < last:
                self.waits.append(free - at)
            at += chance.expovariate(self._rate)
        self._next, self._free_at[0] = at, free


class Disk:
    """Syncs what was written: one sync at a time, for all who asked before it began."""

    def __init__(self, env: simpy.Environment, seconds: float) -> None:
        self.syncs = 0
        self._env, self._seconds = env, seconds
        self._begins = float("-inf")

    def sync(self) -> float:
        """Return after how long what was written until now is on the disk."""
        now = self._env.now
        if self._begins < now:
            self._begins = max(now, self._begins + self._seconds)
            self.syncs += 1
        return self._begins + self._seconds - now
