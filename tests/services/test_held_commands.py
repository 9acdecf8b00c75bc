"""After a restore, what must not be given twice is held until somebody decides."""

from typing import Any, cast

import pytest

from pushserver.errors import Conflict, NotFound
from pushserver.model.command import Command
from pushserver.model.command_request import CommandRequest
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.model.factories import DEVICE, order
from tests.services.driver import ServiceDriver, render_ids
from tests.services.operation_driver import running_services
from tests.web.local_server import running_server

AT_MOST_ONCE = DeliveryGuarantee.AT_MOST_ONCE
LONG = 3600 * 1_000_000


async def enqueue_door(driver: ServiceDriver, device: int = DEVICE) -> Command:
    """Put a command into a queue that must not be given twice, and does not expire."""
    request = CommandRequest(
        order=order("execute_actions"), guarantee=AT_MOST_ONCE, expires_in=LONG
    )
    await driver.ensure_adopted(device)
    enqueued = await driver.services.queue.enqueue(
        DEFAULT_SCOPE_ID, device, [request], render_ids
    )
    return enqueued.commands[0]


async def hold_all(driver: ServiceDriver) -> int:
    """Hold, as a start after a restore does."""
    return await driver.services.held_commands.hold_all()


async def is_held(driver: ServiceDriver, command: Command) -> bool:
    """Tell whether the store has it as held."""
    return (await driver.command_record(command)).command.held


async def release(driver: ServiceDriver, command: Command) -> None:
    """Let a command be handed out."""
    await driver.services.held_commands.release(command.scope_id, command.id)


async def test_held(driver: ServiceDriver) -> None:
    """
    Of what waits, what may be given twice is handed out, and the rest is not.
    """
    doors = [await enqueue_door(driver, device) for device in (1, 2, DEVICE)]
    (again,) = await driver.enqueue("load_objects")

    count = await hold_all(driver)
    first = await driver.receive_command("u1")
    await driver.post_result(uuid="u1")

    assert 3 == count
    assert again.id == first.command.id
    assert None is await driver.poll("u2")
    assert None is await driver.poll("u1", device=1)
    assert [True] * 3 == [await is_held(driver, door) for door in doors]
    assert not await is_held(driver, again)
    assert 0 == await hold_all(driver)


async def test_what_is_not_held(driver: ServiceDriver) -> None:
    """
    What is in flight goes on to its end, and what is enqueued later is handed out.
    """
    in_flight = await enqueue_door(driver, 1)
    await driver.receive_command("u1", device=1)

    assert 0 == await hold_all(driver)
    later = await enqueue_door(driver, 2)

    handed_out = await driver.receive_command("u1", device=2)
    await driver.post_result(uuid="u1", device=1)
    assert later.id == handed_out.command.id
    assert CommandState.SUCCESSFUL is await driver.command_state(in_flight)


async def test_released(driver: ServiceDriver) -> None:
    """
    A command that is released goes to the poll that waits for it, once.
    """
    door, other = await enqueue_door(driver), await enqueue_door(driver)
    await hold_all(driver)

    async with driver.held_poll("u1") as polling:
        await release(driver, door)
        in_flight = await polling

    assert in_flight is not None
    assert door.id == in_flight.command.id
    assert [False, True] == [await is_held(driver, each) for each in (door, other)]
    with pytest.raises(Conflict):
        await release(driver, door)


async def test_release_is_refused(driver: ServiceDriver) -> None:
    """
    What is not held, or not the scope's, is not released.
    """
    door = await enqueue_door(driver)
    with pytest.raises(Conflict):
        await release(driver, door)
    await hold_all(driver)

    with pytest.raises(NotFound):
        await driver.services.held_commands.release(DEFAULT_SCOPE_ID + 1, door.id)
    assert await is_held(driver, door)


async def test_ends_as_others_do(driver: ServiceDriver) -> None:
    """
    A held command can be canceled, and expires; then it is held no more.
    """
    canceled, expired = await enqueue_door(driver), await enqueue_door(driver)
    await hold_all(driver)

    await driver.services.withdrawals.withdraw(DEFAULT_SCOPE_ID, canceled.id)
    await driver.expire_overdue(3601)

    ended = [(await driver.command_record(c)).command for c in (canceled, expired)]
    assert [CommandState.CANCELED, CommandState.EXPIRED] == [c.state for c in ended]
    assert [False, False] == [c.held for c in ended]


async def test_after_a_restart(database: str, clock: ManualClock) -> None:
    """
    What is held stays so when the server starts again.
    """
    async with running_services(database, clock) as driver:
        door = await enqueue_door(ServiceDriver(driver.services, clock))
        await driver.services.held_commands.hold_all()
    async with running_services(database, clock) as driver:
        again = ServiceDriver(driver.services, clock)
        nothing = await again.poll("u1")
        await release(again, door)
        handed_out = await again.receive_command("u2")

    assert None is nothing
    assert door.id == handed_out.command.id


@pytest.mark.only_on("postgres")
@pytest.mark.parametrize("count", [1, 40])
@pytest.mark.parametrize("knows_changes", [True, False])
async def test_another_server(
    services: Services,
    database: str,
    clock: ManualClock,
    count: int,
    knows_changes: bool,
) -> None:
    """
    A server that has the queue in its memory hands out nothing that another one held.
    """
    here = ServiceDriver(services, clock)
    async with running_server(database, clock) as there:
        # This one sends no notices until it has heard that there is another.
        await services.store.sync_notices()
        cast("Any", there.services.store).member._run_task.cancel()
        other = ServiceDriver(there.services, clock)
        doors = [await enqueue_door(other) for _ in range(count)]
        assert count == await hold_all(here)
        if not knows_changes:
            await cast("Any", services.store).write(
                lambda c: c.execute("UPDATE lane SET changelog = ''")
            )
        nothing = await other.poll("u1")
        await release(here, doors[-1])
        await there.services.store.sync_notices()
        handed_out = await other.receive_command("u2")

    assert None is nothing
    assert doors[-1].id == handed_out.command.id
