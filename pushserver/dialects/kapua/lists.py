"""Lists of Kapua's entities, page by page, and how many there are."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from pushserver.dialects.kapua.entity import Body, to_json

T = TypeVar("T")
B = TypeVar("B", bound=Body)


class Page(Body, Generic[B], kw_only=True):
    """Base of the pages of a list; if the limit is exceeded, there is a next page."""

    limit_exceeded: bool
    size: int
    items: Sequence[B]
    total_count: int | None = None


class _Count(msgspec.Struct):
    count: int


def render_page(
    page_type: type[Page[B]],
    to_body: Callable[[T], B],
    found: Sequence[T],
    limit: int,
    total: int | None,
) -> bytes:
    """Render at most *limit* of *found*; if it holds more, there is a next page."""
    items = [to_body(each) for each in found[:limit]]
    page = page_type(
        limit_exceeded=len(found) > limit,
        size=len(items),
        items=items,
        total_count=total,
    )
    return to_json(page)


def render_count(number: int) -> bytes:
    """Render a count."""
    return to_json(_Count(number))
