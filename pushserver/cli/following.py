"""How far a task is, shown until it has ended or is paused."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import attrs
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from pushserver.cli.failures import COLUMNS, failures
from pushserver.cli.here import Here, clean
from pushserver.cli.patience import patiently
from pushserver.client import Client, Json
from pushserver.model.task import TaskState

#: Seconds between two questions.
PACE = 0.5
#: Seconds between two lines where there is no terminal for a bar.
LINE_PACE = 5.0
#: How counts are called, with the colour of those that call for attention.
WORDS = {
    "waiting": "",
    "running": "",
    "completed": "green",
    "failed": "red",
    "stale": "yellow",
}
#: Takes the task as it is now.
Update = Callable[[Json], None]


async def follow(here: Here, client: Client, task: Json, limit: int) -> int:
    """Show *task* until it has ended or is paused; return the exit code."""
    with _display(here) as update:
        update(task)
        try:
            async for now in _watch(here, client, task):
                task = now
                update(task)
        except asyncio.CancelledError:
            here.note(f"The task goes on: pushserver tasks follow {task['id']}")
            raise
    if not here.json:
        here.line(summary(task))
    await tell(here, client, task, limit)
    return int(task["counts"]["COMPLETED"] != task["devices"])


async def tell(here: Here, client: Client, task: Json, limit: int) -> None:
    """Print at most *limit* failures of a task (0: all); as JSON, with the task."""
    failed = await failures(client, task["id"], limit)
    if here.json:
        here.object({**task, "failures": failed})
        return
    if failed:
        here.table(failed, COLUMNS)
    counts = task["counts"]
    left = counts["FAILED"] + counts["STALE"] - len(failed)
    if left > 0:
        here.note(f"{left} more failures: --failures 0 shows all.")
    if task["state"] == TaskState.PAUSED:
        here.note(f"It goes on with: pushserver tasks resume {task['id']}")


def counted(task: Json) -> dict[str, int]:
    """Return a task's counts by their words; what waits is not counted as running."""
    counts, waiting = task["counts"], task["waiting"]
    return {
        "waiting": waiting,
        "running": counts["RUNNING"] - waiting,
        "completed": counts["COMPLETED"],
        "failed": counts["FAILED"],
        "stale": counts["STALE"],
    }


def summary(task: Json) -> str:
    """Return in one line how a task stands."""
    counts = ", ".join(f"{n} {word}" for word, n in counted(task).items() if n)
    return f"{title(task)} is {task['state']}: {counts} of {task['devices']}."


def title(task: Json) -> str:
    """Return how a task is called."""
    return clean(task.get("name") or f"Task {task['id']}")


def is_over(task: Json) -> bool:
    """Tell whether there is nothing more to follow."""
    return "endedAt" in task or task["state"] == TaskState.PAUSED


async def _watch(here: Here, client: Client, task: Json) -> AsyncIterator[Json]:
    """Yield *task* as it is, again and again, until there is nothing to follow."""
    ask = partial(client.task, task["id"])
    while not is_over(task):
        await asyncio.sleep(PACE)
        task = await patiently(ask, here.note)
        yield task


@contextmanager
def _display(here: Here) -> Iterator[Update]:
    """Choose how a task is shown: as JSON, on a terminal, or where there is none."""
    console = Console()
    if here.json:
        yield _Changes(here)
    elif not console.is_terminal:
        yield _Lines(here)
    else:
        with _Bar(console=console) as bar:
            yield bar.show


@attrs.define
class _Changes:
    """Prints the task as JSON whenever it has changed; not how it ended."""

    here: Here
    last: Json = attrs.field(factory=dict)

    def __call__(self, task: Json) -> None:
        if task != self.last and not is_over(task):
            self.here.object(task)
        self.last = task


@attrs.define
class _Lines:
    """Prints a line now and then."""

    here: Here
    last: str = ""
    due: float = 0.0

    def __call__(self, task: Json) -> None:
        line, now = _line(task), time.monotonic()
        if line != self.last and now >= self.due and not is_over(task):
            self.here.line(line)
            self.last, self.due = line, now + LINE_PACE


def _line(task: Json) -> str:
    counts = ", ".join(f"{n} {word}" for word, n in counted(task).items())
    return f"{task['done']:4.0%}  {counts}"


class _Bar(Progress):
    """A bar on a terminal, and the counts below it."""

    def __init__(self, console: Console) -> None:
        self._counts = Text()
        name = Column(max_width=30, no_wrap=True, overflow="ellipsis")
        super().__init__(
            TextColumn("{task.description}", markup=False, table_column=name),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            auto_refresh=False,
            expand=True,
        )

    def show(self, task: Json) -> None:
        """Show how far the task is."""
        counts = counted(task)
        done = counts["completed"] + counts["failed"] + counts["stale"]
        self._counts = _coloured(task["state"], counts)
        known: Any = self.task_ids
        bar = known[0] if known else self.add_task(title(task))
        self.update(bar, completed=done, total=task["devices"], refresh=True)

    def get_renderables(self) -> Iterator[RenderableType]:
        """Yield the bar, then the counts."""
        yield from super().get_renderables()
        yield self._counts


def _coloured(state: str, counts: dict[str, int]) -> Text:
    parts: list[str | tuple[str, str]] = [(state, "bold")]
    for word, number in counts.items():
        parts += ["  ", (f"{number} {word}", WORDS[word] if number else "dim")]
    return Text.assemble(*parts)
