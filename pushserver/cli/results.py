"""`pushserver results`: read outcomes in the order they came, or follow them."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from functools import partial
from typing import Annotated, Any

import attrs
from cyclopts import Parameter

from pushserver.cli.context import CliContext, InjectedContext
from pushserver.cli.device_names import fetch_names
from pushserver.cli.paging import ONE_PAGE, PageOptionsArg
from pushserver.cli.printing import format_exact
from pushserver.client import MAX_PAGE_SIZE, Client, Json
from pushserver.client.backoff import retry_while_unreachable
from pushserver.client.pages import endless_list, parse_page

#: Seconds that the server may hold a call until there are results.
LONG_POLL_SECONDS = 20
COLUMNS = ("receivedAt", "deviceId", "endpoint", "outcome", "commandId")


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
        items, cursor = parse_page(answer)
        if items and cursor in (None, self.cursor):
            raise endless_list()
        self.cursor = cursor or self.cursor
        return list(items)

    async def read_available(self, limit: int) -> AsyncIterator[Json]:
        """Yield the results so far, up to *limit* (0: all)."""
        remaining = limit or MAX_PAGE_SIZE
        while remaining > 0 and (
            items := await self.next_page(limit=min(remaining, MAX_PAGE_SIZE))
        ):
            for item in items:
                yield item
            remaining = remaining - len(items) if limit else MAX_PAGE_SIZE

    async def has_more(self) -> bool:
        """Tell whether there are results after the cursor."""
        answer = await self.client.results.list(
            cursor=self.cursor, limit=1, **self.filters
        )
        return bool(answer["items"])

    async def follow(
        self, on_unreachable: Callable[[str], None] | None = None
    ) -> AsyncGenerator[Json, None]:
        """
        Yield results as they come, without end; wait for a server that is away.

        That it is away is reported once.
        """
        while True:
            items = await retry_while_unreachable(
                partial(self.next_page, limit=MAX_PAGE_SIZE, wait=LONG_POLL_SECONDS),
                on_unreachable,
            )
            for item in items:
                yield item


async def results(
    *,
    follow: Annotated[bool, Parameter(negative=())] = False,
    filters: Annotated[ResultFilters, Parameter(name="*")] = ResultFilters(),
    page: PageOptionsArg = ONE_PAGE,
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
    page
        How many; without meaning for --follow.
    """
    query = {"deviceId": filters.device, "orphan": filters.orphan}
    reader = ResultReader(client=context.client(), cursor=filters.cursor, filters=query)
    limit = page.count(all_by_default=context.json)
    try:
        await (_follow(context, reader) if follow else _print(context, reader, limit))
    finally:
        if reader.cursor:
            context.print_note(f"cursor: {reader.cursor}")
    return 0


async def _follow(context: CliContext, reader: ResultReader) -> None:
    async with reader.client:
        async for item in reader.follow(context.print_note):
            context.print_row(item if context.json else _to_row(item), COLUMNS)


async def _print(context: CliContext, reader: ResultReader, limit: int) -> None:
    """Print the results so far; where programs read, each as it comes."""
    shown, rows = 0, []
    async with reader.client:
        async for item in reader.read_available(limit):
            row = item if context.json else _to_row(item)
            if context.is_terminal and not context.json:
                rows.append(row)
            else:
                context.print_page([row], COLUMNS, is_first=not shown)
            shown += 1
        if context.is_terminal and not context.json:
            names = await fetch_names(context, reader.client, rows, COLUMNS)
            context.print_table(rows, COLUMNS, names)
        elif not shown:
            context.print_page([], COLUMNS, is_first=True)
        if shown == limit and not context.json and await reader.has_more():
            context.print_note(f"{shown} of more; --all")


def _to_row(item: Json) -> Json:
    """Return a result for people, with what it says as its outcome."""
    return {"commandId": "orphan", **item, "outcome": _format_outcome(item)}


def _format_outcome(item: Json) -> str:
    """Return what a result says."""
    if "bodyDeletedAt" in item:
        return "deleted"
    if item.get("incomplete"):
        return "incomplete"
    if "error" in item:
        kind = "refused" if item.get("refused") else "error"
        return f"{kind}: {format_exact(item['error'], 'error')}"
    if item.get("unreadable"):
        return "unreadable"
    return format_exact(item.get("response"), "response")
