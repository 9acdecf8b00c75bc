"""Reads the shadows of devices."""

from collections.abc import Mapping, Sequence

import attrs

from pushserver.model.command import Command
from pushserver.model.lane import Lane
from pushserver.model.shadow import Service
from pushserver.storage.shadow_rows import DUE_SERVICES, SERVICES
from pushserver.storage.shadows import DueService
from pushserver.storage.sql.conditions import IS_ONLINE
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.fetch import fetch_all

#: So many characters of services are read for one round, and the rest of the last
#: device's: four times 256 KB of properties at the most.
MAX_READ = 8 * 1024 * 1024

_SELECT_ALL = f"SELECT {SERVICES.column_list} FROM shadow WHERE device_id = ?"
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


class TooManyServices(Exception):
    """The services that a round needs are too many for memory; a part of it may do."""


@attrs.define(eq=False)
class RoundServices:
    """
    The services that the decisions of a round need, each of which is one object.

    They may be long, so lanes keep none: each round reads those that it needs.
    """

    connection: SqlConnection
    _size: int = attrs.field(default=0, init=False)
    _by_device: dict[int, Mapping[str, Service]] = attrs.field(factory=dict, init=False)

    def of_device(self, device_id: int) -> Mapping[str, Service]:
        """
        Return every service of a device, by its id.

        Raises:
            TooManyServices: those of other devices have taken all room.
        """
        found = self._by_device.get(device_id)
        if found is None:
            if self._size > MAX_READ:
                raise TooManyServices
            found = self._by_device[device_id] = self._read(device_id)
        return found

    def of_command(self, command: Command) -> Service | None:
        """Return the service that a command of the same scope writes or reads."""
        if command.service_id is None:
            return None
        service = self.of_device(command.device_id).get(command.service_id)
        return service if service and service.scope_id == command.scope_id else None

    def attach(self, lane: Lane) -> None:
        """Set the services of the lane's commands, until it forgets them."""
        if lane.may_have_services:
            for command in lane.commands:
                command.service = self.of_command(command)

    def _read(self, device_id: int) -> Mapping[str, Service]:
        services = {}
        for row in self.connection.execute(_SELECT_ALL, (device_id,)):
            self._size += sum(len(each) for each in row if isinstance(each, str))
            service = SERVICES.read(row)
            services[service.service_id] = service
        return services
