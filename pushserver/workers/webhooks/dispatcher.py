"""All couriers: one for each subscription, so none waits for another's receiver."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
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
    """
    Has a courier for every subscription; those of the server that leads are at work.

    The others' are there to ping.
    """

    subscriptions: Subscriptions
    make: Callable[[Subscription], Courier]
    leads: Callable[[], bool]
    _is_leading: bool = attrs.field(default=False, init=False)
    _tasks: dict[int, asyncio.Task[None]] = attrs.field(factory=dict, init=False)

    async def round(self) -> int:
        """
        Start couriers for new subscriptions, stop those of others; return how many.

        Raises:
            Unavailable: the store is away; it is done the next time.
        """
        self.subscriptions.changed.clear()
        leads = self.leads()
        if leads and not self._is_leading:
            await self.subscriptions.refresh(taking_over=True)
        self._is_leading = leads
        wanted = {subscription.id: subscription for subscription in self.subscriptions}
        stopped = self._stop([i for i in self._tasks if not leads or i not in wanted])
        couriers = self.subscriptions.couriers
        for subscription_id in couriers.keys() - wanted.keys():
            del couriers[subscription_id]
        have = self._tasks if leads else couriers
        new = [subscription for i, subscription in wanted.items() if i not in have]
        for subscription in new:
            self._add(subscription, leads=leads)
        return stopped + len(new)

    def _add(self, subscription: Subscription, *, leads: bool) -> None:
        courier = self.make(subscription)
        self.subscriptions.couriers[subscription.id] = courier
        if leads:
            run = asyncio.create_task(_run(courier))
            self._tasks[subscription.id] = run

    def _stop(self, subscription_ids: Sequence[int]) -> int:
        """Stop couriers; who begins again is a new one, which knows of nothing."""
        for subscription_id in subscription_ids:
            self._tasks.pop(subscription_id).cancel()
            self.subscriptions.couriers.pop(subscription_id, None)
        return len(subscription_ids)

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
