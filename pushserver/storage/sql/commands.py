"""Queues decisions on lanes, and reads orders."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.order import Order
from pushserver.storage.command_rows import ORDERS
from pushserver.storage.commands import (
    CompletionCallback,
    Decision,
    Lookup,
)
from pushserver.storage.sql.access import SqlAccess
from pushserver.storage.sql.conditions import IS_WAITING
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.fetch import fetch_all
from pushserver.storage.sql.write_jobs import WriteJob

T = TypeVar("T")

# Through the index on the state, which begins with the scope.
_WITH_WAITING = (
    f"SELECT DISTINCT device_id FROM command WHERE {IS_WAITING}"
    " AND scope_id IN (SELECT id FROM scope) AND guarantee = ?"
)
_ORDER = f"SELECT {ORDERS.column_list} FROM command WHERE id = ?"


class SqlCommands(SqlAccess):
    """The part of `CommandStore` that is the same for all databases."""

    def change_lane(
        self,
        device_id: int,
        decide: Decision[T],
        lookup: Lookup | None = None,
        on_done: CompletionCallback | None = None,
    ) -> asyncio.Future[T]:
        future = asyncio.get_running_loop().create_future()
        job = WriteJob(future, device_id, decide, lookup, on_done)
        return self.write.queue.submit(job)

    async def devices_with_waiting(self, guarantee: DeliveryGuarantee) -> Sequence[int]:
        def read(connection: SqlConnection) -> Sequence[int]:
            rows = connection.execute(_WITH_WAITING, (guarantee.value,))
            return [device_id for (device_id,) in rows]

        return await self.list_reader.run(read)

    async def read_order(self, command_id: int) -> Order:
        (order,) = await fetch_all(self.hot_reader, ORDERS.read, _ORDER, (command_id,))
        return order
