"""Arrays as PostgreSQL reads them."""

from collections.abc import Collection, Sequence
from typing import Any


def array_literal(numbers: Collection[int]) -> str:
    """Return numbers as an array literal."""
    return f"{{{','.join(map(str, numbers))}}}"


def text_array_literal(values: Sequence[Any]) -> str:
    """Return values as an array literal."""
    # The columns of many rows mostly hold one value, or numbers, or text that needs no
    # escapes: each is done in a few calls.
    if values and values.count(values[0]) == len(values):
        return "{" + ",".join([_array_element(values[0])] * len(values)) + "}"
    kinds = set(map(type, values))
    if kinds == {int}:
        return "{" + ",".join(map(str, values)) + "}"
    if kinds == {str}:
        joined = '","'.join(values)
        if "\\" not in joined and joined.count('"') == 2 * len(values) - 2:
            return '{"' + joined + '"}'
    return "{" + ",".join(map(_array_element, values)) + "}"


def array_bytes(values: Sequence[Any]) -> bytes:
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
