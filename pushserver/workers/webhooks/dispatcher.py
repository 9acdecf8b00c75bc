"""All couriers: one for each subscription, so none waits for another's receiver."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import attrs
import structlog

from pushserver.errors import Unavailable
from pushserver.model.subscription import Subscription
from pushserver.services.subscriptions import Subscriptions
from pushserver.workers.webhooks.courier import Courier

log = structlog.get_logger(__name__)

#: Seconds to wait when something is wrong with us, not with the receiver.
PAUSE = 1.0


@attrs.define(eq=False)
class Dispatcher:
    """Has a courier at work for every subscription."""

    subscriptions: Subscriptions
    make: Callable[[Subscription], Courier]
    _tasks: dict[int, asyncio.Task[None]] = attrs.field(factory=dict, init=False)

    async def round(self) -> int:
        """Start couriers for new subscriptions, stop those of others; how many."""
        self.subscriptions.changed.clear()
        wanted = {subscription.id: subscription for subscription in self.subscriptions}
        gone = [i for i in self._tasks if i not in wanted]
        for subscription_id in gone:
            self._tasks.pop(subscription_id).cancel()
            self.subscriptions.couriers.pop(subscription_id, None)
        new = [each for i, each in wanted.items() if i not in self._tasks]
        for subscription in new:
            courier = self.make(subscription)
            self.subscriptions.couriers[subscription.id] = courier
            self._tasks[subscription.id] = asyncio.create_task(_run(courier))
        return len(gone) + len(new)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Stop every courier at the end of the block; the rest is told later."""
        try:
            yield
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)


async def _run(courier: Courier) -> None:
    try:
        while True:
            wait = await _round(courier)
            if wait > 0:
                await _bell(courier, wait)
    finally:
        courier.leave()


async def _bell(courier: Courier, wait: float) -> None:
    """Wait until the courier is rung for, but no longer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait):
            await courier.bell.wait()


async def _round(courier: Courier) -> float:
    """Let the courier go once; what is wrong with us is logged and tried again."""
    try:
        return await courier.round()
    except Unavailable as error:
        log.warning("webhooks.store_away", reason=error.detail)
    except Exception:
        log.exception("webhooks.round_failed")
    return PAUSE
