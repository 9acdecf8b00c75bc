"""Chooses which part of which index a list reads, instead of the planner."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from pushserver.model.ids import MAX_INT64
from pushserver.storage.sql.connection import PostgresDialect, SqlConnection


@attrs.frozen
class IndexRange:
    """
    The rows whose columns have these *values*, from above one id to below another.

    A value of None means any. Of the `indexes`, narrowest first, the first one is used
    whose columns all have values.

    PostgreSQL's planner goes by how common each single value is: it would sometimes
    read everything by id, expecting such rows soon. A comparison of whole rows leaves
    it only one index. SQLite takes the best index, but only if columns are compared one
    by one.
    """

    connection: SqlConnection
    values: Mapping[str, Any]
    indexes: Sequence[Sequence[str]]
    above: int = -1
    below: int = MAX_INT64
    _index: Sequence[str] = attrs.field(init=False)
    _filters: Mapping[str, Any] = attrs.field(init=False)

    @_index.default
    def _narrowest_index(self) -> Sequence[str]:
        return next(
            index
            for index in self.indexes
            if all(self.values[name] is not None for name in index)
        )

    @_filters.default
    def _values_outside_index(self) -> Mapping[str, Any]:
        return {
            name: value
            for name, value in self.values.items()
            if value is not None and name not in self._index
        }

    @property
    def _compares_rows(self) -> bool:
        return isinstance(self.connection, PostgresDialect)

    @property
    def condition(self) -> str:
        """The condition; other columns are compared so that no index fits them."""
        names = [*self._index, "id"]
        if self._compares_rows:
            columns, marks = ", ".join(names), ", ".join("?" * len(names))
            in_range = f"({columns}) > ({marks}) AND ({columns}) < ({marks})"
        else:
            in_range = f"{' = ? AND '.join(names)} > ? AND id < ?"
        return in_range + "".join(f" AND NOT {name} <> ?" for name in self._filters)

    @property
    def parameters(self) -> list[Any]:
        """The values of the condition's placeholders."""
        values = [self.values[name] for name in self._index]
        repeated = values if self._compares_rows else []
        limits = [*values, self.above, *repeated, self.below]
        return [*limits, *self._filters.values()]

    @property
    def order_oldest_first(self) -> str:
        """The columns to sort by."""
        return ", ".join([*self._index, "id"] if self._compares_rows else ["id"])

    @property
    def order_newest_first(self) -> str:
        """The columns to sort by, descending."""
        return self.order_oldest_first.replace(",", " DESC,") + " DESC"
