"""What is SQLite's own: deadlines in memory that follow a wall clock that jumped."""

from pathlib import Path

import pytest

from pushserver.clock import SECOND
from pushserver.model.state import State
from pushserver.storage.base import Store
from tests.clock import START, ManualClock
from tests.model.values import DEVICE, TIMEOUT, once
from tests.storage.deeds import ask, enqueue, fly, record_of, report
from tests.storage.places import Place, SqliteFile, opened
from tests.storage.test_alarms import EXPIRY, due


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Place:
    """Return where a file is to be."""
    return SqliteFile(f"sqlite:///{tmp_path / 'store.db'}")


async def test_shift(store: Store) -> None:
    """Deadlines in memory move along with a wall clock that jumped."""
    hour = 3600 * SECOND
    await enqueue(store, once(expires_at=EXPIRY))
    await enqueue(store, once(device_id=5))
    await ask(store, device=5)

    store.shift(-hour)

    assert [] == await due(store, EXPIRY - hour - 1)
    assert [DEVICE] == await due(store, EXPIRY - hour)
    assert [5] == await due(store, START - hour + TIMEOUT)

    store.shift(2 * hour)

    assert [] == await due(store, EXPIRY + hour - 1)


async def test_shift_and_restart(place: Place, clock: ManualClock) -> None:
    """What moved along in memory can still be moved in the store."""
    door = once(expires_at=EXPIRY)
    async with opened(place, clock) as store:
        await enqueue(store, door)
        store.shift(-3600 * SECOND)
        flight = await fly(store, START - 3600 * SECOND)
        await report(store, flight, START - 3600 * SECOND + 1)

        assert State.SUCCESSFUL is (await record_of(store, door)).command.state
