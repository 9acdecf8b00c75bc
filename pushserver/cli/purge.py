"""`pushserver purge`: delete old history, with a bar that tells how far it is."""

from functools import partial

from rich.console import Console
from rich.progress import Progress

from pushserver.cli.backoff import retry_while_unreachable
from pushserver.cli.context import CliContext, InjectedContext
from pushserver.client import Client


async def purge(before: str, /, *, context: InjectedContext) -> int:
    """
    Delete commands that have ended, results, operations and tasks of long ago.

    What is still at work stays, however old.

    Parameters
    ----------
    before
        Up to when: an instant (2026-01-31T00:00:00Z).
    """
    async with context.client() as client:
        deleted = await _purge_in_batches(context, client, before)
    context.print_fields({"before": before, "deleted": deleted})
    return 0


async def _purge_in_batches(context: CliContext, client: Client, before: str) -> int:
    """Delete a part with each call, until nothing is left."""
    deleted, done = 0, False
    with Progress(console=Console(stderr=True), disable=context.json) as progress:
        bar = progress.add_task("Deleting", total=None)
        while not done:
            batch = await retry_while_unreachable(
                partial(client.purge, before), context.print_note
            )
            deleted, done = deleted + batch["deleted"], batch["done"]
            total = deleted if done else deleted + batch["left"]
            progress.update(bar, completed=deleted, total=total)
    return deleted
