"""Whatever falls due is reported in time, and once."""

import pytest

from pushserver.clock import SECOND
from pushserver.errors import Unavailable
from pushserver.model.state import CommandState
from pushserver.storage.base import Store
from tests.clock import START
from tests.model.factories import (
    DAY,
    DEVICE,
    GRACE,
    TIMEOUT,
    at_most_once_command,
    command,
)
from tests.storage.locations import StoreLocation, failing_commits
from tests.storage.queue_actions import (
    command_record,
    enqueue_commands,
    expire_overdue,
    give_up_delivery,
    mark_written,
    poll_command,
    post_result,
    try_cancel,
)

EXPIRY = START + 30 * SECOND


async def due(store: Store, at: int) -> list[int]:
    """Return the devices that are due."""
    return sorted(await store.overdue_devices(at))


async def test_nothing(store: Store) -> None:
    """If nothing waits, nothing is due."""
    assert [] == await due(store, START + 365 * DAY)


async def test_expiry(store: Store) -> None:
    """A lane is due when its first command expires, until that was looked after."""
    await enqueue_commands(store, command(device_id=1, expires_at=EXPIRY))
    await enqueue_commands(store, command(device_id=2, expires_at=EXPIRY + 1))

    assert [] == await due(store, EXPIRY - 1)
    assert [1] == await due(store, EXPIRY)
    await expire_overdue(store, EXPIRY, device=1)
    assert [2] == await due(store, EXPIRY + 1)
    await expire_overdue(store, EXPIRY + 1, device=2)
    assert [] == await due(store, EXPIRY + 1)


async def test_sooner(store: Store) -> None:
    """A command that expires before the others brings the time forward."""
    await enqueue_commands(store, command())
    await enqueue_commands(store, at_most_once_command(expires_at=EXPIRY))

    assert [DEVICE] == await due(store, EXPIRY)


async def test_again(store: Store) -> None:
    """A lane that was looked after is due again when the next time comes."""
    await enqueue_commands(
        store,
        at_most_once_command(expires_at=EXPIRY),
        at_most_once_command(expires_at=2 * EXPIRY),
    )
    assert [DEVICE] == await due(store, EXPIRY)

    await expire_overdue(store, EXPIRY)

    assert [] == await due(store, 2 * EXPIRY - 1)
    assert [DEVICE] == await due(store, 2 * EXPIRY)


async def test_response_timeout(store: Store) -> None:
    """A lane is due when its device's answer is."""
    await enqueue_commands(store, at_most_once_command())
    await poll_command(store)

    assert [] == await due(store, START + TIMEOUT - 1)
    assert [DEVICE] == await due(store, START + TIMEOUT)


async def test_response_timeout_from_the_write(store: Store) -> None:
    """When the answer was written later the lane is due later."""
    door = at_most_once_command()
    await enqueue_commands(store, door)
    await mark_written(store, await poll_command(store), START + 3 * SECOND)

    for _ in await due(store, START + TIMEOUT):
        await expire_overdue(store, START + TIMEOUT)
    assert CommandState.DELIVERED is (await command_record(store, door)).command.state

    for _ in await due(store, START + TIMEOUT + 3 * SECOND):
        await expire_overdue(store, START + TIMEOUT + 3 * SECOND)
    assert CommandState.TIMEOUT is (await command_record(store, door)).command.state


async def test_held_back(store: Store) -> None:
    """A lane in which only an endpoint is held back is due when that is over."""
    await enqueue_commands(store, at_most_once_command())
    await poll_command(store)
    await give_up_delivery(store, START + GRACE)

    for _ in await due(store, START + TIMEOUT):
        await expire_overdue(store, START + TIMEOUT)

    assert store.cached_lane(DEVICE) is None


async def test_ended(store: Store) -> None:
    """A lane whose commands have ended is forgotten when its time comes."""
    first, second = command(), command()
    await enqueue_commands(store, first, second)
    await post_result(store, await poll_command(store))
    await try_cancel(store, second)

    for _ in await due(store, START + 2 * DAY):
        await expire_overdue(store, START + 2 * DAY)

    assert store.cached_lane(DEVICE) is None


@pytest.mark.parametrize("wholly", [False, True])
async def test_failing_to_look_after(
    location: StoreLocation, store: Store, wholly: bool
) -> None:
    """
    A timer that could not be served because the store was unavailable is due again.
    """
    one, other = (
        at_most_once_command(expires_at=EXPIRY),
        at_most_once_command(device_id=5, expires_at=EXPIRY),
    )
    await enqueue_commands(store, one)
    await enqueue_commands(store, other)
    late = await due(store, EXPIRY)
    async with location.failing_writer(store) if wholly else failing_commits(store):
        for device in late:
            with pytest.raises(Unavailable):
                await expire_overdue(store, EXPIRY, device)
    await enqueue_commands(store, command(device_id=7))

    for device in await due(store, EXPIRY + SECOND):
        await expire_overdue(store, EXPIRY + SECOND, device)

    assert CommandState.EXPIRED is (await command_record(store, one)).command.state
    assert CommandState.EXPIRED is (await command_record(store, other)).command.state
