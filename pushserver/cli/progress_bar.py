"""The bar on a terminal that tells how far a task or an upgrade is."""

from collections.abc import Iterator
from typing import Any

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

from pushserver.cli.resource_kind import ResourceKind
from pushserver.client import Json

#: The colours of counts that call for attention.
COUNT_COLOURS = {"completed": "green", "failed": "red", "stale": "yellow"}


class ProgressBar(Progress):
    """A bar on a terminal, and the counts below it."""

    def __init__(self, kind: ResourceKind, console: Console) -> None:
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
        self._counts = _format_counts(task["state"], self._kind.counts_by_label(task))
        bar_ids: Any = self.task_ids
        bar = (
            bar_ids[0]
            if bar_ids
            else self.add_task(self._kind.title(task), total=task["devices"])
        )
        self.update(bar, completed=done, total=task["devices"], refresh=True)

    def get_renderables(self) -> Iterator[RenderableType]:
        """Yield the bar, then the counts."""
        yield from super().get_renderables()
        yield self._counts


def _format_counts(state: str, counts: dict[str, int]) -> Text:
    parts: list[str | tuple[str, str]] = [(state, "bold")]
    for word, number in counts.items():
        parts += [
            "  ",
            (f"{number} {word}", COUNT_COLOURS.get(word, "") if number else "dim"),
        ]
    return Text.assemble(*parts)
