"""`pushserver results`: read outcomes in the order they came, or follow them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from typing import Annotated, Any

import attrs
from cyclopts import Parameter

from pushserver.cli.here import Here, InHere
from pushserver.cli.patience import patiently
from pushserver.client import PAGE, Client, Json

#: Seconds for which the server holds a page that has nothing new.
HELD = 20


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Filters:
    """Which results to print."""

    cursor: str | None = None
    "Go on after this one, as printed when the last run ended."
    device: str | None = None
    "Only those of this device."
    orphan: bool | None = None
    "Only those that belong to no command, or only those that do."
    limit: int = 50
    "How many at most; 0 for all. Without meaning for --follow."


@attrs.define(kw_only=True)
class Reader:
    """Reads on from a cursor, which it keeps up to date."""

    client: Client
    cursor: str | None = None
    filters: dict[str, Any] = attrs.field(factory=dict)

    async def page(self, *, limit: int, wait: int | None = None) -> list[Json]:
        """Return the next results, none when there are none within *wait* seconds."""
        answer = await self.client.results(
            cursor=self.cursor, limit=limit, wait=wait, **self.filters
        )
        self.cursor = answer.get("nextCursor", self.cursor)
        return list(answer["items"])

    async def rest(self, limit: int) -> AsyncIterator[Json]:
        """Yield what there is by now, up to *limit* (0: everything)."""
        left = limit or PAGE
        while left > 0 and (items := await self.page(limit=min(left, PAGE))):
            for item in items:
                yield item
            left = left - len(items) if limit else PAGE

    async def follow(self) -> AsyncGenerator[Json, None]:
        """Yield results as they come, for ever; a server that is away is waited for."""
        while True:
            items = await patiently(partial(self.page, limit=PAGE, wait=HELD))
            for item in items:
                yield item


def results(
    *,
    follow: Annotated[bool, Parameter(negative=())] = False,
    filters: Annotated[Filters, Parameter(name="*")] = Filters(),
    here: InHere,
) -> int:
    """
    Print results, oldest first, and on stderr the cursor to go on from.

    Parameters
    ----------
    follow
        Wait for more, until Ctrl-C.
    filters
        Which results to print.
    """
    wanted = {"deviceId": filters.device, "orphan": filters.orphan}
    reader = Reader(client=here.client(), cursor=filters.cursor, filters=wanted)
    try:
        asyncio.run(_read(here, reader, follow, filters.limit))
    except KeyboardInterrupt:
        if not follow:
            raise
    if reader.cursor:
        here.note(f"cursor: {reader.cursor}")
    return 0


async def _read(here: Here, reader: Reader, follow: bool, limit: int) -> None:
    async with reader.client:
        async for item in reader.follow() if follow else reader.rest(limit):
            if here.json:
                here.object(item)
            else:
                here.line(_told(item))


def _told(item: Json) -> str:
    """Return a result in one line for people."""
    outcome = f"error: {item['error']}" if "error" in item else "response"
    whose = f"command {item['commandId']}" if "commandId" in item else "orphan"
    endpoint = item.get("endpoint", "?")
    return f"{item['receivedAt']}  {item['deviceId']}  {endpoint}  {whose}  {outcome}"
