"""Devices, when they were last seen, and their unknown requests."""

from collections.abc import Collection, Mapping, Sequence
from itertools import islice

from pushserver.errors import Conflict
from pushserver.model.audit import AuditEntry
from pushserver.model.device import Device
from pushserver.model.unknown_request import UNKNOWN_REQUEST_OVERHEAD, UnknownRequest
from pushserver.storage.device_rows import (
    DEVICES,
    DEVICES_SEEN,
    DEVICES_WITH_SEEN,
    UNKNOWN_REQUESTS,
    read_device,
)
from pushserver.storage.sql.access import SqlAccess
from pushserver.storage.sql.audit import write_audit
from pushserver.storage.sql.bulk import insert, pad_ids, update, upsert
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.device_end import delete_device
from pushserver.storage.sql.fetch import fetch_all, fetch_column
from pushserver.storage.sql.scopes import lock_scope, scope_is_gone

_SELECT = (
    f"SELECT {DEVICES_WITH_SEEN.column_list}"
    " FROM device LEFT JOIN device_seen USING (device_id)"
)
_SELECT_ALL = f"{_SELECT} ORDER BY device.device_id"
_SELECT_BY_IDS = f"{_SELECT} WHERE device.device_id IN ({{}})"
_SELECT_EXISTING = "SELECT device_id FROM device WHERE device_id IN ({})"
_SELECT_ADOPTING_SCOPES = (
    "SELECT device_id, scope_id FROM device WHERE state = 'adopted'"
    " AND device_id IN ({})"
)
_SELECT_WITH_PLANS = (
    "SELECT device_id FROM operation WHERE device_id IN ({0}) AND status = 'RUNNING'"
    " UNION SELECT device_id FROM shadow WHERE device_id IN ({0})"
)
#: The most devices in one statement.
_ID_BATCH_SIZE = 512
_UPSERT_DEVICE = upsert(
    DEVICES,
    "device_id",
    where="device.state <> 'adopted' OR device.scope_id = excluded.scope_id",
    must_match_all=True,
)
_INSERT_IF_MISSING = insert(DEVICES, " ON CONFLICT (device_id) DO NOTHING")
_ENFORCE_KEY = update(
    DEVICES,
    key=("device_id", "key_hash"),
    also="key_enforced = 1, old_key_hash = NULL, used_key_hash = device.key_hash",
)
_SAVE_OLD_KEY_USED = update(
    DEVICES,
    key=("device_id", "key_hash", "old_key_hash"),
    also="used_key_hash = device.old_key_hash",
)
_SAVE_KEYLESS = update(
    DEVICES, ("keyless_since", "keyless_address"), key=("device_id",)
)
_UPSERT_SEEN = upsert(DEVICES_SEEN, "device_id")
_INSERT_UNKNOWN_REQUEST = insert(UNKNOWN_REQUESTS)
_SELECT_UNKNOWN_REQUESTS = (
    f"SELECT {UNKNOWN_REQUESTS.column_list} FROM unknown_request"
    " WHERE device_id = ? ORDER BY id"
)
_TRIM_UNKNOWN_REQUESTS = (
    "DELETE FROM unknown_request WHERE id IN (SELECT id FROM (SELECT id, row_number()"
    " OVER (PARTITION BY device_id ORDER BY id DESC) AS place FROM unknown_request"
    " WHERE device_id IN ({})) AS newest WHERE place > ?)"
)


_COUNT_UNKNOWN_REQUESTS = (
    "SELECT device_id, count(*) FROM unknown_request GROUP BY device_id"
)
_SELECT_OLD_UNKNOWN_REQUESTS = (
    "SELECT id FROM unknown_request WHERE id < ?{} ORDER BY id LIMIT ?"
)
_IS_OF_SCOPE = " AND device_id IN (SELECT device_id FROM device WHERE scope_id = ?)"
_DELETE_UNKNOWN_REQUESTS = "DELETE FROM unknown_request WHERE id IN ({})"
# A row is larger than what it holds by about so much.
_EXCESS_UNKNOWN_REQUESTS = (
    "SELECT id FROM (SELECT id, sum(length(path) + coalesce(length(body), 0)"
    f" + {UNKNOWN_REQUEST_OVERHEAD}) OVER (ORDER BY CASE state WHEN 'adopted' THEN 0"
    " ELSE 1 END, id DESC) AS total FROM unknown_request LEFT JOIN device USING"
    " (device_id)) AS kept WHERE total > ?"
)
_CLEAR_UNKNOWN_REQUESTS = (
    "DELETE FROM unknown_request WHERE device_id IN ({})",
    "UPDATE device_seen SET unknown_request_count = 0 WHERE device_id IN ({})",
)


class SqlDevices(SqlAccess):
    """Implements `DeviceStore`."""

    async def all_devices(self) -> Sequence[Device]:
        return await fetch_all(self.list_reader, read_device, _SELECT_ALL, ())

    async def device_ids(self) -> Sequence[int]:
        return await fetch_column(
            self.list_reader, "SELECT device_id FROM device ORDER BY device_id", ()
        )

    async def devices_with_plans(self, device_ids: Collection[int]) -> Collection[int]:
        def read(connection: SqlConnection) -> set[int]:
            found: set[int] = set()
            left = iter(device_ids)
            while batch := tuple(islice(left, _ID_BATCH_SIZE)):
                ids = pad_ids(batch)
                sql = _SELECT_WITH_PLANS.format(", ".join("?" * len(ids)))
                found.update(i for (i,) in connection.execute(sql, ids + ids))
            return found

        return await self.list_reader.run(read)

    async def devices(self, device_ids: Collection[int]) -> Sequence[Device]:
        if not device_ids:
            return []
        ids = pad_ids(device_ids)
        sql = _SELECT_BY_IDS.format(", ".join("?" * len(ids)))
        return await fetch_all(self.list_reader, read_device, sql, ids)

    async def save_devices(
        self, devices: Sequence[Device], audit: Sequence[AuditEntry] = ()
    ) -> None:
        scope_ids = sorted({device.scope_id for device in devices})

        def work(connection: SqlConnection) -> Exception | None:
            for scope_id in scope_ids:
                if not lock_scope(connection, scope_id):
                    return scope_is_gone(scope_id)
            if owned_by_others := _adopted_by_others(connection, devices):
                return Conflict(
                    f"Device {owned_by_others[0]} is adopted in another scope."
                )
            _UPSERT_DEVICE.write(connection, _sorted_by_id(devices))
            write_audit(connection, audit)
            return None

        if not devices:
            return
        refusal = await self.write(work, audit)
        if refusal is not None:
            raise refusal

    async def add_devices(self, devices: Sequence[Device]) -> None:
        await self.write(lambda c: _INSERT_IF_MISSING.write(c, _sorted_by_id(devices)))

    async def enforce_keys(self, devices: Sequence[Device]) -> None:
        await self.write(lambda c: _ENFORCE_KEY.write(c, _sorted_by_id(devices)))

    async def save_old_keys_used(self, devices: Sequence[Device]) -> None:
        await self.write(lambda c: _SAVE_OLD_KEY_USED.write(c, _sorted_by_id(devices)))

    async def save_keyless(self, devices: Sequence[Device]) -> None:
        await self.write(lambda c: _SAVE_KEYLESS.write(c, _sorted_by_id(devices)))

    async def delete_device(self, device_id: int) -> None:
        await self.write(lambda c: delete_device(c, device_id))

    async def save_last_seen(
        self,
        devices: Sequence[Device],
        unknown_requests: Sequence[UnknownRequest],
        *,
        keep: int,
    ) -> None:
        given_ids = {each.device_id for each in devices}
        given_ids.update(each.device_id for each in unknown_requests)

        def work(connection: SqlConnection) -> None:
            # What was collected of a device that was deleted since goes with it.
            known = _existing_ids(connection, given_ids)
            seen = [each for each in devices if each.device_id in known]
            kept = [each for each in unknown_requests if each.device_id in known]
            _UPSERT_SEEN.write(connection, _sorted_by_id(seen))
            _INSERT_UNKNOWN_REQUEST.write(connection, kept)
            if unknown_requests:
                ids = pad_ids(sorted({each.device_id for each in unknown_requests}))
                sql = _TRIM_UNKNOWN_REQUESTS.format(", ".join("?" * len(ids)))
                connection.execute(sql, (*ids, keep))

        await self.write(work)

    async def unknown_requests(self, device_id: int) -> Sequence[UnknownRequest]:
        return await fetch_all(
            self.list_reader,
            UNKNOWN_REQUESTS.read,
            _SELECT_UNKNOWN_REQUESTS,
            (device_id,),
        )

    async def unknown_request_numbers(self) -> Mapping[int, int]:
        pairs = await fetch_all(self.list_reader, tuple, _COUNT_UNKNOWN_REQUESTS, ())
        return dict(pairs)

    async def purge_unknown_requests(
        self, before: int, scope_id: int | None = None, *, limit: int
    ) -> int:
        scope = () if scope_id is None else (scope_id,)
        sql = _SELECT_OLD_UNKNOWN_REQUESTS.format(_IS_OF_SCOPE if scope else "")
        found = await fetch_column(self.list_reader, sql, (before, *scope, limit))
        await self._delete_unknown_requests(found)
        return len(found)

    async def trim_unknown_requests(self, keep: int) -> int:
        excess = await fetch_column(self.list_reader, _EXCESS_UNKNOWN_REQUESTS, (keep,))
        left = iter(sorted(excess))
        while batch := tuple(islice(left, _ID_BATCH_SIZE)):
            await self._delete_unknown_requests(batch)
        return len(excess)

    async def _delete_unknown_requests(self, request_ids: Collection[int]) -> None:
        if request_ids:
            ids = pad_ids(request_ids)
            sql = _DELETE_UNKNOWN_REQUESTS.format(", ".join("?" * len(ids)))
            await self.write(lambda c: c.execute(sql, ids))

    async def clear_unknown_requests(self, device_ids: Collection[int]) -> None:
        def work(connection: SqlConnection) -> None:
            left = iter(sorted(device_ids))
            while batch := tuple(islice(left, _ID_BATCH_SIZE)):
                ids = pad_ids(batch)
                for sql in _CLEAR_UNKNOWN_REQUESTS:
                    connection.execute(sql.format(", ".join("?" * len(ids))), ids)

        await self.write(work)


def _existing_ids(
    connection: SqlConnection, device_ids: Collection[int]
) -> Collection[int]:
    """Return those of *device_ids* that are in the store."""
    found: set[int] = set()
    left = iter(sorted(device_ids))
    while batch := tuple(islice(left, _ID_BATCH_SIZE)):
        ids = pad_ids(batch)
        sql = _SELECT_EXISTING.format(", ".join("?" * len(ids)))
        found.update(device_id for (device_id,) in connection.execute(sql, ids))
    return found


def _adopted_by_others(
    connection: SqlConnection, devices: Sequence[Device]
) -> list[int]:
    """Return those of *devices* that another scope has adopted."""
    owners: dict[int, int] = {}
    left = iter(devices)
    while batch := tuple(islice(left, _ID_BATCH_SIZE)):
        ids = pad_ids([device.device_id for device in batch])
        sql = _SELECT_ADOPTING_SCOPES.format(", ".join("?" * len(ids)))
        owners.update(connection.execute(sql, ids).fetchall())
    return [
        device.device_id
        for device in devices
        if owners.get(device.device_id, device.scope_id) != device.scope_id
    ]


def _sorted_by_id(devices: Sequence[Device]) -> list[Device]:
    """Sort devices, as all servers do, so that no two deadlock."""
    return sorted(devices, key=lambda device: device.device_id)
