"""Rules of the domain as SQL conditions, made of the model's own constants."""

import enum
from collections.abc import Collection
from typing import Any

from pushserver.clock import SECOND
from pushserver.model.command import DeliveryOutcome
from pushserver.model.device import MAX_MISSED_POLLS, MIN_OFFLINE_AFTER
from pushserver.model.state import FINISHED, IN_FLIGHT, LIVE, CommandState
from pushserver.storage.sql.connection import PostgresDialect, SqlConnection

# Values are literals: with placeholders, the databases could not use a partial index of
# these rows.


def is_one_of(column: str, members: Collection[enum.StrEnum]) -> str:
    """Return the condition that *column* has one of these values."""
    (kind,) = {type(member) for member in members}
    names = ", ".join(f"'{member.value}'" for member in kind if member in members)
    return f"{column} IN ({names})"


def is_of_device(
    connection: SqlConnection,
    device_ids: Collection[int] | None,
    column: str = "device_id",
) -> tuple[str, list[Any]]:
    """Return ` AND …` and its value, for rows of these devices; None means any."""
    if device_ids is None:
        return "", []
    listed = ",".join(map(str, sorted(device_ids)))
    if isinstance(connection, PostgresDialect):
        return f" AND {column} = ANY(CAST(? AS BIGINT[]))", [f"{{{listed}}}"]
    return f" AND {column} IN (SELECT value FROM json_each(?))", [f"[{listed}]"]


IS_WAITING = f"state = '{CommandState.PENDING.value}'"
IS_LIVE = is_one_of("state", LIVE)
IS_IN_FLIGHT = is_one_of("state", IN_FLIGHT)
IS_FINISHED = is_one_of("state", FINISHED)

#: The rule of `Device.is_online`; its placeholders are the instant and the server's
#: hold.
IS_ONLINE = (
    "seen.last_seen_at > ? - coalesce(device.hold, ?) - CASE"
    f" WHEN {MAX_MISSED_POLLS} * seen.poll_period > {MIN_OFFLINE_AFTER}"
    f" THEN {MAX_MISSED_POLLS} * seen.poll_period ELSE {MIN_OFFLINE_AFTER} END"
)

#: An operation whose first step has no command yet.
IS_NOT_STARTED = "status = 'RUNNING' AND queued_steps = 0"

#: A delivery of which nobody knows what came of it: a late result still counts.
IS_OPEN_ENDED = is_one_of(
    "outcome", (DeliveryOutcome.UNREADABLE, DeliveryOutcome.NO_ANSWER)
)

#: A delivery that ended without an answer that says something.
IS_UNANSWERED = (
    "ended_at IS NOT NULL AND coalesce(outcome, '') NOT IN"
    f" ('{DeliveryOutcome.SUCCESSFUL.value}', '{DeliveryOutcome.FAILED.value}')"
)

#: An answer came, and no other one is expected.
IS_ANSWERED = is_one_of(
    "outcome",
    (DeliveryOutcome.SUCCESSFUL, DeliveryOutcome.FAILED, DeliveryOutcome.UNREADABLE),
)

#: A delivery that was given up without a uuid blocks its endpoint for a while.
BLOCKS_ENDPOINT = (
    is_one_of("delivery.outcome", (DeliveryOutcome.NO_ANSWER, DeliveryOutcome.CLOSED))
    + " AND delivery.uuid IS NULL"
)
#: Longer than any endpoint is blocked, in microseconds.
BLOCKING_LOOKBACK = 86_400 * SECOND
