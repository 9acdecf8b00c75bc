"""The objects that a device stores (users, cards, rules, …), in memory."""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import attrs

from pushserver.simulate.messages import DeviceError

Row = dict[str, Any]

#: The user in the vendor's example, so that a first `load_objects` finds one.
FIRST_USER: Mapping[str, Any] = MappingProxyType(
    {
        "id": 1,
        "registration": "Test",
        "name": "Walter White",
        "password": "Heisenberg",
        "salt": "",
        "expires": 0,
        "user_type_id": 0,
        "begin_time": 0,
        "end_time": 0,
    }
)
#: The defaults of a new object.
DEFAULT_FIELDS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "users": MappingProxyType(
            {**FIRST_USER, "registration": "", "name": "", "password": ""}
        )
    }
)


def _like(value: Any, pattern: Any) -> bool:
    """Return whether *value* is LIKE *pattern*, as in SQLite."""
    parts = (re.escape(part) for part in str(pattern).split("%"))
    return (
        re.fullmatch(".*".join(parts), str(value), re.IGNORECASE | re.DOTALL)
        is not None
    )


OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        "=": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "LIKE": _like,
        "IN": lambda value, among: value in among,
        "NOT IN": lambda value, among: value not in among,
    }
)


@attrs.define
class ObjectStore:
    """Rows by the name of their object; every call happens wholly or not at all."""

    _tables: dict[str, list[Row]] = attrs.field(
        factory=lambda: {"users": [dict(FIRST_USER)]}
    )

    def load(self, fields: Mapping[str, Any]) -> dict[str, list[Row]]:
        """Answer `load_objects`."""
        name = _object_name(fields)
        rows = _sorted(self._matching(name, fields.get("where")), fields.get("order"))
        start = int(fields.get("offset") or 0)
        limit = fields.get("limit")
        rows = rows[start : None if limit is None else start + int(limit)]
        selected_fields = fields.get("fields")
        return {name: [_select_fields(row, selected_fields) for row in rows]}

    def create(self, fields: Mapping[str, Any]) -> dict[str, list[int]]:
        """Answer `create_objects`."""
        name, table = _object_name(fields), self._table(fields)
        rows_by_id = {row["id"]: row for row in table}
        new_rows = [
            _new_row(name, values, rows_by_id) for values in _value_rows(fields)
        ]
        table.extend(new_rows)
        return {"ids": [row["id"] for row in new_rows]}

    def create_or_modify(self, fields: Mapping[str, Any]) -> dict[str, int]:
        """Answer `create_or_modify_objects`."""
        name, table = _object_name(fields), self._table(fields)
        rows_by_id = {row["id"]: row for row in table}
        for values in _value_rows(fields):
            if row := rows_by_id.get(values.get("id")):
                row.update(values)
            else:
                table.append(_new_row(name, values, rows_by_id))
        return {"changes": len(_value_rows(fields))}

    def modify(self, fields: Mapping[str, Any]) -> dict[str, int]:
        """Answer `modify_objects`."""
        values = fields.get("values")
        if not isinstance(values, dict):
            raise DeviceError("values is not an object")
        rows = self._matching(_object_name(fields), fields.get("where"))
        for row in rows:
            row.update(values)
        return {"changes": len(rows)}

    def destroy(self, fields: Mapping[str, Any]) -> dict[str, int]:
        """Answer `destroy_objects`; without `where` all rows go."""
        name = _object_name(fields)
        matching_rows = self._matching(name, fields.get("where"))
        ids = {id(row) for row in matching_rows}
        self._tables[name] = [r for r in self._table(fields) if id(r) not in ids]
        return {"changes": len(matching_rows)}

    def _table(self, fields: Mapping[str, Any]) -> list[Row]:
        return self._tables.setdefault(_object_name(fields), [])

    def _matching(self, name: str, where: Any) -> list[Row]:
        conditions = list(_conditions(name, where))
        return [
            row
            for row in self._tables.get(name, ())
            if all(
                field in row and OPERATORS[how](row[field], value)
                for field, how, value in conditions
            )
        ]


def _conditions(name: str, where: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield (field, operator, value) of either form in which `where` is written."""
    if isinstance(where, list):
        for each in where:
            yield each["field"], each.get("operator", "="), each["value"]
        return
    for field, value in ((where or {}).get(name) or {}).items():
        if isinstance(value, dict):
            yield from ((field, how.upper(), operand) for how, operand in value.items())
        else:
            yield field, "IN" if isinstance(value, list) else "=", value


def _object_name(fields: Mapping[str, Any]) -> str:
    name = fields.get("object")
    if not isinstance(name, str) or not name:
        raise DeviceError("object is missing")
    return name


def _value_rows(fields: Mapping[str, Any]) -> list[Row]:
    values = fields.get("values")
    if not isinstance(values, list) or not all(isinstance(v, dict) for v in values):
        raise DeviceError("values is not a list of objects")
    return values


def _new_row(name: str, values: Row, rows_by_id: dict[Any, Row]) -> Row:
    """
    Return a new object, with a free id unless it brings its own, now *rows_by_id*.
    """
    free_id = len(rows_by_id) + 1
    while free_id in rows_by_id:
        free_id += 1
    row = {**DEFAULT_FIELDS.get(name, {}), "id": free_id, **values}
    if row["id"] in rows_by_id:
        raise DeviceError(f"UNIQUE constraint failed: {name}.id")
    rows_by_id[row["id"]] = row
    return row


def _select_fields(row: Row, fields: Any) -> Row:
    return {k: v for k, v in row.items() if not fields or k in fields}


def _sorted(rows: list[Row], order: Any) -> list[Row]:
    """Return *rows* by the fields in *order*, which may end with a direction."""
    names = list(order or ())
    fields = [name for name in names if name not in ("ascending", "descending")]
    if not fields:
        return rows
    descending = "descending" in names
    return sorted(rows, key=lambda r: [r.get(f) for f in fields], reverse=descending)
