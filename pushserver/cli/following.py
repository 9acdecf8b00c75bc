"""How far a task or an upgrade is, shown until it has ended or is paused."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
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
#: The colours of counts that call for attention.
COLOURS = {"completed": "green", "failed": "red", "stale": "yellow"}
#: Takes the task as it is now.
Update = Callable[[Json], None]


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


@attrs.frozen(kw_only=True)
class Kind:
    """
    What is followed: its name, the group of its commands, and how it is asked for.

    `failures` are asked for by its id, so many at the most (0: all).
    """

    noun: str
    group: str
    ask: Callable[[Client, str], Awaitable[Json]]
    counted: Callable[[Json], dict[str, int]]
    failures: Callable[[Client, str, int], Awaitable[list[Json]]]
    columns: Sequence[str]

    def title(self, task: Json) -> str:
        """Return how it is called."""
        return clean(task.get("name") or f"{self.noun.capitalize()} {task['id']}")

    def summary(self, task: Json) -> str:
        """Return in one line how it stands."""
        by_word = self.counted(task).items()
        counts = ", ".join(f"{n} {word}" for word, n in by_word if n)
        state = task["state"]
        return f"{self.title(task)} is {state}: {counts} of {task['devices']}."


TASK = Kind(
    noun="task",
    group="tasks",
    ask=Client.task,
    counted=counted,
    failures=failures,
    columns=COLUMNS,
)


async def follow(
    here: Here, client: Client, task: Json, limit: int, kind: Kind = TASK
) -> int:
    """Show *task* until it has ended or is paused; return the exit code."""
    again = f"pushserver {kind.group} follow {task['id']}"
    with _display(here, kind) as update:
        update(task)
        try:
            async for now in _watch(here, client, task, kind):
                task = now
                update(task)
        except asyncio.CancelledError:
            here.note(f"The {kind.noun} goes on: {again}")
            raise
    if not here.json:
        here.line(kind.summary(task))
    await tell(here, client, task, limit, kind)
    return int(task["counts"]["COMPLETED"] != task["devices"])


async def tell(
    here: Here, client: Client, task: Json, limit: int, kind: Kind = TASK
) -> None:
    """Print at most *limit* failures of a task (0: all); as JSON, with the task."""
    failed = await kind.failures(client, task["id"], limit)
    if here.json:
        here.object({**task, "failures": failed})
        return
    if failed:
        here.table(failed, kind.columns)
    counts = task["counts"]
    left = counts["FAILED"] + counts["STALE"] - len(failed)
    if left > 0:
        here.note(f"{left} more failures: --failures 0 shows all.")
    if task["state"] == TaskState.PAUSED:
        here.note(f"It goes on with: pushserver {kind.group} resume {task['id']}")


def is_over(task: Json) -> bool:
    """Tell whether there is nothing more to follow."""
    return "endedAt" in task or task["state"] == TaskState.PAUSED


async def _watch(
    here: Here, client: Client, task: Json, kind: Kind
) -> AsyncIterator[Json]:
    """Yield *task* as it is, again and again, until there is nothing to follow."""
    ask = partial(kind.ask, client, task["id"])
    while not is_over(task):
        await asyncio.sleep(PACE)
        task = await patiently(ask, here.note)
        yield task


@contextmanager
def _display(here: Here, kind: Kind) -> Iterator[Update]:
    """Choose how a task is shown: as JSON, on a terminal, or where there is none."""
    console = Console()
    if here.json:
        yield _Changes(here)
    elif not console.is_terminal:
        yield _Lines(here, kind)
    else:
        with _Bar(kind, console=console) as bar:
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
    kind: Kind
    last: str = ""
    due: float = 0.0

    def __call__(self, task: Json) -> None:
        line, now = _line(task, self.kind), time.monotonic()
        if line != self.last and now >= self.due and not is_over(task):
            self.here.line(line)
            self.last, self.due = line, now + LINE_PACE


def _line(task: Json, kind: Kind) -> str:
    counts = ", ".join(f"{n} {word}" for word, n in kind.counted(task).items())
    return f"{task['done']:4.0%}  {counts}"


class _Bar(Progress):
    """A bar on a terminal, and the counts below it."""

    def __init__(self, kind: Kind, console: Console) -> None:
        self._kind, self._counts = kind, Text()
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
        done = task["devices"] - task["counts"]["RUNNING"]
        self._counts = _coloured(task["state"], self._kind.counted(task))
        known: Any = self.task_ids
        bar = known[0] if known else self.add_task(self._kind.title(task))
        self.update(bar, completed=done, total=task["devices"], refresh=True)

    def get_renderables(self) -> Iterator[RenderableType]:
        """Yield the bar, then the counts."""
        yield from super().get_renderables()
        yield self._counts


def _coloured(state: str, counts: dict[str, int]) -> Text:
    parts: list[str | tuple[str, str]] = [(state, "bold")]
    for word, number in counts.items():
        parts += [
            "  ",
            (f"{number} {word}", COLOURS.get(word, "") if number else "dim"),
        ]
    return Text.assemble(*parts)
