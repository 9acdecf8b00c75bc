"""`pushserver purge`: delete old history, with a bar that tells how far it is."""

from functools import partial

from rich.console import Console
from rich.progress import Progress

from pushserver.cli.here import Here, InHere
from pushserver.cli.patience import patiently
from pushserver.client import Client


async def purge(before: str, /, *, here: InHere) -> int:
    """
    Delete commands that have ended, results, operations and tasks of long ago.

    What is still at work stays, however old.

    Parameters
    ----------
    before
        Up to when: an instant (2026-01-31T00:00:00Z).
    """
    async with here.client() as client:
        deleted = await _purge(here, client, before)
    here.show({"before": before, "deleted": deleted})
    return 0


async def _purge(here: Here, client: Client, before: str) -> int:
    """Delete a piece at a time, until nothing is left."""
    deleted, done = 0, False
    with Progress(console=Console(stderr=True), disable=here.json) as progress:
        bar = progress.add_task("Deleting", total=None)
        while not done:
            piece = await patiently(partial(client.purge, before), here.note)
            deleted, done = deleted + piece["deleted"], piece["done"]
            total = deleted if done else deleted + piece["left"]
            progress.update(bar, completed=deleted, total=total)
    return deleted
