"""Tasks and upgrades as the command line sees them: their calls, counts and rows."""

import math
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import attrs

from pushserver.cli.context import CliContext
from pushserver.cli.printing import strip_unprintable
from pushserver.client import Client, Json, iter_items
from pushserver.model.operation import FAILED_STATUSES


@attrs.frozen(kw_only=True)
class ResourceKind:
    """
    A task or an upgrade: its name, the group of its commands, and its API calls.

    For people, `counts_by_label` replaces the field `counts_field`; `hidden_fields` are
    left out. `list_failures` takes an id and how many failures at most (0: all).
    """

    noun: str
    command_group: str
    fetch: Callable[[Client, str], Awaitable[Json]]
    fetch_page: Callable[..., Awaitable[Json]]
    counts_by_label: Callable[[Json], dict[str, int]]
    counts_field: str
    hidden_fields: frozenset[str]
    columns: Sequence[str]
    list_failures: Callable[[Client, str, int], Awaitable[list[Json]]]
    failure_columns: Sequence[str]

    def title(self, task: Json) -> str:
        """Return its name, or else its id."""
        return strip_unprintable(
            task.get("name") or f"{self.noun.capitalize()} {task['id']}"
        )

    def summary(self, task: Json) -> str:
        """Return its state and its counts in one line."""
        by_label = self.counts_by_label(task).items()
        counts = ", ".join(f"{number} {label}" for label, number in by_label if number)
        state = task["state"]
        return f"{self.title(task)} is {state}: {counts} of {task['devices']}."

    def to_row(self, task: Json) -> Json:
        """Return it for people: its counts one by one, and no fractions."""
        row: dict[str, object] = {}
        for name, value in task.items():
            if name == self.counts_field:
                row |= self.counts_by_label(task)
            elif name not in self.hidden_fields:
                row[name] = value
        return row | {"done": f"{math.floor(100 * task['done'])} %"}

    def print_resource(self, context: CliContext, task: Json) -> None:
        """Print a task or an upgrade."""
        context.print_fields(task if context.json else self.to_row(task))


def _task_counts(task: Json) -> dict[str, int]:
    """Return a task's counts by their labels; what waits does not count as running."""
    counts, waiting = task["counts"], task["waiting"]
    return {
        "waiting": waiting,
        "running": counts["RUNNING"] - waiting,
        "completed": counts["COMPLETED"],
        "failed": counts["FAILED"],
        "stale": counts["STALE"],
    }


def _upgrade_counts(upgrade: Json) -> dict[str, int]:
    """Return an upgrade's counts by their labels; those that ended are not idle."""
    states, results = upgrade["states"], upgrade["results"]
    return {
        "waiting": states["waiting"],
        "idle": states["idle"] - sum(results.values()),
        "downloading": states["downloading"],
        "downloaded": states["downloaded"],
        "updating": states["updating"],
        "completed": results["SUCCESS"],
        "failed": results["FAIL"],
    }


async def _task_failures(client: Client, task_id: str, limit: int) -> list[Json]:
    statuses: list[Any] = sorted(FAILED_STATUSES)
    fetch_page = partial(client.tasks.devices, task_id, status=statuses)
    return [each async for each in iter_items(fetch_page, limit)]


async def _upgrade_failures(client: Client, upgrade_id: str, limit: int) -> list[Json]:
    fetch_page = partial(client.upgrades.devices, upgrade_id, result="FAIL")
    return [each async for each in iter_items(fetch_page, limit)]


#: What is shown in another form, or below.
_HIDDEN_FIELDS = frozenset({"waiting", "failures", "failuresCursor"})
TASK_KIND = ResourceKind(
    noun="task",
    command_group="tasks",
    fetch=lambda client, task_id: client.tasks.get(task_id),
    fetch_page=lambda client, **filters: client.tasks.list(**filters),
    counts_by_label=_task_counts,
    counts_field="counts",
    hidden_fields=_HIDDEN_FIELDS,
    columns=(
        "id",
        "name",
        "state",
        "done",
        "devices",
        "failed",
        "stale",
        "createdAt",
    ),
    list_failures=_task_failures,
    failure_columns=("deviceId", "status", "errorCode", "error"),
)
UPGRADE_KIND = ResourceKind(
    noun="upgrade",
    command_group="upgrades",
    fetch=lambda client, upgrade_id: client.upgrades.get(upgrade_id),
    fetch_page=lambda client, **filters: client.upgrades.list(**filters),
    counts_by_label=_upgrade_counts,
    counts_field="states",
    hidden_fields=_HIDDEN_FIELDS | {"counts", "results"},
    columns=("id", "name", "state", "targetVersion", "done", "devices", "failed"),
    list_failures=_upgrade_failures,
    failure_columns=(
        "deviceId",
        "errorCode",
        "sourceVersion",
        "currentVersion",
        "error",
    ),
)
