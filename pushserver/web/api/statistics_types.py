"""The types of the statistics in the API's JSON."""

from pushserver.web.api.types import Instant, Out


class RowCountOut(Out, kw_only=True):
    """How many rows of a kind there are."""

    kind: str
    """What they are: the name of their table."""
    rows: int
    """How many there are; with PostgreSQL an estimate."""
    rows_last_day: int
    """How many of them came in the last 24 hours."""
    size: int | None = None
    """How many bytes they take with their indexes; PostgreSQL alone says so."""


class DatabaseOut(Out, kw_only=True):
    """How much is stored."""

    size: int
    """How many bytes the database takes."""
    unused: int | None = None
    """How many of them a SQLite file keeps for new rows."""
    rows: list[RowCountOut]
    """What grows, by kind."""


class StatisticsOut(Out, kw_only=True):
    """What an operator wants to see at a glance; outside the first scope only `at`."""

    at: Instant
    """When it was read; what is in `database` may be a minute older."""
    devices: dict[str, int] | None = None
    """How many are `online`, `offline` and `quarantined`."""
    commands: dict[str, int] | None = None
    """How many commands have not ended, by state."""
    commands_last_day: dict[str, int] | None = None
    """How many were enqueued in the last 24 hours, by the state they are in now."""
    oldest_pending_at: Instant | None = None
    """When the oldest command that waits was enqueued."""
    webhook_backlog: int | None = None
    """How many deliveries failed and are tried again."""
    webhook_backlog_since: Instant | None = None
    """When the oldest event happened that such a delivery is about."""
    database: DatabaseOut | None = None
    """How much is stored, and how fast that grows."""
    last_backup_at: Instant | None = None
    """When the server made its newest backup, if it makes any."""
