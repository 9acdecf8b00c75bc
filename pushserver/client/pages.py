"""Reads lists page by page."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

from pushserver.client.errors import ApiError

#: The largest page that the API returns.
MAX_PAGE_SIZE = 1000


async def iter_pages(
    fetch_page: Callable[..., Awaitable[Any]],
    limit: int | None = None,
    cursor: str | None = None,
    **filters: Any,
) -> AsyncIterator[Any]:
    """
    Yield a list's pages, up to *limit* items (None or 0: all), from *cursor* on.

    `nextCursor` of the last one tells whether there is more.

    Raises:
        ApiError: what comes is no list, or it does not end.
    """
    remaining = limit or sys.maxsize
    seen = {cursor}
    while remaining > 0:
        answer = await fetch_page(
            limit=min(MAX_PAGE_SIZE, remaining), cursor=cursor, **filters
        )
        items, next_cursor = parse_page(answer)
        yield answer
        if next_cursor is None:
            return
        if not items or next_cursor in seen:
            raise endless_list()
        remaining -= len(items)
        cursor = next_cursor
        seen.add(cursor)


def parse_page(answer: Mapping[str, Any]) -> tuple[Sequence[Any], str | None]:
    """
    Return the items of a page, and the cursor of the next one.

    Raises:
        ApiError: it is no page.
    """
    items, cursor = answer.get("items"), answer.get("nextCursor")
    is_list = isinstance(items, list) and all(isinstance(each, dict) for each in items)
    if not is_list or not isinstance(cursor, str | None):
        raise _wrong("The answer is no list. Is a pushserver there?")
    return cast("list[Any]", items), cursor


def endless_list() -> ApiError:
    """Return the error for a page that leads to no other."""
    return _wrong("The list does not end: a page leads to nothing new.")


def _wrong(detail: str) -> ApiError:
    return ApiError(HTTPStatus.OK, {"detail": detail})


async def iter_items(
    fetch_page: Callable[..., Awaitable[Any]], limit: int | None = None, **filters: Any
) -> AsyncIterator[Any]:
    """Yield the items of a list, page by page, up to *limit* (None or 0: all)."""
    async for answer in iter_pages(fetch_page, limit, **filters):
        for item in answer["items"]:
            yield item
