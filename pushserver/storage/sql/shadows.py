"""Reading devices' shadows."""

from collections.abc import Sequence
from typing import Any

import attrs

from pushserver.model.command import Command
from pushserver.model.shadow import Service
from pushserver.storage.shadow_rows import SERVICE_COLUMNS, service_from_row
from pushserver.storage.shadows import DueService
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.device_queries import IS_ONLINE

#: Services that were looked for, by their devices and names.
ServiceCache = dict[tuple[int, str], Service | None]

_ALL = f"SELECT {SERVICE_COLUMNS} FROM shadow WHERE device_id = ?"
_ONE = f"{_ALL} AND service_id = ?"
_SELECT_OF_SCOPE = f"{_ALL} AND scope_id = ? ORDER BY service_id"
_DUE = (
    "SELECT device_id, service_id FROM shadow WHERE needs_reconcile = 1"
    " ORDER BY device_id LIMIT ?"
)
_STARTABLE = (
    "SELECT shadow.device_id, shadow.service_id FROM shadow"
    " JOIN device_seen AS seen USING (device_id) JOIN device USING (device_id)"
    " WHERE shadow.write_expired = 1 AND device.scope_id = shadow.scope_id"
    f" AND {IS_ONLINE}"
    " ORDER BY shadow.device_id LIMIT ?"
)


@attrs.frozen
class SqlShadows:
    """Keeps the promise of `ShadowStore`."""

    reader: SqlReader
    background_reader: SqlReader

    async def services(self, scope_id: int, device_id: int) -> Sequence[Service]:
        """Return every service of a device."""
        values = (device_id, scope_id)
        return await self.reader.run(
            lambda c: [
                service_from_row(row) for row in c.execute(_SELECT_OF_SCOPE, values)
            ]
        )

    async def due_services(self, *, limit: int) -> Sequence[DueService]:
        """Return services that are due."""
        return await self._fetch_services(_DUE, (limit,))

    async def retryable_services(
        self, *, now: int, hold: int, limit: int
    ) -> Sequence[DueService]:
        """Return services that have lapsed and whose devices are there again."""
        return await self._fetch_services(_STARTABLE, (now, hold, limit))

    async def _fetch_services(
        self, sql: str, values: Sequence[Any]
    ) -> list[DueService]:
        return await self.background_reader.run(
            lambda c: [DueService(*row) for row in c.execute(sql, values)]
        )


def find_service(
    connection: SqlConnection,
    command: Command,
    cache: ServiceCache,
) -> Service | None:
    """Return what follows a command, from *cache* if it is there: one for all."""
    key = command.device_id, command.service_id or ""
    if key not in cache:
        row = connection.execute(_ONE, key).fetchone()
        cache[key] = None if row is None else service_from_row(row)
    service = cache[key]
    return service if service and service.scope_id == command.scope_id else None


def find_services(connection: SqlConnection, device_id: int) -> list[Service]:
    """Return every service of a device."""
    return [service_from_row(row) for row in connection.execute(_ALL, (device_id,))]
