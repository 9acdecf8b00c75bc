"""`pushserver purge`: delete old history, with a bar that tells how far it is."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import Progress

from pushserver.cli.asking import YesOption, confirm
from pushserver.cli.context import CliContext, InjectedContext
from pushserver.client import Json
from pushserver.client.backoff import retry_while_unreachable

_DATE_LENGTH = len("2026-01-31")


async def purge(
    before: str,
    /,
    *,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    yes: YesOption = False,
    context: InjectedContext,
) -> int:
    """
    Delete commands that have ended, results, operations and tasks of long ago.

    What is still at work stays, however old.

    Parameters
    ----------
    before
        Up to when: an instant (2026-01-31T00:00:00Z), or a date, which is its first
        moment in UTC.
    dry_run
        Only tell how much that is.
    """
    instant, question, is_future = _read_instant(before)
    if question is not None and not (yes or dry_run):
        confirm(question)
    async with context.client() as client:
        if dry_run:
            preview = await client.purge(instant, allowFuture=is_future, dryRun=True)
            fields = {"deleted": preview["deleted"], "left": preview["left"]}
            context.print_fields({"before": instant, "dryRun": True, **fields})
            return 0
        purge_batch = partial(client.purge, instant, allowFuture=is_future)
        deleted = await _purge_in_batches(context, purge_batch)
    context.print_fields({"before": instant, "deleted": deleted})
    return 0


def _read_instant(text: str) -> tuple[str, str | None, bool]:
    """
    Return the instant that is meant, what to ask before, and whether it is to come.
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return text, None, False  # the server says what is wrong
    if len(text) == _DATE_LENGTH:
        text = f"{text}T00:00:00Z"
        parsed = parsed.replace(tzinfo=UTC)
    question = f"Delete what is from before {text}?"
    is_future = parsed.tzinfo is not None and parsed > datetime.now(UTC)
    if is_future:
        question = f"{text} is in the future: delete all that has ended?"
    return text, question, is_future


async def _purge_in_batches(
    context: CliContext, purge_batch: Callable[[], Awaitable[Json]]
) -> int:
    """Delete a part with each call, until nothing is left."""
    deleted, done = 0, False
    with Progress(console=Console(stderr=True), disable=context.json) as progress:
        bar = progress.add_task("Deleting", total=None)
        while not done:
            batch = await retry_while_unreachable(purge_batch, context.print_note)
            deleted, done = deleted + batch["deleted"], batch["done"]
            total = deleted if done else deleted + batch["left"]
            progress.update(bar, completed=deleted, total=total)
    return deleted
