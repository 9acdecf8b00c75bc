"""Lists in pages: where a page begins, and where the next one does."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from pushserver.model.ids import parse_int64
from pushserver.web.console.page import SignedInCall

T = TypeVar("T")


def cursor_before(call: SignedInCall) -> int | None:
    """
    Return the id at which the page begins; None at the beginning of the list.

    Raises:
        Invalid: it is no id.
    """
    cursor = call.query.get("cursor")
    return None if cursor is None else parse_int64(cursor, field_name="cursor")


def cut_page(
    found: Sequence[T], size: int, id_of: Callable[[T], int]
) -> tuple[Sequence[T], int | None]:
    """Return what of *found*, one more than is shown, is shown; and the next cursor."""
    shown = found[:size]
    return shown, id_of(shown[-1]) if len(found) > size else None
