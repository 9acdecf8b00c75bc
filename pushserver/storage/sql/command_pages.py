"""The statement that reads a page of a list of commands."""

from typing import Any

from pushserver.model.ids import MAX_INT64, first_id_at
from pushserver.model.state import CommandState
from pushserver.storage.history import CommandFilter
from pushserver.storage.sql.conditions import is_of_device
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.index_range import IndexRange

#: After the wall clock was set back, ids are ahead of it by less than this (µs).
_CLOCK_TOLERANCE = 86_400_000_000


def page_query(
    connection: SqlConnection,
    scope_id: int,
    criteria: CommandFilter,
    before: int | None,
    limit: int,
) -> tuple[str, list[Any]]:
    """
    Return the statement that reads a page of ids for each state, and merges them.

    `state IN (…)` would read and sort all rows of those states.
    """
    subqueries, values = [], []
    states: list[CommandState | None] = [*sorted(criteria.states)] or [None]
    extra, extra_values = extra_conditions(criteria)
    of_device, ids = is_of_device(connection, criteria.device_ids)
    extra, extra_values = extra + of_device, [*extra_values, *ids]
    for state in states:
        index_range = _index_range(connection, scope_id, criteria, state, before)
        subqueries.append(
            "SELECT * FROM (SELECT id FROM command"
            f" WHERE {index_range.condition}{extra}"
            f" ORDER BY {index_range.order_newest_first} LIMIT ?) AS page"
        )
        values += [*index_range.parameters, *extra_values, limit]
    return " UNION ALL ".join(subqueries) + " ORDER BY 1 DESC LIMIT ?", [*values, limit]


def _index_range(
    connection: SqlConnection,
    scope_id: int,
    criteria: CommandFilter,
    state: CommandState | None,
    before: int | None,
) -> IndexRange:
    values = {
        "scope_id": scope_id,
        "state": state and state.value,
        "device_id": criteria.device_id,
        "operation_id": criteria.operation_id,
        "supersede_key": criteria.supersede_key,
        "endpoint": criteria.endpoint,
        "created_by": criteria.created_by,
    }
    by_state, by_endpoint = ("scope_id", "state"), ("scope_id", "endpoint")
    # Most commands are SUCCESSFUL.
    is_common = CommandState.SUCCESSFUL in criteria.states
    indexes = [
        ("operation_id",),
        ("scope_id", "supersede_key"),
        ("device_id",),
        ("created_by",),
        *((by_endpoint, by_state) if is_common else (by_state, by_endpoint)),
        ("scope_id",),
    ]
    return IndexRange(connection, values, indexes, *_id_range(criteria, before))


def _id_range(criteria: CommandFilter, before: int | None) -> tuple[int, int]:
    """Return the range of ids; ids grow with time, so instants bound them."""
    after, until = criteria.created_after, criteria.created_before
    above = -1 if after is None else first_id_at(after) - 1
    below = MAX_INT64 if until is None else first_id_at(until + _CLOCK_TOLERANCE)
    return above, below if before is None else min(before, below)


def extra_conditions(criteria: CommandFilter) -> tuple[str, list[Any]]:
    """Return the conditions other than equalities, and their values."""
    times = {
        " AND created_at > ?": criteria.created_after,
        " AND created_at < ?": criteria.created_before,
    }
    given = {sql: value for sql, value in times.items() if value is not None}
    sql = "".join(given)
    if criteria.held is not None:
        sql += f" AND held = {int(criteria.held)}"  # as the index has it
    if criteria.operation_id is not None:
        sql += " AND operation_id IS NOT NULL"  # as in the index
    elif criteria.supersede_key is not None:
        sql += " AND supersede_key IS NOT NULL"  # likewise
    return sql, list(given.values())
