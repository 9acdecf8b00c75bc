"""`pushserver stats`: what an operator wants to see at a glance."""

from collections.abc import Mapping, Sequence
from typing import Any

from pushserver.cli.context import InjectedContext
from pushserver.client import Json

_LATENCY_COLUMNS = ("latency", "hourP50", "hourP99", "dayP50", "dayP99", "dayCount")
_ROW_COLUMNS = ("rows", "stored", "lastDay", "size")
_MEGABYTE = 1_000_000


async def stats(*, context: InjectedContext) -> None:
    """
    Print how devices, commands, webhooks, the database and its backup are.

    It is of all servers over the database. The token needs the permission metrics:read,
    and belongs to the first scope.
    """
    async with context.client() as client:
        statistics = await client.statistics()
        periods = {
            "hour": (await client.latencies("hour"))["items"],
            "day": (await client.latencies("day"))["items"],
        }
    if context.json:
        context.print_json({**statistics, "latencies": _without_points(periods)})
        return
    context.print_fields(_summary(statistics))
    context.print_rows(_latency_rows(periods), _LATENCY_COLUMNS)
    context.print_rows(_row_counts(statistics), _ROW_COLUMNS)


def _summary(statistics: Json) -> Json:
    """Return the single numbers, in the order in which one looks at them."""
    database = statistics.get("database", {})
    return {
        "devices": _counts(statistics.get("devices", {})),
        "commands": _counts(statistics.get("commands", {})),
        "commandsLastDay": _counts(statistics.get("commandsLastDay", {})),
        "oldestPendingAt": statistics.get("oldestPendingAt"),
        "webhookBacklog": statistics.get("webhookBacklog"),
        "webhookBacklogSince": statistics.get("webhookBacklogSince"),
        "databaseSize": _megabytes(database.get("size")),
        "databaseUnused": _megabytes(database.get("unused")),
        "lastBackupAt": statistics.get("lastBackupAt"),
    }


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def _megabytes(size: int | None) -> str | None:
    return None if size is None else f"{size / _MEGABYTE:.1f} MB"


def _latency_rows(periods: Mapping[str, Sequence[Json]]) -> list[Json]:
    hours = {each["kind"]: each for each in periods["hour"]}
    return [
        {
            "latency": day["kind"],
            "hourP50": _milliseconds(hours[day["kind"]].get("p50")),
            "hourP99": _milliseconds(hours[day["kind"]].get("p99")),
            "dayP50": _milliseconds(day.get("p50")),
            "dayP99": _milliseconds(day.get("p99")),
            "dayCount": day["count"],
        }
        for day in periods["day"]
    ]


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.1f} ms"


def _row_counts(statistics: Json) -> list[Json]:
    return [
        {
            "rows": each["kind"],
            "stored": each["rows"],
            "lastDay": each["rowsLastDay"],
            "size": _megabytes(each.get("size")),
        }
        for each in statistics.get("database", {}).get("rows", ())
    ]


def _without_points(periods: Mapping[str, Sequence[Json]]) -> dict[str, Any]:
    return {
        period: [{k: v for k, v in each.items() if k != "points"} for each in items]
        for period, items in periods.items()
    }
