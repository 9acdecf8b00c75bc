"""Shows the progress of a task or an upgrade until it has ended or is paused."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial

import attrs
from rich.console import Console

from pushserver.cli.context import CliContext
from pushserver.cli.device_names import fetch_names
from pushserver.cli.resource_kind import ResourceKind
from pushserver.client import Client, Json
from pushserver.client.backoff import retry_while_unreachable
from pushserver.model.task import TaskState

#: Seconds between two polls of the server.
POLL_INTERVAL = 0.5
#: Seconds between two lines where there is no terminal for a progress bar.
LINE_INTERVAL = 5.0
#: Takes the task as it is now.
OnUpdate = Callable[[Json], None]


async def follow(
    context: CliContext,
    client: Client,
    task: Json,
    limit: int,
    kind: ResourceKind,
) -> int:
    """Show *task* until it has ended or is paused; return the exit code."""
    follow_command = f"pushserver {kind.command_group} follow {task['id']}"
    with _progress_display(context, kind) as update:
        update(task)
        try:
            async for latest in _poll_until_settled(context, client, task, kind):
                task = latest
                update(task)
        except asyncio.CancelledError:
            context.print_note(f"The {kind.noun} goes on: {follow_command}")
            raise
    if not context.json:
        context.print_line(kind.summary(task))
    await print_failures(context, client, task, limit, kind)
    return int(task["counts"]["COMPLETED"] != task["devices"])


async def print_failures(
    context: CliContext,
    client: Client,
    task: Json,
    limit: int,
    kind: ResourceKind,
) -> None:
    """Print at most *limit* failures of a task (0: all); as JSON, with the task."""
    shown = await kind.list_failures(client, task["id"], limit)
    if context.json:
        context.print_json({**task, "failures": shown})
        return
    if shown:
        names = await fetch_names(context, client, shown, kind.failure_columns)
        context.print_rows(shown, kind.failure_columns, names)
    counts = task["counts"]
    hidden_count = counts["FAILED"] + counts["STALE"] - len(shown)
    if hidden_count > 0:
        context.print_note(f"{hidden_count} more failures: --failures 0 shows all.")
    if task["state"] == TaskState.PAUSED:
        context.print_note(
            f"It goes on with: pushserver {kind.command_group} resume {task['id']}"
        )


def is_settled(task: Json) -> bool:
    """Tell whether it has ended or is paused."""
    return "endedAt" in task or task["state"] == TaskState.PAUSED


async def _poll_until_settled(
    context: CliContext, client: Client, task: Json, kind: ResourceKind
) -> AsyncIterator[Json]:
    """Yield the latest *task* repeatedly until it has ended or is paused."""
    fetch = partial(kind.fetch, client, task["id"])
    while not is_settled(task):
        await asyncio.sleep(POLL_INTERVAL)
        task = await retry_while_unreachable(fetch, context.print_note)
        yield task


@contextmanager
def _progress_display(context: CliContext, kind: ResourceKind) -> Iterator[OnUpdate]:
    """Show updates as JSON, as a bar on a terminal, or else as lines."""
    console = Console(_environ=context.environ)
    if context.json:
        yield _JsonDisplay(context)
    elif not console.is_terminal:
        yield _LineDisplay(context, kind)
    else:
        # Help, and what is read by programs, is there without loading it.
        from pushserver.cli.progress_bar import ProgressBar  # noqa: PLC0415

        with ProgressBar(kind, console=console) as bar:
            yield bar.show


@attrs.define
class _JsonDisplay:
    """Prints the task as JSON when it has changed, but not its end."""

    context: CliContext
    last_task: Json = attrs.field(factory=dict)

    def __call__(self, task: Json) -> None:
        if task != self.last_task and not is_settled(task):
            self.context.print_json(task)
        self.last_task = task


@attrs.define
class _LineDisplay:
    """Prints a line of progress from time to time."""

    context: CliContext
    kind: ResourceKind
    last_line: str = ""
    next_line_at: float = 0.0

    def __call__(self, task: Json) -> None:
        line, now = _format_line(task, self.kind), time.monotonic()
        if line != self.last_line and now >= self.next_line_at and not is_settled(task):
            self.context.print_line(line)
            self.last_line, self.next_line_at = line, now + LINE_INTERVAL


def _format_line(task: Json, kind: ResourceKind) -> str:
    counts = ", ".join(f"{n} {word}" for word, n in kind.counts_by_label(task).items())
    return f"{task['done']:4.0%}  {counts}"
