"""Drives the services as a program and its device would."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs

from pushserver.clock import micros
from pushserver.model.command import Command, Result
from pushserver.model.command_request import CommandRequest
from pushserver.model.idempotency import IdempotencyKey
from pushserver.model.in_flight import InFlight
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.services.deadlines import Deadlines
from pushserver.services.held_polls import Poll
from pushserver.services.idempotency import IdempotentRequest
from pushserver.services.posted_result import PostedResult
from pushserver.services.queue import Enqueued
from pushserver.storage.history import CommandRecord
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.devices import terminal
from tests.model.factories import DEVICE, order
from tests.storage.cluster import wait_until_leading
from tests.storage.locations import failing_commits

IDEMPOTENCY_KEY = IdempotencyKey(1, "/api/v1/devices/1/commands", "the-key")


def render_ids(commands: Sequence[Command]) -> bytes:
    """Render the ids of commands as an answer."""
    return b" ".join(b"%d" % command.id for command in commands)


def command_requests(*endpoints: str, **fields: Any) -> list[CommandRequest]:
    """Return command requests for these endpoints."""
    return [CommandRequest(order=order(name), **fields) for name in endpoints]


@attrs.define(eq=False)
class Connection:
    """The device's end of a connection."""

    is_open: bool = True
    has_ended: bool = False


@attrs.frozen
class ServiceDriver:
    """Drives the services as a program and a device would."""

    services: Services
    clock: ManualClock
    #: Set when a hand-out checks whether the device is still connected.
    peer_checked: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    async def ensure_adopted(
        self, device: int = DEVICE, scope: int = DEFAULT_SCOPE_ID
    ) -> None:
        """Adopt a device unless somebody has, as a program does before it enqueues."""
        if self.services.devices.find_in_any_scope(device) is None:
            await self.services.fleet.adopt(scope, terminal(device))

    async def enqueue(
        self,
        *endpoints: str,
        device: int = DEVICE,
        scope: int = DEFAULT_SCOPE_ID,
        **fields: Any,
    ) -> list[Command]:
        """Adopt a device, and put commands into its queue."""
        await self.ensure_adopted(device, scope)
        requests = command_requests(*endpoints, **fields)
        enqueued = await self.services.queue.enqueue(
            scope, device, requests, render_ids
        )
        return list(enqueued.commands)

    async def enqueue_idempotent(
        self, *endpoints: str, fingerprint: str = "f", device: int = DEVICE
    ) -> Enqueued:
        """Put commands into a queue under the idempotency key."""
        await self.ensure_adopted(device)
        request = IdempotentRequest(IDEMPOTENCY_KEY, fingerprint)
        return await self.services.queue.enqueue(
            DEFAULT_SCOPE_ID, device, command_requests(*endpoints), render_ids, request
        )

    async def poll(
        self,
        uuid: str | None = None,
        *,
        hold: float = 0,
        device: int = DEVICE,
        connection: Connection | None = None,
    ) -> InFlight | None:
        """Let a device poll, for *hold* seconds at the most."""
        peer = connection or Connection()
        visit = Poll(
            device_id=device,
            began_at=self.clock.now(),
            uuid=uuid,
            address="192.0.2.7",
            is_gone=lambda: not self._check_peer(peer),
            is_served=lambda _keys: True,
            has_ended=lambda: peer.has_ended,
        )
        polling = self.services.polling
        is_busy = not polling.is_idle(device)
        answer = await polling.poll(visit, micros(hold), has_work=is_busy)
        return None if answer is None else answer.in_flights[0]

    async def receive_command(
        self, uuid: str | None = None, **options: Any
    ) -> InFlight:
        """Let a device poll, get a command, and read the answer to its end."""
        in_flight = await self.poll(uuid, **options)
        assert in_flight is not None
        self.services.polling.mark_written([in_flight])
        return in_flight

    @asynccontextmanager
    async def held_poll(
        self, uuid: str | None = None, **options: Any
    ) -> AsyncIterator["asyncio.Task[InFlight | None]"]:
        """Hold a poll (for 20 s at most) for the duration of the block."""
        polling = asyncio.create_task(self.poll(uuid, **{"hold": 20, **options}))
        await self.run_until_idle()
        try:
            yield polling
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)

    async def run_until_idle(self) -> None:
        """Run everything that is ready, including what it asks of the store."""
        # What is decided on the device's lane before is on disk, and told, by then.
        await self.services.store.change_lane(DEVICE, lambda *_: None)
        for _ in range(5):
            await asyncio.sleep(0)
        await self.services.lanes.background_tasks.wait_all()

    async def wait_for_decision(self) -> None:
        """Wait until a hand-out is decided, but not committed yet."""
        self.peer_checked.clear()
        async with asyncio.timeout(15):
            await self.peer_checked.wait()

    def _check_peer(self, connection: Connection) -> bool:
        """
        Return whether the device is connected; each hand-out checks it before it
        decides.
        """
        self.peer_checked.set()
        return connection.is_open

    async def post_result(
        self,
        body: bytes = b'{"response":{}}',
        uuid: str | None = None,
        *,
        device: int = DEVICE,
        **fields: Any,
    ) -> Result:
        """Post a result."""
        defaults: dict[str, Any] = {
            "scope_id": DEFAULT_SCOPE_ID,
            "protocol": self.services.protocols.of_device(device),
            "endpoint": None,
            "content_type": "application/json",
            "content_encoding": None,
            "complete": True,
        }
        post = PostedResult(
            device_id=device, uuid=uuid, body=body, **{**defaults, **fields}
        )
        result = await self.services.result_intake.accept(post)
        assert result is not None
        return result

    async def command_record(self, command: Command) -> CommandRecord:
        """Return the stored record of a command."""
        return await self.services.queue.get(command.scope_id, command.id)

    async def command_state(self, command: Command) -> CommandState:
        """Return a command's state in the store."""
        return (await self.command_record(command)).command.state

    async def expire_overdue(self, seconds: float = 0) -> int:
        """Let time pass and expire what is overdue; return how much that was."""
        self.clock.tick(seconds)
        return await Deadlines(
            self.services.store, self.clock, self.services.lanes
        ).expire_overdue()

    async def follow_wall_clock(self) -> int:
        """Let the server look at the wall clock twice; return how often it jumped."""
        await wait_until_leading(self.services.store)
        watch = self.services.clock_watch
        return await watch.follow() + await watch.follow()

    def failing_commits(self) -> AbstractAsyncContextManager[None]:
        """Let every commit fail for the duration of the block."""
        return failing_commits(self.services.store)
