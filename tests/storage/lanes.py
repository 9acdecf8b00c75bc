"""Lanes in a database, and what matters of them."""

from pushserver.model.command import Command
from pushserver.model.lane import Lane
from pushserver.storage.postgres.store import PostgresStore
from pushserver.storage.sql.lanes import load
from tests.clock import START
from tests.model.values import DEVICE, command

#: What a lane shows: each command that waits, and what is in flight.
Shown = tuple[list[tuple[int, int, int]], int | None]


def shown(lane: Lane) -> Shown:
    """Return what matters of a lane."""
    rows = [(each.id, each.turns, each.expires_at) for each in lane.waiting]
    return rows, None if lane.flight is None else lane.flight.delivery.id


async def truth(store: PostgresStore) -> Shown:
    """Return the lane as the database has it."""
    lanes = await store.workers.run(lambda link: load(link, [DEVICE], START))
    return shown(lanes.get(DEVICE, Lane(DEVICE)))


def many(count: int) -> list[Command]:
    """Return commands enough for a lane that is not read whole again."""
    return [command(priority=n % 3) for n in range(count)]
