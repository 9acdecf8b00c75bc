"""What a database has of each scope, to tell what a stranger has changed."""

from collections.abc import Mapping
from typing import Any

from tests.database_rows import every_row
from tests.web.local_server import LocalServer

#: A row with the table that it is in, and its scope.
Rows = Mapping[tuple[Any, ...], int | None]
#: Tables that reading and polling renew, and what tells servers of changed queues.
PASSING = ("device_seen", "interest", "lane")


async def stored_rows(server: LocalServer, database: str) -> Rows:
    """Return every row with its scope, but for what reading and polling renew."""
    await server.services.polling.record_written()
    while not server.services.write_behind.is_flushed:
        await server.services.write_behind.flush()
    rows: dict[tuple[Any, ...], int | None] = {}
    for table, own in every_row(database):
        if table not in PASSING:
            rows[(table, *own.items())] = own.get("scope_id")
    return rows
