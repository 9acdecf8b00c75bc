"""Arrays as PostgreSQL reads them."""

from collections.abc import Collection, Iterable
from typing import Any

_PLAIN_TYPES = {int, type(None)}


def array_literal(numbers: Collection[int]) -> str:
    """Return numbers as an array literal."""
    return f"{{{','.join(map(str, numbers))}}}"


def text_array_literal(values: Iterable[Any]) -> str:
    """Return values as an array literal."""
    column = list(values)
    kinds = set(map(type, column))
    if kinds <= _PLAIN_TYPES:
        return "{" + repr(column)[1:-1].replace("None", "NULL") + "}"
    if kinds == {str}:
        joined = '","'.join(column)
        # Most texts need no escapes, and are done in a few calls.
        if "\\" not in joined and joined.count('"') == 2 * len(column) - 2:
            return '{"' + joined + '"}'
    return "{" + ",".join(map(_array_element, column)) + "}"


def array_bytes(values: Iterable[Any]) -> bytes:
    """Return the same as the parameter that psycopg makes of it."""
    return text_array_literal(values).replace("\x00", "\ufffd").encode()


def _array_element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)
