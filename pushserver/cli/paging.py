"""Prints lists of the API: a page, or all of it, and says when there is more."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import attrs
from cyclopts import Parameter

from pushserver.cli.context import CliContext, UsageError
from pushserver.cli.device_names import fetch_names
from pushserver.client import MAX_PAGE_SIZE, Client, Json, iter_pages

DEFAULT_LIMIT = 50
ALL = 0
FetchPage = Callable[..., Awaitable[Json]]
ToRow = Callable[[Json], Json]


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class PageOptions:
    """How much of a list is printed."""

    limit: int | None = None
    "How many at most; else 50, or with --json all."
    all: Annotated[bool, Parameter(negative=())] = False
    "All of them, however many."

    def count(self, *, all_by_default: bool = False) -> int:
        """
        Return how many are meant at most; 0 for all.

        Raises:
            UsageError: both options are given, or the limit is below nought.
        """
        if self.limit is not None and (self.all or self.limit < 0):
            raise UsageError(
                "Give --all, or --limit with a number that is not below 0."
            )
        if self.limit is None:
            return ALL if self.all or all_by_default else DEFAULT_LIMIT
        return self.limit


PageOptionsArg = Annotated[PageOptions, Parameter(name="*")]
#: The defaults where no option is given.
ONE_PAGE = PageOptions()


async def print_list(
    context: CliContext,
    client: Client,
    fetch: FetchPage,
    columns: Sequence[str],
    options: PageOptions = ONE_PAGE,
    *,
    to_row: ToRow | None = None,
    **filters: Any,
) -> None:
    """
    Print what *fetch* returns page by page: where programs read, each page as it comes.

    `to_row` makes of an item what people read of it.
    """
    read: list[Json] = []
    is_whole = context.is_terminal and not context.json
    shown, cursor = 0, None
    async for answer in iter_pages(
        fetch, options.count(all_by_default=context.json), **filters
    ):
        items, cursor = answer["items"], answer.get("nextCursor")
        rows = items if context.json or to_row is None else [*map(to_row, items)]
        if is_whole:
            read += rows
        else:
            context.print_page(rows, columns, is_first=not shown)
        shown += len(items)
    if is_whole:
        names = await fetch_names(context, client, read, columns)
        context.print_table(read, columns, names)
    if cursor is not None and not context.json:
        rest = await fetch(limit=MAX_PAGE_SIZE, cursor=cursor, **filters)
        context.print_note(_describe_rest(shown, rest))


def _describe_rest(shown: int, next_page: Json) -> str:
    """Return how much was left out, as far as the next page goes."""
    total = shown + len(next_page["items"])
    more = "more than " if "nextCursor" in next_page else ""
    return f"{shown} of {more}{total}; --all"
