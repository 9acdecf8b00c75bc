"""Queues decisions on lanes, and reads orders."""

import asyncio
from typing import TypeVar

from pushserver.model.order import Order
from pushserver.storage.command_rows import ORDERS
from pushserver.storage.commands import CompletionCallback, Decision, Lookup
from pushserver.storage.sql.access import SqlAccess
from pushserver.storage.sql.fetch import fetch_all
from pushserver.storage.sql.write_jobs import WriteJob

T = TypeVar("T")

_ORDER = f"SELECT {ORDERS.column_list} FROM command WHERE id = ?"


class SqlCommands(SqlAccess):
    """The part of `CommandStore` that is the same for all databases."""

    async def change_lane(
        self,
        device_id: int,
        decide: Decision[T],
        lookup: Lookup | None = None,
        on_done: CompletionCallback[T] | None = None,
    ) -> T:
        future = asyncio.get_running_loop().create_future()
        job = WriteJob(future, device_id, decide, lookup, on_done)
        value: T = await self.write.queue.submit(job)
        return value

    async def read_order(self, command_id: int) -> Order:
        (order,) = await fetch_all(self.hot_reader, ORDERS.read, _ORDER, (command_id,))
        return order
