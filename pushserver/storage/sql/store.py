"""What every store keeps in SQL: all that it promises but lanes and decisions."""

from collections.abc import Awaitable, Callable, Collection, Sequence

import attrs

from pushserver.errors import Conflict
from pushserver.model.command import Order, Result
from pushserver.model.device import Device, UnknownRequest
from pushserver.model.scope import Scope
from pushserver.model.token import Token
from pushserver.storage.history import CommandFilter, CommandRecord
from pushserver.storage.sql import command_queries, device_queries, scopes
from pushserver.storage.sql.connection import SqlReader, no_low_watermark
from pushserver.storage.sql.operations import SqlOperations
from pushserver.storage.sql.retention import SqlRetention
from pushserver.storage.sql.shadows import SqlShadows
from pushserver.storage.sql.stream_interests import SqlStreamInterests
from pushserver.storage.sql.subscriptions import SqlSubscriptions
from pushserver.storage.sql.tasks import SqlTasks
from pushserver.storage.sql.upgrades import SqlUpgrades
from pushserver.storage.sql.write_jobs import SqlWriter


@attrs.define(eq=False, kw_only=True, repr=False)
class SqlStore:
    """
    Reads and writes what is no matter of lanes.

    Hand-outs read on `hot_reader`, lists on `list_reader`, and what runs by itself
    reads on a third, so that a long list holds up no door and no step.
    """

    hot_reader: SqlReader
    list_reader: SqlReader
    write: SqlWriter
    low_watermark: Callable[[], Awaitable[int]] = no_low_watermark
    operations: SqlOperations
    tasks: SqlTasks
    upgrades: SqlUpgrades
    shadows: SqlShadows
    subscriptions: SqlSubscriptions
    stream_interests: SqlStreamInterests
    retention: SqlRetention

    async def read_order(self, command_id: int) -> Order:
        """Return what the command orders."""
        return await self.hot_reader.run(
            lambda c: command_queries.find_order(c, command_id)
        )

    # History

    async def find_command(
        self, scope_id: int, command_id: int
    ) -> CommandRecord | None:
        """Return one command, whole."""
        return await self.hot_reader.run(
            lambda c: command_queries.find_command(c, scope_id, command_id)
        )

    async def find_result(self, scope_id: int, command_id: int) -> Result | None:
        """Return the result that ended the command."""
        return await self.list_reader.run(
            lambda c: command_queries.find_result(c, scope_id, command_id)
        )

    async def commands(
        self, scope_id: int, criteria: CommandFilter, *, before: int | None, limit: int
    ) -> Sequence[CommandRecord]:
        """List commands, newest first."""
        return await self.list_reader.run(
            lambda c: command_queries.list_commands(
                c, scope_id, criteria, before=before, limit=limit
            )
        )

    async def results(
        self,
        scope_id: int,
        *,
        after: int,
        limit: int,
        device_id: int | None,
        orphan: bool | None,
    ) -> Sequence[Result]:
        """List results in the order they came."""
        before = await self.low_watermark()
        return await self.list_reader.run(
            lambda c: command_queries.list_results(
                c,
                scope_id,
                after=after,
                before=before,
                limit=limit,
                device_id=device_id,
                orphan=orphan,
            )
        )

    # Devices

    async def all_devices(self) -> Sequence[Device]:
        """Return every device."""
        return await self.list_reader.run(device_queries.all_devices)

    async def devices(self, device_ids: Collection[int]) -> Sequence[Device]:
        """Return these devices."""
        return await self.list_reader.run(
            lambda c: device_queries.devices_by_id(c, device_ids)
        )

    async def save_devices(self, devices: Sequence[Device]) -> None:
        """Write devices."""
        adopted_elsewhere = await self.write(
            lambda c: device_queries.save_devices(c, devices)
        )
        if adopted_elsewhere:
            raise Conflict(
                f"Device {adopted_elsewhere[0]} is adopted in another scope."
            )

    async def add_devices(self, devices: Sequence[Device]) -> None:
        """Keep devices that came by themselves."""
        await self.write(lambda c: device_queries.add_devices(c, devices))

    async def enforce_keys(self, devices: Sequence[Device]) -> None:
        """Demand these devices' newest keys."""
        await self.write(lambda c: device_queries.enforce_keys(c, devices))

    async def delete_device(self, device_id: int) -> None:
        """Delete the device."""
        await self.write(lambda c: device_queries.delete_device(c, device_id))

    async def save_last_seen(
        self,
        devices: Sequence[Device],
        unknown_requests: Sequence[UnknownRequest],
        *,
        keep: int,
    ) -> None:
        """Write what was seen."""
        await self.write(
            lambda c: device_queries.save_last_seen(c, devices, unknown_requests, keep)
        )

    async def unknown_requests(self, device_id: int) -> Sequence[UnknownRequest]:
        """Return the device's last odd requests."""
        return await self.list_reader.run(
            lambda c: device_queries.list_unknown_requests(c, device_id)
        )

    # Tokens

    async def all_tokens(self) -> Sequence[Token]:
        """Return every token."""
        return await self.list_reader.run(scopes.all_tokens)

    async def add_token(self, token: Token) -> None:
        """Keep a token."""
        await self.write(lambda c: scopes.add_token(c, token))

    async def add_first_token(self, token: Token) -> bool:
        """Keep a token if its scope has none."""
        return await self.write(lambda c: scopes.add_first_token(c, token))

    async def revoke_token(self, scope_id: int, token_id: int, *, now: int) -> bool:
        """Revoke a token."""
        return await self.write(
            lambda c: scopes.revoke_token(c, scope_id, token_id, now)
        )

    # Scopes

    async def all_scopes(self) -> Sequence[Scope]:
        """Return every scope."""
        return await self.list_reader.run(scopes.all_scopes)

    async def add_scope(self, scope: Scope, token: Token) -> None:
        """Keep a scope and its first token."""
        await self.write(lambda c: scopes.add_scope(c, scope, token))

    # Its own life

    async def check_writable(self) -> None:
        """Write something: an update of no row takes the lock and commits."""
        await self.write(lambda c: c.execute("DELETE FROM token WHERE id = -1"))

    async def purge_idempotency_keys(self, *, before: int) -> int:
        """Forget old idempotency keys."""
        return await self.write(
            lambda c: device_queries.purge_idempotency_keys(c, before)
        )
