"""A program and its device, asking the services in short words."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs

from pushserver.clock import micros
from pushserver.model.command import Command, Result
from pushserver.model.draft import Draft
from pushserver.model.idempotency import Key
from pushserver.model.lane import Flight
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from pushserver.services.holds import Visit
from pushserver.services.queue import Enqueued, Once
from pushserver.services.reporting import Post
from pushserver.services.upkeep import Upkeep
from pushserver.storage.listing import CommandRecord
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.model.values import DEVICE, order
from tests.storage.places import away

KEY = Key(1, "/api/v1/devices/1/commands", "the-key")


def render(commands: Sequence[Command]) -> bytes:
    """Return the ids of commands, as an answer."""
    return b" ".join(b"%d" % command.id for command in commands)


def drafts(*endpoints: str, **given: Any) -> list[Draft]:
    """Return drafts for these endpoints."""
    return [Draft(order=order(name), **given) for name in endpoints]


@attrs.define(eq=False)
class Peer:
    """The device's end of a connection."""

    is_there: bool = True


@attrs.frozen
class Desk:
    """What tests ask of the services."""

    services: Services
    clock: ManualClock
    #: Rings when a hand-out asks whether the peer is still there.
    looked: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    async def enqueue(
        self,
        *endpoints: str,
        device: int = DEVICE,
        scope: int = FIRST_SCOPE,
        **given: Any,
    ) -> list[Command]:
        """Put commands into a queue."""
        wanted = drafts(*endpoints, **given)
        done = await self.services.queue.enqueue(scope, device, wanted, render)
        return list(done.commands)

    async def order_once(
        self, *endpoints: str, fingerprint: str = "f", device: int = DEVICE
    ) -> Enqueued:
        """Put commands into a queue under the idempotency key."""
        request = Once(KEY, fingerprint)
        return await self.services.queue.enqueue(
            FIRST_SCOPE, device, drafts(*endpoints), render, request
        )

    async def poll(
        self,
        uuid: str | None = None,
        *,
        hold: float = 0,
        device: int = DEVICE,
        peer: Peer | None = None,
    ) -> Flight | None:
        """Let a device poll, for *hold* seconds at the most."""
        whom = peer or Peer()
        visit = Visit(
            device_id=device,
            uuid=uuid,
            address="192.0.2.7",
            is_there=lambda: self._is_there(whom),
        )
        polling = self.services.polling
        busy = not polling.is_idle(device)
        return await polling.poll(visit, micros(hold), busy=busy)

    async def fly(self, uuid: str | None = None, **given: Any) -> Flight:
        """Let a device poll, be given something, and read the answer."""
        flight = await self.poll(uuid, **given)
        assert flight is not None
        self.services.polling.written(flight)
        return flight

    @asynccontextmanager
    async def held(
        self, uuid: str | None = None, **given: Any
    ) -> AsyncIterator["asyncio.Task[Flight | None]"]:
        """Have a poll held (for 20 s at the most) for the length of the block."""
        held = asyncio.create_task(self.poll(uuid, **{"hold": 20, **given}))
        await self.rest()
        try:
            yield held
        finally:
            held.cancel()
            await asyncio.gather(held, return_exceptions=True)

    async def rest(self) -> None:
        """Let everything that is ready run, and what it asks of the store."""
        await self.services.store.check()
        for _ in range(5):
            await asyncio.sleep(0)
        await self.services.polling.chores.finish()

    async def decided(self) -> None:
        """Wait until a hand-out is decided, which is not committed yet."""
        self.looked.clear()
        async with asyncio.timeout(10):
            await self.looked.wait()

    def _is_there(self, peer: Peer) -> bool:
        """Tell whether the peer is there, as each hand-out asks before it decides."""
        self.looked.set()
        return peer.is_there

    async def report(
        self,
        body: bytes = b'{"response":{}}',
        uuid: str | None = None,
        *,
        device: int = DEVICE,
        **given: Any,
    ) -> Result:
        """Post a result."""
        usual: dict[str, Any] = {
            "scope_id": FIRST_SCOPE,
            "endpoint": None,
            "content_type": "application/json",
            "content_encoding": None,
            "complete": True,
        }
        post = Post(device_id=device, uuid=uuid, body=body, **{**usual, **given})
        return await self.services.reporting.report(post)

    async def record(self, command: Command) -> CommandRecord:
        """Return what is kept of a command."""
        return await self.services.queue.get(command.scope_id, command.id)

    async def state(self, command: Command) -> State:
        """Return where a command stands, by the store."""
        return (await self.record(command)).command.state

    async def upkeep(self, seconds: float = 0) -> int:
        """Let time pass and look after what is due; return how much that was."""
        self.clock.tick(seconds)
        return await Upkeep(self.services.store, self.clock).deadlines()

    def store_away(self) -> AbstractAsyncContextManager[None]:
        """Let every commit fail for the length of the block."""
        return away(self.services.store)
