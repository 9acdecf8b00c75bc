"""Lanes in a database, and what matters of them."""

from pushserver.model.command import Command
from pushserver.model.lane import Lane
from pushserver.storage.postgres.store import PostgresStore
from pushserver.storage.sql.lanes import load_lanes
from tests.clock import START
from tests.model.factories import DEVICE, command

#: What a lane shows: each command that waits, and what is in flight.
LaneContent = tuple[list[tuple[int, int, int]], int | None]


def lane_content(lane: Lane) -> LaneContent:
    """Return what tests compare of a lane."""
    rows = [(each.id, each.transition_count, each.expires_at) for each in lane.waiting]
    return rows, None if lane.in_flight is None else lane.in_flight.delivery.id


async def stored_lane(store: PostgresStore) -> LaneContent:
    """Return the lane as the database has it."""
    lanes = await store.background_reader.run(
        lambda link: load_lanes(link, [DEVICE], START)
    )
    return lane_content(lanes.get(DEVICE, Lane(DEVICE)))


def many_commands(count: int) -> list[Command]:
    """Return enough commands for a lane that is not read whole again."""
    return [command(priority=n % 3) for n in range(count)]
