"""Finds and lists commands and results."""

from collections.abc import (
    Collection,
    Mapping,
    Sequence,
)
from typing import Any

import attrs

from pushserver.model.command import Result
from pushserver.model.state import CommandState
from pushserver.storage.command_rows import COMMANDS_WITH_ORDERS, DELIVERIES, RESULTS
from pushserver.storage.history import CommandFilter, CommandRecord
from pushserver.storage.sql.access import SqlAccess
from pushserver.storage.sql.bulk import pad_ids
from pushserver.storage.sql.command_pages import extra_conditions, page_query
from pushserver.storage.sql.conditions import IS_LIVE, is_of_device
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.fetch import fetch_all, fetch_column
from pushserver.storage.sql.heavy_rows import limit_bytes, read_by_id
from pushserver.storage.sql.index_range import IndexRange
from pushserver.storage.sql.results import (
    read_result,
    read_result_size,
    rewrite_mended_pieces,
)
from pushserver.storage.sql.snapshot import read_snapshot
from pushserver.storage.table import Row, RowWriter
from pushserver.storage.too_long import TooLong

_COMMAND_BY_ID = f"SELECT {COMMANDS_WITH_ORDERS.column_list} FROM command WHERE id = ?"
_COMMAND_WITHOUT_BODY = _COMMAND_BY_ID.replace("command.body,", "NULL,")
_STATE = "SELECT state FROM command WHERE id = ? AND scope_id = ?"
_OLDEST = "SELECT id FROM command WHERE scope_id = ? AND state = ?"
_DELIVERIES = (
    f"SELECT {DELIVERIES.column_list} FROM delivery WHERE command_id = ? ORDER BY id"
)
_RESULT_BY_ID = f"SELECT {RESULTS.column_list} FROM result WHERE id = ?"
_DEVICES_OF_COMMANDS = (
    "SELECT id, device_id FROM command WHERE id IN ({}) AND NOT scope_id <> ?"
)
_METADATA_OF_COMMANDS = (
    "SELECT id, metadata FROM command WHERE id IN ({}) AND NOT scope_id <> ?"
    " AND metadata IS NOT NULL"
)
_RESULT_OF = (
    f"SELECT {RESULTS.qualified} FROM command"
    " JOIN result ON result.id = command.result_id"
    " WHERE command.id = ? AND command.scope_id = ?"
)

_SIZE_OF_RESULT = (
    "SELECT result.id, length(result.body), coalesce(length(result.mended), 0)"
    " FROM command JOIN result ON result.id = command.result_id"
    " WHERE command.id = ? AND command.scope_id = ?"
)
_UNREAD = "SELECT id FROM result WHERE parsed IS NULL ORDER BY id DESC LIMIT ?"
_SAVE_PARSED = "UPDATE result SET parsed = ?, mended = ? WHERE id = ?"
_parsed_row = RowWriter(RESULTS.pick("parsed", "mended", "id"))


class SqlHistory(SqlAccess):
    """Implements `CommandHistory`."""

    async def find_command(
        self, scope_id: int, command_id: int
    ) -> CommandRecord | None:
        def read(connection: SqlConnection) -> CommandRecord | None:
            sql = f"{_COMMAND_BY_ID} AND scope_id = ?"
            with read_snapshot(connection):
                row = connection.execute(sql, (command_id, scope_id)).fetchone()
                return None if row is None else _read_record(connection, row)

        return await self.hot_reader.run(read)

    async def find_state(self, scope_id: int, command_id: int) -> CommandState | None:
        values = (command_id, scope_id)
        states = await fetch_column(self.hot_reader, _STATE, values)
        return next(map(CommandState, states), None)

    async def find_result(
        self, scope_id: int, command_id: int, *, longest: int | None = None
    ) -> Result | None:
        values = (command_id, scope_id)

        def read(connection: SqlConnection) -> Result | None:
            with read_snapshot(connection):
                if longest is not None:
                    _require_short(connection, values, longest)
                row = connection.execute(_RESULT_OF, values).fetchone()
                return None if row is None else read_result(connection, row)

        return await self.list_reader.run(read)

    async def commands(
        self,
        scope_id: int,
        criteria: CommandFilter,
        *,
        before: int | None,
        limit: int,
        include_bodies: bool = True,
        include_results: bool = True,
    ) -> Sequence[CommandRecord]:
        by_id = _COMMAND_BY_ID if include_bodies else _COMMAND_WITHOUT_BODY
        read_one = _read_record if include_results else _read_without_result

        def read(connection: SqlConnection) -> list[CommandRecord]:
            sql, values = page_query(connection, scope_id, criteria, before, limit)
            with read_snapshot(connection):
                rows = read_by_id(connection, sql, values, by_id)
                records = (read_one(connection, row) for row in rows)
                return list(limit_bytes(records, _body_size))

        return await self.list_reader.run(read)

    async def count_commands(
        self, scope_id: int, criteria: CommandFilter, *, up_to: int
    ) -> int:
        def read(connection: SqlConnection) -> int:
            sql, values = page_query(connection, scope_id, criteria, None, up_to)
            counting = f"SELECT count(*) FROM ({sql}) AS found"
            (count,) = connection.execute(counting, values).fetchone() or (0,)
            return int(count)

        return await self.list_reader.run(read)

    async def oldest_command(
        self, scope_id: int, state: CommandState, device_ids: frozenset[int] | None
    ) -> int | None:
        def read(connection: SqlConnection) -> int | None:
            of_device, ids = is_of_device(connection, device_ids)
            sql = f"{_OLDEST}{of_device} ORDER BY id LIMIT 1"
            found = connection.execute(sql, (scope_id, state, *ids)).fetchone()
            return None if found is None else int(found[0])

        return await self.list_reader.run(read)

    async def live_devices(
        self, scope_id: int, criteria: CommandFilter
    ) -> Sequence[int]:
        if criteria.device_id is not None:
            found: Sequence[int] = [criteria.device_id]
        else:
            sql, values = _live_devices_query(scope_id, criteria)
            found = await fetch_column(self.list_reader, sql, values)
        among = criteria.device_ids
        return [each for each in found if among is None or each in among]

    async def devices_of_commands(
        self, scope_id: int, command_ids: Collection[int]
    ) -> Mapping[int, int]:
        ids = pad_ids(command_ids)
        sql = _DEVICES_OF_COMMANDS.format(", ".join("?" * len(ids)))
        pairs = await fetch_all(self.hot_reader, tuple, sql, (*ids, scope_id))
        return dict(pairs)

    async def metadata_of_commands(
        self, scope_id: int, command_ids: Collection[int]
    ) -> Mapping[int, str]:
        if not command_ids:
            return {}
        ids = pad_ids(command_ids)
        sql = _METADATA_OF_COMMANDS.format(", ".join("?" * len(ids)))
        pairs = await fetch_all(self.list_reader, tuple, sql, (*ids, scope_id))
        return dict(pairs)

    async def results(
        self,
        scope_id: int,
        *,
        after: int,
        limit: int,
        device_id: int | None,
        orphan: bool | None,
        device_ids: frozenset[int] | None = None,
        newest_before: int | None = None,
    ) -> Sequence[Result]:
        before = await self.low_watermark()
        if newest_before is not None:
            before = min(before, newest_before)
        where = {"scope_id": scope_id, "device_id": device_id}
        orphans = (
            ""
            if orphan is None
            else f" AND command_id IS {'' if orphan else 'NOT '}NULL"
        )

        def read(connection: SqlConnection) -> list[Result]:
            indexes = [("device_id",), ("scope_id",)]
            index_range = IndexRange(connection, where, indexes, after, before)
            of_device, ids = is_of_device(connection, device_ids)
            order = (
                index_range.order_oldest_first
                if newest_before is None
                else index_range.order_newest_first
            )
            sql = (
                f"SELECT id FROM result WHERE {index_range.condition}{orphans}"
                f"{of_device} ORDER BY {order} LIMIT ?"
            )
            values = (*index_range.parameters, *ids, limit)
            with read_snapshot(connection):
                rows = read_by_id(connection, sql, values, _RESULT_BY_ID)
                found = (read_result(connection, row) for row in rows)
                return list(limit_bytes(found, _result_size))

        return await self.list_reader.run(read)

    async def unread_results(self, *, limit: int) -> Sequence[Result]:
        def read(connection: SqlConnection) -> list[Result]:
            rows = read_by_id(connection, _UNREAD, (limit,), _RESULT_BY_ID)
            found = (read_result(connection, row) for row in rows)
            return list(limit_bytes(found, _result_size))

        return await self.list_reader.run(read)

    async def save_parsed(self, results: Collection[Result]) -> None:
        def write(connection: SqlConnection) -> None:
            for result in results:
                connection.execute(_SAVE_PARSED, tuple(_parsed_row(result)))
                rewrite_mended_pieces(connection, result)

        if results:
            await self.write(write)


def _live_devices_query(
    scope_id: int, criteria: CommandFilter
) -> tuple[str, list[Any]]:
    """
    Return the statement that finds devices by their live commands.

    It reads those of the scope, which are few beside the ones that are over: no other
    index is to be preferred, so the endpoint is an expression.
    """
    extra, values = extra_conditions(criteria)
    if criteria.endpoint is not None:
        extra, values = f"{extra} AND endpoint || '' = ?", [*values, criteria.endpoint]
    sql = f"SELECT DISTINCT device_id FROM command WHERE scope_id = ? AND {IS_LIVE}"
    return sql + extra, [scope_id, *values]


def _read_record(connection: SqlConnection, row: Row) -> CommandRecord:
    record = _read_without_result(connection, row)
    result_id, result = record.command.result_id, None
    if result_id is not None:
        found = connection.execute(_RESULT_BY_ID, (result_id,)).fetchone()
        result = None if found is None else read_result(connection, found)
    return attrs.evolve(record, result=result)


def _read_without_result(connection: SqlConnection, row: Row) -> CommandRecord:
    command, command.order = COMMANDS_WITH_ORDERS.read(row)
    deliveries = map(DELIVERIES.read, connection.execute(_DELIVERIES, (command.id,)))
    return CommandRecord(command=command, deliveries=tuple(deliveries), result=None)


def _require_short(
    connection: SqlConnection, values: tuple[int, int], longest: int
) -> None:
    row = connection.execute(_SIZE_OF_RESULT, values).fetchone()
    size = 0 if row is None else read_result_size(connection, row)
    if size > longest:
        raise TooLong(size)


def _body_size(record: CommandRecord) -> int:
    order = record.command.order
    texts = () if order is None else (order.body, order.metadata)
    result_size = 0 if record.result is None else _result_size(record.result)
    return sum(len(text or "") for text in texts) + result_size


def _result_size(result: Result) -> int:
    return len(result.body) + len(result.mended or b"")
