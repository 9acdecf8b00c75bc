"""Polls that break off at the worst moment."""

import asyncio

from pushserver.model.change_notice import ChangeNotice
from pushserver.model.event import EventType
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.storage.change_feed import ChangeKind
from pushserver.web.services import Services
from tests.services.driver import Connection, ServiceDriver
from tests.storage.locations import failing_commits


async def test_after_the_commit(driver: ServiceDriver, services: Services) -> None:
    """A poll that goes between the commit and its answer gives the command back."""
    (door,) = await driver.enqueue("execute_actions")
    poll = asyncio.create_task(driver.poll("u1"))

    def break_off(_notice: ChangeNotice) -> None:
        asyncio.get_running_loop().call_soon(poll.cancel)

    services.store.event_interest[DEFAULT_SCOPE_ID] = frozenset(EventType)
    services.store.feed.subscribe(ChangeKind.EVENTS, break_off)
    await asyncio.gather(poll, return_exceptions=True)
    await driver.run_until_idle()

    assert poll.cancelled()
    record = await driver.command_record(door)
    assert (CommandState.PENDING, 0) == (record.command.state, record.command.attempts)


async def test_who_goes_before_a_failure(
    driver: ServiceDriver, services: Services
) -> None:
    """A program that goes before its commit fails leaves the poll to the next one."""
    await driver.ensure_adopted()
    async with driver.held_poll() as held:
        async with failing_commits(services.store):
            asking = asyncio.create_task(driver.enqueue("execute_actions"))
            await driver.wait_for_decision()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        (door,) = await driver.enqueue("execute_actions")
        async with asyncio.timeout(15):
            in_flight = await held

    assert asking.cancelled()
    assert in_flight is not None
    assert door.id == in_flight.command.id


async def test_who_ends_and_gets_nothing(driver: ServiceDriver) -> None:
    """A poll whose side has ended, and whose command another one took, is not held."""
    await driver.enqueue("load_objects")
    ended = Connection(has_ended=True)

    async with asyncio.timeout(15):
        first, second = await asyncio.gather(
            driver.poll("u1"), driver.poll("u2", hold=60, connection=ended)
        )

    assert first is not None
    assert second is None
