"""Lists, read page by page."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from pushserver.client.wire import Json

#: The most that a list gives in one page.
PAGE = 1000


async def every(
    page: Callable[..., Awaitable[Json]], limit: int = 0, **filters: Any
) -> AsyncIterator[Json]:
    """Yield what a list holds, page by page, up to *limit* (0: everything)."""
    left = limit or sys.maxsize
    cursor: str | None = None
    while left > 0:
        answer = await page(limit=min(PAGE, left), cursor=cursor, **filters)
        for item in answer["items"]:
            yield item
        left -= len(answer["items"])
        cursor = answer.get("nextCursor")
        if cursor is None:
            return
