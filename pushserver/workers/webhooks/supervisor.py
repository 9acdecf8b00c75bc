"""Runs a worker for each subscription, so none waits for another's receiver."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import attrs
import structlog

from pushserver.errors import Unavailable
from pushserver.model.subscription import Subscription
from pushserver.services.subscription_registry import SubscriptionRegistry
from pushserver.workers.webhooks.worker import WebhookWorker

log = structlog.get_logger(__name__)

#: Seconds to wait after an error in the server, not in the receiver.
ERROR_PAUSE = 1.0


@attrs.define(eq=False)
class WebhookSupervisor:
    """
    Keeps one worker running for each subscription.

    The leader's workers deliver; those of other servers only send pings.
    """

    subscriptions: SubscriptionRegistry
    make_worker: Callable[[Subscription], WebhookWorker]
    is_leader: Callable[[], bool]
    _was_leader: bool = attrs.field(default=False, init=False)
    _tasks: dict[int, asyncio.Task[None]] = attrs.field(factory=dict, init=False)

    async def update_workers(self) -> int:
        """
        Start and stop workers to match the subscriptions; return how many.

        Raises:
            Unavailable: the store is away; the next call tries again.
        """
        self.subscriptions.wakeup.clear()
        is_leader = self.is_leader()
        if is_leader and not self._was_leader:
            await self.subscriptions.refresh(taking_over=True)
        self._was_leader = is_leader
        by_id = {subscription.id: subscription for subscription in self.subscriptions}
        stopped = self._stop(
            [i for i in self._tasks if not is_leader or i not in by_id]
        )
        workers = self.subscriptions.workers
        for subscription_id in workers.keys() - by_id.keys():
            del workers[subscription_id]
        running = self._tasks if is_leader else workers
        unserved = [
            subscription for i, subscription in by_id.items() if i not in running
        ]
        for subscription in unserved:
            self._start(subscription, is_leader=is_leader)
        return stopped + len(unserved)

    def _start(self, subscription: Subscription, *, is_leader: bool) -> None:
        worker = self.make_worker(subscription)
        self.subscriptions.workers[subscription.id] = worker
        if is_leader:
            run = asyncio.create_task(_run_worker(worker))
            self._tasks[subscription.id] = run

    def _stop(self, subscription_ids: Sequence[int]) -> int:
        """Stop workers; a later start creates new ones, without state in memory."""
        for subscription_id in subscription_ids:
            self._tasks.pop(subscription_id).cancel()
            self.subscriptions.workers.pop(subscription_id, None)
        return len(subscription_ids)

    @asynccontextmanager
    async def stopping_workers(self) -> AsyncIterator[None]:
        """Stop all workers after the block; the next start delivers the rest."""
        try:
            yield
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)


async def _run_worker(worker: WebhookWorker) -> None:
    try:
        while True:
            wait = await _run_logged(worker)
            if wait > 0:
                await _wait_for_wakeup(worker, wait)
    finally:
        worker.cancel()


async def _wait_for_wakeup(worker: WebhookWorker, seconds: float) -> None:
    """Wait until the worker is notified, at most *seconds*."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await worker.wakeup.wait()


async def _run_logged(worker: WebhookWorker) -> float:
    """Run the worker once; return how long to wait. Log errors, and retry."""
    try:
        return await worker.run_once()
    except Unavailable as error:
        log.warning("webhooks.store_away", reason=error.detail)
    except Exception:
        log.exception("webhooks.round_failed")
    return ERROR_PAUSE
