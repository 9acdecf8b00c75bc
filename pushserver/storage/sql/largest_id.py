"""The largest id in the database: a server makes larger ones."""

from pushserver.storage.sql.connection import SqlConnection


def largest_id(connection: SqlConnection) -> int:
    """Return the largest id in the database."""
    tables = (
        "audit",
        "command",
        "delivery",
        "event",
        "notification",
        "operation",
        "result",
        "scope",
        "session",
        "subscription",
        "task",
        "token",
        "unknown_request",
    )
    found = (
        connection.execute(f"SELECT max(id) FROM {table}").fetchone()[0]
        for table in tables
    )
    return max(number or 0 for number in found)
