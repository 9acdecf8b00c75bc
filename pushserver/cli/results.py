"""`pushserver results`: read outcomes in the order they came, or follow them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from typing import Annotated, Any

import attrs
from cyclopts import Parameter

from pushserver.cli.backoff import retry_while_unreachable
from pushserver.cli.context import CliContext, InjectedContext
from pushserver.client import MAX_PAGE_SIZE, Client, Json

#: Seconds that the server may hold a call until there are results.
LONG_POLL_SECONDS = 20


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class ResultFilters:
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
class ResultReader:
    """Reads results from a cursor on, which it keeps up to date."""

    client: Client
    cursor: str | None = None
    filters: dict[str, Any] = attrs.field(factory=dict)

    async def next_page(self, *, limit: int, wait: int | None = None) -> list[Json]:
        """Return the next results; none if none come within *wait* seconds."""
        answer = await self.client.results.list(
            cursor=self.cursor, limit=limit, wait=wait, **self.filters
        )
        self.cursor = answer.get("nextCursor", self.cursor)
        return list(answer["items"])

    async def read_available(self, limit: int) -> AsyncIterator[Json]:
        """Yield the results so far, up to *limit* (0: all)."""
        remaining = limit or MAX_PAGE_SIZE
        while remaining > 0 and (
            items := await self.next_page(limit=min(remaining, MAX_PAGE_SIZE))
        ):
            for item in items:
                yield item
            remaining = remaining - len(items) if limit else MAX_PAGE_SIZE

    async def follow(self) -> AsyncGenerator[Json, None]:
        """Yield results as they come, without end; wait for a server that is away."""
        while True:
            items = await retry_while_unreachable(
                partial(self.next_page, limit=MAX_PAGE_SIZE, wait=LONG_POLL_SECONDS)
            )
            for item in items:
                yield item


def results(
    *,
    follow: Annotated[bool, Parameter(negative=())] = False,
    filters: Annotated[ResultFilters, Parameter(name="*")] = ResultFilters(),
    context: InjectedContext,
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
    query = {"deviceId": filters.device, "orphan": filters.orphan}
    reader = ResultReader(client=context.client(), cursor=filters.cursor, filters=query)
    try:
        asyncio.run(_print_results(context, reader, follow, filters.limit))
    except KeyboardInterrupt:
        if not follow:
            raise
    if reader.cursor:
        context.print_note(f"cursor: {reader.cursor}")
    return 0


async def _print_results(
    context: CliContext, reader: ResultReader, follow: bool, limit: int
) -> None:
    async with reader.client:
        async for item in reader.follow() if follow else reader.read_available(limit):
            if context.json:
                context.print_json(item)
            else:
                context.print_line(_format_result(item))


def _format_result(item: Json) -> str:
    """Return a result in one line for people."""
    owner = f"command {item['commandId']}" if "commandId" in item else "orphan"
    endpoint = item.get("endpoint", "?")
    outcome = _format_outcome(item)
    return f"{item['receivedAt']}  {item['deviceId']}  {endpoint}  {owner}  {outcome}"


def _format_outcome(item: Json) -> str:
    """Return what a result says, without the response itself."""
    if item.get("incomplete"):
        return "incomplete"
    if "error" in item:
        return f"{'refused' if item.get('refused') else 'error'}: {item['error']}"
    return "unreadable" if item.get("unreadable") else "response"
