"""Through which part of which index a list goes: said, not left to be guessed."""

from collections.abc import Mapping
from typing import Any

import attrs

from pushserver.model.ids import MAX_INT64
from pushserver.storage.sql.connection import PostgresDialect, SqlConnection


@attrs.frozen
class IndexRange:
    """
    The rows that have these values, from above one id to below another.

    PostgreSQL weighs by what it knows of the values: told each of them, it would now
    and then go through everything by id, hoping that such rows come soon. Compared as a
    whole they are in order in one index alone. SQLite takes the index that fits best,
    and that only for values that are told one by one.
    """

    connection: SqlConnection
    equal_to: Mapping[str, Any]
    above: int = -1
    below: int = MAX_INT64

    @property
    def _compares_rows(self) -> bool:
        return isinstance(self.connection, PostgresDialect)

    @property
    def condition(self) -> str:
        """The condition."""
        names = [*self.equal_to, "id"]
        if not self._compares_rows:
            return f"{' = ? AND '.join(names)} > ? AND id < ?"
        column_list, placeholders = ", ".join(names), ", ".join("?" * len(names))
        return (
            f"({column_list}) > ({placeholders}) AND ({column_list}) < ({placeholders})"
        )

    @property
    def parameters(self) -> list[Any]:
        """What the condition's marks stand for."""
        values = list(self.equal_to.values())
        repeated = values if self._compares_rows else []
        return [*values, self.above, *repeated, self.below]

    @property
    def order_oldest_first(self) -> str:
        """By what to sort."""
        return ", ".join([*self.equal_to, "id"] if self._compares_rows else ["id"])

    @property
    def order_newest_first(self) -> str:
        """By what to sort the other way round."""
        return self.order_oldest_first.replace(",", " DESC,") + " DESC"

    def filter_without_index(
        self, conditions: Mapping[str, Any]
    ) -> tuple[str, list[Any]]:
        """Return what else columns are to be, unless None, so that no index serves."""
        remaining = {
            name: value
            for name, value in conditions.items()
            if value is not None and name not in self.equal_to
        }
        return "".join(f" AND NOT {name} <> ?" for name in remaining), list(
            remaining.values()
        )
