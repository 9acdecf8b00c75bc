"""Deletes old bodies before the history that they belong to."""

from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext

import attrs
import structlog

from pushserver.clock import SECOND, Clock, rfc3339
from pushserver.model.ids import first_id_at, first_instant_after
from pushserver.services.batches import BATCH_SIZE
from pushserver.storage.base import Store
from pushserver.storage.bodies import BodyOwner, BodyPage, BodyStore

log = structlog.get_logger(__name__)

_DAY = 86_400 * SECOND


@attrs.define(eq=False)
class BodyRetention:
    """
    Deletes what was sent to devices, and what they answered, after `days`.

    What has not ended keeps its bodies, however old; 0 days keep all of them.
    """

    store: Store
    clock: Clock
    days: float
    #: Up to here, nothing of this kind has a body, or will have one.
    _done: Counter[BodyOwner] = attrs.field(factory=Counter, init=False)

    async def purge_expired(self) -> int:
        """
        Delete expired bodies of every scope; return of how many owners.

        Of each kind of owner, a run deletes no more than the oldest day of what is
        expired: should the clock be wrong, somebody may notice before much is lost.

        Raises:
            Unavailable: the store is away; the next call deletes the rest.
        """
        if not self.days:
            return 0
        expired_before = self.clock.now() - round(self.days * _DAY)
        return sum([await self._purge(owner, expired_before) for owner in BodyOwner])

    async def _purge(self, owner: BodyOwner, expired_before: int) -> int:
        walk = _Walk(
            self.store.bodies, owner, first_id_at(expired_before), self._done[owner]
        )
        page = await walk.next_page()
        if not page.ids:
            self._done[owner] = walk.done
            return 0
        before = min(expired_before, first_instant_after(page.ids[0]) + _DAY)
        deleted, end = 0, first_id_at(before)
        while ids := [each for each in page.ids if each < end]:
            await self._delete(owner, ids)
            deleted += len(ids)
            if len(ids) < len(page.ids):
                break
            page = await walk.next_page()
        self._done[owner] = min(walk.done, end - 1)
        log.info(
            "retention.run", before=rfc3339(before), bodies=deleted, of=owner.value
        )
        if page.ids:
            log.warning("retention.limited", until=rfc3339(expired_before))
        return deleted

    async def _delete(self, owner: BodyOwner, ids: Sequence[int]) -> None:
        # While it is deleted, nobody lets a task run again.
        lock = self.store.tasks.lock() if owner is BodyOwner.TASK else nullcontext()
        async with lock:
            await self.store.bodies.delete(owner, ids, self.clock.now())


@attrs.define(eq=False)
class _Walk:
    """Looks through owners, a page at a time; up to `done`, none keeps a body."""

    bodies: BodyStore
    owner: BodyOwner
    before: int
    done: int
    _live: int | None = attrs.field(default=None, init=False)
    _after: int = attrs.field(init=False)

    @_after.default
    def _from_done(self) -> int:
        return self.done

    async def next_page(self) -> BodyPage:
        """Return the next page with something to delete; an empty one at the end."""
        while True:
            page = await self.bodies.look(
                self.owner, after=self._after, before=self.before, limit=BATCH_SIZE
            )
            if page.last is None:
                return page
            self._after, self._live = page.last, self._live or page.live
            self.done = page.last if self._live is None else self._live - 1
            if page.ids:
                return page
