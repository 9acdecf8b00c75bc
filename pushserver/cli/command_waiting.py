"""`--wait`: a command's live state, and its outcome."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.live import Live
from rich.text import Text

from pushserver.cli.context import CliContext
from pushserver.cli.outlook import describe_progress, utc_now
from pushserver.cli.printing import strip_unprintable
from pushserver.client import ApiError, Client, Json
from pushserver.client.backoff import retry_while_unreachable
from pushserver.model.state import FINISHED, CommandState

#: Seconds that the server may hold one call: on a terminal, where people look on, and
#: elsewhere.
TERMINAL_LONG_POLL_SECONDS = 1
LONG_POLL_SECONDS = 5
#: Seconds between two calls, even if the server holds none.
POLL_INTERVAL = 0.2
#: Shows a command and its device, as far as the token may read that.
OnUpdate = Callable[[Json, Json | None], None]


async def wait_for_outcome(
    context: CliContext, client: Client, command: Json, max_seconds: float
) -> Json:
    """
    Return the command once it is over, or as it is after *max_seconds*.

    Its state is shown on stderr. Whoever interrupts it learns that the command goes on.
    """
    latest = command
    console = Console(file=sys.stderr, _environ=context.environ)
    is_live = console.is_terminal and not console.is_dumb_terminal
    hold = TERMINAL_LONG_POLL_SECONDS if is_live else LONG_POLL_SECONDS
    display = _live_display(console) if is_live else _line_display(context)
    try:
        with display as show:
            async with asyncio.timeout(max_seconds):
                while latest["state"] not in FINISHED:
                    show(latest, await fetch_device(client, latest["deviceId"]))
                    fetch = partial(client.commands.get, latest["id"], wait=hold)
                    latest = await retry_while_unreachable(fetch, context.print_note)
                    await asyncio.sleep(POLL_INTERVAL)
    except TimeoutError:
        context.print_note(f"After {max_seconds:g} s: {_goes_on(latest)}")
    except asyncio.CancelledError:
        context.print_note(_goes_on(latest))
        raise
    return latest


async def fetch_device(client: Client, device_id: str) -> Json | None:
    """Return a device; None if it is gone, or if the token may not read it."""
    try:
        return await client.devices.get(device_id)
    except ApiError:
        return None


def _goes_on(command: Json) -> str:
    """Return that a command goes on, and how to take it back."""
    return (
        f"Command {command['id']} goes on, now {command['state']}."
        f" Take it back with: pushserver commands cancel {command['id']}"
    )


@contextmanager
def _live_display(console: Console) -> Iterator[OnUpdate]:
    """Show a command in a line that is written anew, and is gone at the end."""
    with Live(console=console, transient=True, auto_refresh=False) as live:

        def show(command: Json, device: Json | None) -> None:
            state = describe_progress(command, device, utc_now())
            text = strip_unprintable(f"{command['id']} {state}")
            live.update(Text(text), refresh=True)

        yield show


@contextmanager
def _line_display(context: CliContext) -> Iterator[OnUpdate]:
    """Write a line for each state that a command is seen in."""
    shown: list[CommandState] = []

    def show(command: Json, device: Json | None) -> None:
        if shown[-1:] != [command["state"]]:
            shown.append(command["state"])
            state = describe_progress(command, device, utc_now())
            context.print_note(f"{command['id']} {state}")

    yield show
