"""Jobs wait in a line for each caller; whoever had the least time is first."""

import asyncio
from collections.abc import Iterable
from itertools import islice

import pytest

from pushserver.fair_turns import CALLER
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.storage.base import Store
from pushserver.storage.commands import PriorState
from pushserver.storage.sql import round_budget
from pushserver.storage.sql.waiting_jobs import WaitingJobs
from pushserver.storage.sql.write_jobs import WriteJob

SLOW, QUICK, OTHER = 7, 8, 9


async def jobs_of(caller: int, count: int, seconds: float = 0.0) -> list[WriteJob]:
    """Return new jobs of a caller, each of which takes so long."""
    CALLER.set(caller)
    loop = asyncio.get_running_loop()
    jobs = [WriteJob(loop.create_future()) for _ in range(count)]
    for job in jobs:
        job.seconds = seconds
    return jobs


def append(waiting: WaitingJobs, jobs: Iterable[WriteJob]) -> None:
    """Let all *jobs* wait."""
    for job in jobs:
        waiting.append(job)


async def test_order() -> None:
    """
    Each caller's jobs keep their order; what is put back comes before later ones.
    """
    waiting, jobs = WaitingJobs(), await jobs_of(SLOW, 4)
    append(waiting, jobs[:3])
    taken = list(islice(waiting.take(), 2))
    waiting.append(jobs[3])
    waiting.put_back(taken)

    assert 4 == len(waiting)
    assert set(jobs) == set(waiting)
    assert jobs == list(waiting.take())
    assert not waiting


async def test_time_is_shared() -> None:
    """
    For one job that takes as long as a hundred, others' hundred jobs are done.
    """
    waiting = WaitingJobs()
    append(waiting, await jobs_of(SLOW, 20, seconds=0.01))
    append(waiting, await jobs_of(QUICK, 300, seconds=0.0001))
    done = []
    while waiting:
        (job,) = islice(waiting.take(), 1)
        waiting.charge([job])
        done.append(job.caller)
    last_quick = len(done) - done[::-1].index(QUICK)

    assert 3 <= done[:last_quick].count(SLOW) <= 4


@pytest.mark.parametrize("waits", [True, False])
async def test_who_comes_anew(waits: bool) -> None:
    """
    Whoever comes for the first time is served next, and has no more than the others
    from then on, also if it came before and was away.
    """
    waiting = WaitingJobs()
    append(waiting, await jobs_of(SLOW, 100, seconds=0.01))
    append(waiting, await jobs_of(OTHER, 1, seconds=0.01))
    for _ in range(50):
        waiting.charge(islice(waiting.take(), 1))
    append(waiting, await jobs_of(OTHER if waits else QUICK, 10, seconds=0.01))
    taken = []
    for _ in range(10):
        (job,) = islice(waiting.take(), 1)
        waiting.charge([job])
        taken.append(job.caller)

    assert 5 == taken.count(SLOW)


async def test_in_a_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A decision is made after one or two of another caller's, however many these are.
    """
    monkeypatch.setattr(round_budget, "MAX_SECONDS", 0)
    decided: list[int] = []

    async def decide(caller: int, device_id: int) -> None:
        CALLER.set(caller)

        def note(_lane: Lane, _changes: Changes, _prior: PriorState) -> None:
            decided.append(caller)

        await store.change_lane(device_id, note)

    async with asyncio.TaskGroup() as group:
        for device_id in range(1, 31):
            group.create_task(decide(SLOW, device_id))
        group.create_task(decide(QUICK, 99))

    assert decided.index(QUICK) < 5
    assert 31 == len(decided)
