"""Through which part of which index a list goes: said, not left to be guessed."""

from collections.abc import Mapping
from typing import Any

import attrs

from pushserver.model.ids import MAX_INT64
from pushserver.storage.sql.connection import ByColumns, Connection


@attrs.frozen
class Stretch:
    """
    The rows that have these values, from above one id to below another.

    PostgreSQL weighs by what it knows of the values: told each of them, it would now
    and then go through everything by id, hoping that such rows come soon. Compared as a
    whole they are in order in one index alone. SQLite takes the index that fits best,
    and that only for values that are told one by one.
    """

    connection: Connection
    values: Mapping[str, Any]
    above: int = -1
    below: int = MAX_INT64

    @property
    def _is_whole(self) -> bool:
        return isinstance(self.connection, ByColumns)

    @property
    def sql(self) -> str:
        """The condition."""
        names = [*self.values, "id"]
        if not self._is_whole:
            return f"{' = ? AND '.join(names)} > ? AND id < ?"
        all_of_them, marks = ", ".join(names), ", ".join("?" * len(names))
        return f"({all_of_them}) > ({marks}) AND ({all_of_them}) < ({marks})"

    @property
    def bounds(self) -> list[Any]:
        """What the condition's marks stand for."""
        values = list(self.values.values())
        again = values if self._is_whole else []
        return [*values, self.above, *again, self.below]

    @property
    def oldest_first(self) -> str:
        """By what to sort."""
        return ", ".join([*self.values, "id"] if self._is_whole else ["id"])

    @property
    def newest_first(self) -> str:
        """By what to sort the other way round."""
        return self.oldest_first.replace(",", " DESC,") + " DESC"

    def others(self, conditions: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """Return what else columns are to be, unless None, so that no index serves."""
        left = {
            name: value
            for name, value in conditions.items()
            if value is not None and name not in self.values
        }
        return "".join(f" AND NOT {name} <> ?" for name in left), list(left.values())
