"""Work for which nobody waits."""

import asyncio

import structlog

from pushserver.errors import Unavailable
from pushserver.services.background_tasks import BackgroundTasks


async def test_finished() -> None:
    """Finishing waits for everything, also for what is started meanwhile."""
    background, done = BackgroundTasks(), []

    async def second() -> None:
        await asyncio.sleep(0)
        done.append("second")

    async def first() -> None:
        await asyncio.sleep(0)
        done.append("first")
        background.start(second())

    background.start(first())
    await background.wait_all()

    assert ["first", "second"] == done


async def test_failing() -> None:
    """A failing task is logged, and the others go on."""
    background, done = BackgroundTasks(), []

    async def away() -> None:
        raise Unavailable("The disk is full.")

    async def broken() -> None:
        raise ZeroDivisionError

    async def fine() -> None:
        done.append("fine")

    with structlog.testing.capture_logs() as lines:
        for call in (away(), broken(), fine()):
            background.start(call)
        await background.wait_all()

    assert ["fine"] == done
    assert [
        ("warning", "background_task.store_away"),
        ("error", "background_task.failed"),
    ] == [(line["log_level"], line["event"]) for line in lines]
    assert "The disk is full." == lines[0]["reason"]
