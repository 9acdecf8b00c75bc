"""`watch`: a list that is read again and again, as a live table or as lines."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import attrs
from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pushserver.cli.context import CliContext
from pushserver.cli.outlook import utc_now
from pushserver.cli.printing import format_exact
from pushserver.cli.printing.instants import format_distance, is_instant
from pushserver.client import MAX_PAGE_SIZE, Json
from pushserver.client.backoff import retry_while_unreachable

#: Reads the first page of what is watched, of at most *limit* items.
_Read = Callable[..., Awaitable[Json]]
#: Seconds between two reads of the list.
READ_INTERVAL = 2.0
#: Lines of a terminal that a table needs besides its rows.
_FRAME_LINES = 5


@attrs.frozen(kw_only=True)
class WatchedList:
    """
    A list of the API, and what is shown of it.

    *fetch* reads a page of it with a client. *columns* are fields of an item, by their
    headings; a line is printed anew when one of those changes that are not in
    *unsteady*.
    """

    fetch: Callable[..., Awaitable[Json]]
    columns: Mapping[str, str]
    id_field: str
    unsteady: Sequence[str] = ()

    def row(self, item: Json) -> Json:
        """Return the fields that are shown, `a.b` for a field of a field."""
        return {name: _field(item, name) for name in self.columns.values()}

    def steady_cells(self, item: Json) -> list[Any]:
        """Return the fields whose change is worth a line."""
        names = self.columns.values()
        return [_field(item, name) for name in names if name not in self.unsteady]


async def watch(
    context: CliContext, watched: WatchedList, filters: Mapping[str, Any]
) -> None:
    """Show what *filters* leave of the list, again and again, until Ctrl-C."""
    async with context.client() as client:
        read = partial(watched.fetch, client, **filters)
        console = Console(_environ=context.environ)
        if context.json or not console.is_terminal or console.is_dumb_terminal:
            await _print_changes(context, watched, read)
        else:
            await _keep_table(context, watched, read, console)


async def _keep_table(
    context: CliContext, watched: WatchedList, read: _Read, console: Console
) -> None:
    """Show a table of as many items as fit."""
    headings = {name: heading for heading, name in watched.columns.items()}
    shown = {headings[n]: n for n in context.choose_columns([*headings])}
    watched = attrs.evolve(watched, columns=shown)
    rows = max(1, min(console.height - _FRAME_LINES, MAX_PAGE_SIZE))
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        async for page in _read_again(context, read, rows):
            live.update(_build_table(watched, page, utc_now()), refresh=True)


async def _print_changes(
    context: CliContext, watched: WatchedList, read: _Read
) -> None:
    """Print each item, and again when something of it has changed."""
    printed: dict[str, list[Any]] = {}
    names, is_first = list(watched.columns.values()), True
    async for page in _read_again(context, read, MAX_PAGE_SIZE):
        seen = {}
        for item in page["items"]:
            key, steady = item[watched.id_field], watched.steady_cells(item)
            seen[key] = steady
            if printed.get(key) == steady:
                continue
            shown = item if context.json else watched.row(item)
            context.print_page([shown], names, is_first=is_first)
            is_first = False
        printed = seen


async def _read_again(
    context: CliContext, read: _Read, limit: int
) -> AsyncIterator[Json]:
    """Yield the list's first page, anew each time; wait for a server that is away."""
    read_page = partial(read, limit=limit)
    while True:
        yield await retry_while_unreachable(read_page, context.print_note)
        await asyncio.sleep(READ_INTERVAL)


def _build_table(watched: WatchedList, page: Json, now: datetime) -> Table:
    more = " There are more than fit here." if "nextCursor" in page else ""
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        caption=f"{now:%H:%M:%SZ}.{more} Ctrl-C ends.",
        caption_justify="left",
    )
    rows = [
        [_for_people(name, value, now) for name, value in watched.row(item).items()]
        for item in page["items"]
    ]
    for index, (heading, name) in enumerate(watched.columns.items()):
        # An id that is cut is of no use to anybody.
        is_id = name.lower().endswith("id")
        least = max((len(row[index]) for row in rows), default=0) if is_id else None
        table.add_column(heading, no_wrap=True, overflow="ellipsis", min_width=least)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _for_people(name: str, value: Any, now: datetime) -> str:
    """Return the value of a field; an instant as how long ago it was."""
    if isinstance(value, str) and is_instant(value):
        return format_distance(value, max(now, datetime.fromisoformat(value)))
    return format_exact(value, name)


def _field(item: Json, name: str) -> Any:
    """Return a field, `a.b` of what `a` is; None without it."""
    value: Any = item
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
