"""Reads the shadows of devices."""

from collections.abc import Sequence

import attrs

from pushserver.model.command import Command
from pushserver.model.shadow import Service
from pushserver.storage.shadow_rows import DUE_SERVICES, SERVICES
from pushserver.storage.shadows import DueService
from pushserver.storage.sql.conditions import IS_ONLINE
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.fetch import fetch_all

#: Services, or None where there is none, by device and service id.
ServiceCache = dict[tuple[int, str], Service | None]

_SELECT_ALL = f"SELECT {SERVICES.column_list} FROM shadow WHERE device_id = ?"
_SELECT_ONE = f"{_SELECT_ALL} AND service_id = ?"
_SELECT_OF_SCOPE = f"{_SELECT_ALL} AND scope_id = ? ORDER BY service_id"
_SELECT_DUE = (
    f"SELECT {DUE_SERVICES.column_list} FROM shadow WHERE needs_reconcile = 1"
    " ORDER BY device_id LIMIT ?"
)
_SELECT_RETRYABLE = (
    f"SELECT {DUE_SERVICES.qualified} FROM shadow"
    " JOIN device_seen AS seen USING (device_id) JOIN device USING (device_id)"
    " WHERE shadow.write_expired = 1 AND device.scope_id = shadow.scope_id"
    f" AND {IS_ONLINE}"
    " ORDER BY shadow.device_id LIMIT ?"
)


@attrs.frozen
class SqlShadows:
    """Implements `ShadowStore`."""

    reader: SqlReader
    background_reader: SqlReader

    async def services(self, scope_id: int, device_id: int) -> Sequence[Service]:
        values = (device_id, scope_id)
        return await fetch_all(self.reader, SERVICES.read, _SELECT_OF_SCOPE, values)

    async def due_services(self, *, limit: int) -> Sequence[DueService]:
        return await fetch_all(
            self.background_reader, DUE_SERVICES.read, _SELECT_DUE, (limit,)
        )

    async def retryable_services(
        self, *, now: int, hold: int, limit: int
    ) -> Sequence[DueService]:
        values = (now, hold, limit)
        return await fetch_all(
            self.background_reader, DUE_SERVICES.read, _SELECT_RETRYABLE, values
        )


def find_service(
    connection: SqlConnection, command: Command, cache: ServiceCache
) -> Service | None:
    """Return the service of a command: the same object for all that share *cache*."""
    key = command.device_id, command.service_id or ""
    if key not in cache:
        cache[key] = SERVICES.find(connection.execute(_SELECT_ONE, key).fetchone())
    service = cache[key]
    return service if service and service.scope_id == command.scope_id else None


def find_services(connection: SqlConnection, device_id: int) -> list[Service]:
    """Return every service of a device."""
    return list(map(SERVICES.read, connection.execute(_SELECT_ALL, (device_id,))))
