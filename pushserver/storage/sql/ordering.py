"""ORDER BY, the same on all databases."""

from collections.abc import Sequence

#: The sort columns that may be NULL.
_NULLABLE = frozenset({"ended_at", "message", "resource"})


def order_by(columns: Sequence[str], *, descending: bool) -> str:
    """Return the clause that sorts by *columns*: NULL comes first, or last."""
    return (
        f"ORDER BY {', '.join(_term(name, descending=descending) for name in columns)}"
    )


def _term(column: str, *, descending: bool) -> str:
    direction, nulls = (" DESC", "LAST") if descending else ("", "FIRST")
    return f"{column}{direction}{f' NULLS {nulls}' if column in _NULLABLE else ''}"
