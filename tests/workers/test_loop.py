"""Workers run their round again and again until they are stopped."""

import asyncio
from collections import Counter
from functools import partial

import pytest
import structlog

from pushserver.errors import Unavailable
from pushserver.workers import worker
from pushserver.workers.worker import Worker, run_workers


def tiring(stop: asyncio.Event, *rounds: int | BaseException) -> Worker:
    """Return a worker that goes through *rounds* and stops itself after them."""
    left = list(rounds)

    async def one() -> int:
        outcome = left.pop(0)
        if not left:
            stop.set()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return Worker("tiring", 0.0, one)


async def test_repeats() -> None:
    """A round is repeated until the stop, and the first one comes at once."""
    stop = asyncio.Event()

    async with asyncio.timeout(15):
        await tiring(stop, 0, 1, 2).run(stop, Counter())

    assert stop.is_set()


async def test_stops_at_once() -> None:
    """A stop does not wait for the next round."""
    stop, rounds = asyncio.Event(), []

    async def one() -> int:
        rounds.append(1)
        stop.set()
        return 0

    async with asyncio.timeout(15):
        await Worker("slow", 3600.0, one).run(stop, Counter())

    assert [1] == rounds


async def test_stopped_before() -> None:
    """A worker that is stopped before it starts does nothing."""
    stop = asyncio.Event()
    stop.set()

    async def one() -> int:
        raise AssertionError

    await Worker("never", 0.0, one).run(stop, Counter())


async def test_goes_on_after_a_failure() -> None:
    """A round that fails is logged with the worker's name, and tried again."""
    stop = asyncio.Event()
    rounds = (Unavailable("The disk is full."), ZeroDivisionError(), 0)

    with structlog.testing.capture_logs() as lines:
        async with asyncio.timeout(15):
            await tiring(stop, *rounds).run(stop, Counter())

    assert [
        ("warning", "worker.store_away", "tiring"),
        ("error", "worker.round_failed", "tiring"),
        ("info", "worker.recovered", "tiring"),
    ] == [(line["log_level"], line["event"], line["worker"]) for line in lines]
    assert "The disk is full." == lines[0]["reason"]


async def test_keeps_failing() -> None:
    """What fails again and again is counted, until a round that does not."""
    stop, failures = asyncio.Event(), Counter[str]()
    rounds = (ZeroDivisionError(), asyncio.CancelledError(), ZeroDivisionError())

    async with asyncio.timeout(15):
        await tiring(stop, *rounds).run(stop, failures)
    assert {"tiring": 3} == failures

    stop.clear()
    async with asyncio.timeout(15):
        await tiring(stop, 0).run(stop, failures)

    assert {} == failures


async def test_waits_longer_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between rounds that fail the pause doubles; a wake-up does not shorten it."""
    pauses: list[float] = []

    async def wait(seconds: float, *_: object) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(worker, "_wait_first", wait)
    stop, failures = asyncio.Event(), Counter[str]()

    await tiring(stop, *[ZeroDivisionError() for _ in range(12)]).run(stop, failures)

    assert [0.1 * 2**n for n in range(10)] == pauses[:10]
    assert [60.0, 60.0] == pauses[10:]


async def test_leadership_that_fails() -> None:
    """Whatever a round asks first may fail as well."""
    stop, asked = asyncio.Event(), []

    def is_leader() -> bool:
        asked.append(1)
        if len(asked) > 1:
            stop.set()
        raise ZeroDivisionError

    async def one() -> int:
        raise AssertionError

    async with asyncio.timeout(15):
        await Worker("asks", 0.0, one, is_leader=is_leader).run(stop, Counter())

    assert [1, 1] == asked


async def test_block() -> None:
    """Workers work for the length of the block, and finish their round."""
    started, ended = asyncio.Event(), []

    async def one() -> int:
        started.set()
        for _ in range(3):
            await asyncio.sleep(0)
        ended.append(1)
        return 1

    async with (
        asyncio.timeout(15),
        run_workers([Worker("one", 3600.0, one)], Counter()),
    ):
        await started.wait()

    assert [1] == ended


async def test_block_that_fails() -> None:
    """When the block fails its workers end, and the failure is raised."""

    async def one() -> int:
        return 0

    async def block() -> None:
        async with (
            asyncio.timeout(15),
            run_workers([Worker("one", 0.0, one)], Counter()),
        ):
            await asyncio.sleep(0)
            raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as caught:
        await block()

    assert caught.group_contains(ZeroDivisionError)


async def test_dead_worker() -> None:
    """A worker that dies ends the block loudly."""

    async def one() -> int:
        raise BaseExceptionGroup("dead", [KeyboardInterrupt()])

    async def block() -> None:
        async with (
            asyncio.timeout(15),
            run_workers([Worker("one", 3600.0, one)], Counter()),
        ):
            await asyncio.Event().wait()

    with pytest.raises(BaseExceptionGroup) as caught:
        await block()

    assert caught.group_contains(KeyboardInterrupt)


async def test_stop_during_long_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A stop waits for rounds to finish; one that may be ended, and lasts, is ended.
    """
    monkeypatch.setattr(worker, "STOP_WAIT", 0.2)
    steps, is_ended = list[str](), asyncio.Event()

    async def purge(name: str, until: asyncio.Event) -> int:
        try:
            await until.wait()
        finally:
            steps.append(name)
            is_ended.set()
        return 0

    def purging(name: str, until: asyncio.Event, *, may_be_ended: bool) -> Worker:
        run_once = partial(purge, name, until)
        return Worker(name, 3600.0, run_once, may_be_ended=may_be_ended)

    with structlog.testing.capture_logs() as lines:
        async with asyncio.timeout(15):
            workers = [
                purging("purge", asyncio.Event(), may_be_ended=True),
                # What it has taken would be lost.
                purging("flush", is_ended, may_be_ended=False),
            ]
            async with run_workers(workers, Counter()):
                await asyncio.sleep(0)

    assert ["purge", "flush"] == steps
    assert [("worker.round_ended", "purge")] == [
        (line["event"], line["worker"]) for line in lines
    ]
