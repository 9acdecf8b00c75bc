"""What is due is told in time, and once."""

import pytest

from pushserver.clock import SECOND
from pushserver.errors import Unavailable
from pushserver.model.state import State
from pushserver.storage.base import Store
from tests.clock import START, ManualClock
from tests.model.values import DAY, DEVICE, GRACE, TIMEOUT, command, once
from tests.storage.deeds import (
    abandon,
    ask,
    call_off,
    enqueue,
    fly,
    record_of,
    report,
    tend,
    written,
)
from tests.storage.places import Place, away, opened

EXPIRY = START + 30 * SECOND


async def due(store: Store, at: int) -> list[int]:
    """Return the devices that are due."""
    return sorted(await store.overdue(at))


async def test_nothing(store: Store) -> None:
    """Where nothing waits nothing is due."""
    assert [] == await due(store, START + 365 * DAY)


async def test_expiry(store: Store) -> None:
    """A lane is due when its first command expires, until that was looked after."""
    await enqueue(store, command(device_id=1, expires_at=EXPIRY))
    await enqueue(store, command(device_id=2, expires_at=EXPIRY + 1))

    assert [] == await due(store, EXPIRY - 1)
    assert [1] == await due(store, EXPIRY)
    await tend(store, EXPIRY, device=1)
    assert [2] == await due(store, EXPIRY + 1)
    await tend(store, EXPIRY + 1, device=2)
    assert [] == await due(store, EXPIRY + 1)


async def test_sooner(store: Store) -> None:
    """A command that expires before the others brings the time forward."""
    await enqueue(store, command())
    await enqueue(store, once(expires_at=EXPIRY))

    assert [DEVICE] == await due(store, EXPIRY)


async def test_again(store: Store) -> None:
    """A lane that was looked after is due again when the next time comes."""
    await enqueue(store, once(expires_at=EXPIRY), once(expires_at=2 * EXPIRY))
    assert [DEVICE] == await due(store, EXPIRY)

    await tend(store, EXPIRY)

    assert [] == await due(store, 2 * EXPIRY - 1)
    assert [DEVICE] == await due(store, 2 * EXPIRY)


async def test_response_timeout(store: Store) -> None:
    """A lane is due when its device's answer is."""
    await enqueue(store, once())
    await fly(store)

    assert [] == await due(store, START + TIMEOUT - 1)
    assert [DEVICE] == await due(store, START + TIMEOUT)


async def test_response_timeout_from_the_write(store: Store) -> None:
    """When the answer was written later the lane is due later."""
    door = once()
    await enqueue(store, door)
    await written(store, await fly(store), START + 3 * SECOND)

    for _ in await due(store, START + TIMEOUT):
        await tend(store, START + TIMEOUT)
    assert State.DELIVERED is (await record_of(store, door)).command.state

    for _ in await due(store, START + TIMEOUT + 3 * SECOND):
        await tend(store, START + TIMEOUT + 3 * SECOND)
    assert State.TIMEOUT is (await record_of(store, door)).command.state


async def test_held_back(store: Store) -> None:
    """A lane in which only an endpoint is held back is due when that is over."""
    await enqueue(store, once())
    await fly(store)
    await abandon(store, START + GRACE)

    for _ in await due(store, START + TIMEOUT):
        await tend(store, START + TIMEOUT)

    assert store.lane(DEVICE) is None


async def test_ended(store: Store) -> None:
    """A lane whose commands have ended is forgotten when its time comes."""
    first, second = command(), command()
    await enqueue(store, first, second)
    await report(store, await fly(store))
    await call_off(store, second)

    for _ in await due(store, START + 2 * DAY):
        await tend(store, START + 2 * DAY)

    assert store.lane(DEVICE) is None


@pytest.mark.parametrize("wholly", [False, True])
async def test_failing_to_look_after(place: Place, store: Store, wholly: bool) -> None:
    """What could not be looked after because the store was away is due again."""
    one, other = once(expires_at=EXPIRY), once(device_id=5, expires_at=EXPIRY)
    await enqueue(store, one)
    await enqueue(store, other)
    late = await due(store, EXPIRY)
    async with place.dead(store) if wholly else away(store):
        for device in late:
            with pytest.raises(Unavailable):
                await tend(store, EXPIRY, device)
    await enqueue(store, command(device_id=7))

    for device in await due(store, EXPIRY + SECOND):
        await tend(store, EXPIRY + SECOND, device)

    assert State.EXPIRED is (await record_of(store, one)).command.state
    assert State.EXPIRED is (await record_of(store, other)).command.state


async def test_shift(store: Store) -> None:
    """Deadlines in memory move along with a wall clock that jumped."""
    hour = 3600 * SECOND
    await enqueue(store, once(expires_at=EXPIRY))
    await enqueue(store, once(device_id=5))
    await ask(store, device=5)

    await store.shift(-hour)

    assert [] == await due(store, EXPIRY - hour - 1)
    assert [DEVICE] == await due(store, EXPIRY - hour)
    assert 5 in await due(store, START - hour + TIMEOUT)

    await store.shift(2 * hour)

    assert [] == await due(store, EXPIRY + hour - 1)


async def test_shift_and_restart(place: Place, clock: ManualClock) -> None:
    """What moved along in memory can still be moved in the store."""
    door = once(expires_at=EXPIRY)
    async with opened(place, clock) as store:
        await enqueue(store, door)
        await store.shift(-3600 * SECOND)
        flight = await fly(store, START - 3600 * SECOND)
        await report(store, flight, START - 3600 * SECOND + 1)

        assert State.SUCCESSFUL is (await record_of(store, door)).command.state
