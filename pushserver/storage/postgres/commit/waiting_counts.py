"""How many commands of each scope wait, over all servers."""

from collections import Counter

from pushserver.storage.sql.conditions import IS_WAITING
from pushserver.storage.sql.connection import SqlConnection

# With the scopes named, the index on scope and state has the answer.
_COUNT_WAITING = (
    f"SELECT scope_id, count(*) FROM command WHERE {IS_WAITING}"
    " AND scope_id IN (SELECT id FROM scope) GROUP BY scope_id"
)


def count_waiting(connection: SqlConnection) -> Counter[int]:
    """Count the waiting commands of each scope."""
    return Counter(dict(connection.execute(_COUNT_WAITING).fetchall()))


def replace_counts(
    counts: Counter[int], found: Counter[int], before: Counter[int]
) -> None:
    """Replace *counts* by what was *found*; what was added since *before* stays."""
    added = Counter(counts)
    added.subtract(before)
    counts.clear()
    for each in (found, added):
        counts.update(each)
