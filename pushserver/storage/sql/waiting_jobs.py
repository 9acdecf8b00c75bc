"""Jobs that wait for a round, in the order in which rounds take them."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heapreplace
from itertools import chain

import attrs

from pushserver.storage.sql.write_jobs import WriteJob

#: Seconds of processor time that a job needs at least, with what it writes.
_LEAST_SECONDS = 0.00005
#: Callers of which is known how much time they had, before they are forgotten.
_MAX_KNOWN = 1000


@attrs.define(eq=False, repr=False)
class WaitingJobs:
    """
    Jobs of each caller in their order; whoever had the least time goes first.

    So however many jobs of one caller wait, and however long they take, another one's
    waits for about as much of that as it takes itself, or for one. Time is the event
    loop's processor time. Who comes anew had as much as the least of those who wait.
    """

    _lines: dict[int, deque[WriteJob]] = attrs.field(factory=dict, init=False)
    #: Seconds that each caller had, and what its last job took.
    _spent: dict[int, float] = attrs.field(factory=dict, init=False)
    _usual: dict[int, float] = attrs.field(factory=dict, init=False)
    _least_spent: float = attrs.field(default=0.0, init=False)

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def __iter__(self) -> Iterator[WriteJob]:
        return chain.from_iterable(self._lines.values())

    def append(self, job: WriteJob) -> None:
        """Let a job wait behind those of its caller."""
        self._line_of(job.caller).append(job)

    def put_back(self, jobs: Sequence[WriteJob]) -> None:
        """Let *jobs* that were taken wait before those of their callers."""
        for job in reversed(jobs):
            self._line_of(job.caller).appendleft(job)

    def take(self) -> Iterator[WriteJob]:
        """Take those that may run one by one, as far as it is iterated over."""
        order = [(self._spent[caller], caller) for caller in self._lines]
        heapify(order)
        if order:
            self._least_spent = order[0][0]
        while order:
            spent, caller = order[0]
            line = self._lines[caller]
            job = line.popleft()
            if line:
                spent += self._usual.get(caller, _LEAST_SECONDS)
                heapreplace(order, (spent, caller))
            else:
                heappop(order)
                del self._lines[caller]
            if job.may_run():
                yield job

    def charge(self, jobs: Iterable[WriteJob]) -> None:
        """Count the time that *jobs* took as that of their callers."""
        for job in jobs:
            seconds = max(job.seconds, _LEAST_SECONDS)
            spent = self._spent.get(job.caller, self._least_spent)
            self._spent[job.caller] = spent + seconds
            self._usual[job.caller] = seconds

    def _line_of(self, caller: int) -> deque[WriteJob]:
        line = self._lines.get(caller)
        if line is None:
            if len(self._spent) > _MAX_KNOWN and not self._lines:
                self._forget()
            self._spent[caller] = max(self._spent.get(caller, 0.0), self._least_spent)
            line = self._lines[caller] = deque()
        return line

    def _forget(self) -> None:
        """Forget who had how much: it is many, and nobody waits."""
        self._spent.clear()
        self._usual.clear()
