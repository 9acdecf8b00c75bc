"""Polls that break off at the worst moment."""

import asyncio

from pushserver.model.changes import Changes
from pushserver.model.state import State
from pushserver.web.services import Services
from tests.services.desk import Desk
from tests.storage.places import away


async def test_after_the_commit(desk: Desk, services: Services) -> None:
    """A poll that goes between the commit and its answer gives the command back."""
    (door,) = await desk.enqueue("execute_actions")
    poll = asyncio.create_task(desk.poll("u1"))

    def break_off(changes: Changes) -> None:
        if changes.handed_out:
            asyncio.get_running_loop().call_soon(poll.cancel)

    services.store.watch(break_off)
    await asyncio.gather(poll, return_exceptions=True)
    await desk.rest()

    assert poll.cancelled()
    record = await desk.record(door)
    assert (State.PENDING, 0) == (record.command.state, record.command.attempts)


async def test_who_goes_before_a_failure(desk: Desk, services: Services) -> None:
    """A program that goes before its commit fails leaves the poll to the next one."""
    async with desk.held() as held:
        async with away(services.store):
            asking = asyncio.create_task(desk.enqueue("execute_actions"))
            await desk.decided()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        (door,) = await desk.enqueue("execute_actions")
        async with asyncio.timeout(5):
            flight = await held

    assert asking.cancelled()
    assert flight is not None
    assert door.id == flight.command.id
