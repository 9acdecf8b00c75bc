"""Reads lists page by page."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

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
    """
    remaining = limit or sys.maxsize
    while remaining > 0:
        answer = await fetch_page(
            limit=min(MAX_PAGE_SIZE, remaining), cursor=cursor, **filters
        )
        yield answer
        remaining -= len(answer["items"])
        cursor = answer.get("nextCursor")
        if cursor is None:
            return


async def iter_items(
    fetch_page: Callable[..., Awaitable[Any]], limit: int | None = None, **filters: Any
) -> AsyncIterator[Any]:
    """Yield the items of a list, page by page, up to *limit* (None or 0: all)."""
    async for answer in iter_pages(fetch_page, limit, **filters):
        for item in answer["items"]:
            yield item
