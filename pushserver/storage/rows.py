"""Rows, and the columns that statements name; `…_rows` has those of each kind."""

from collections.abc import Sequence
from typing import Any

Row = Sequence[Any]


def count_columns(names: str) -> int:
    """Return how many columns *names* names."""
    return names.count(",") + 1


def qualified(names: str, table: str) -> str:
    """Return *names* with the table's name before each."""
    return ", ".join(f"{table}.{name.strip()}" for name in names.split(","))


def placeholders(names: str) -> str:
    """Return one question mark for each column."""
    return ", ".join("?" * count_columns(names))
