"""Notices that the wall clock has jumped, and corrects what instants are called."""

from collections.abc import Sequence

import attrs
import structlog

from pushserver.clock import CORRECTIONS, JUMP_TOLERANCE, SECOND, Clock
from pushserver.storage.base import Store
from pushserver.storage.clock import ServerClock

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class ClockWatch:
    """
    Follows the wall clock. Server time itself goes on as time passes.

    `servers` are the clocks of all servers over the store.
    """

    store: Store
    clock: Clock
    servers: Sequence[ServerClock] = attrs.field(default=(), init=False)
    _suspected: int = attrs.field(default=0, init=False)

    async def follow(self) -> int:
        """
        Correct what instants are called if the wall clock has jumped; return if it had.

        Two looks have to agree: one may have been interrupted between two clocks. The
        leader looks for all servers.

        Raises:
            Unavailable: the store is away; a later call corrects it.
        """
        correction = self.clock.wall_ahead()
        jump, suspected = correction - CORRECTIONS.current, self._suspected
        self._suspected = jump if abs(jump) > JUMP_TOLERANCE else 0
        if not self._suspected or abs(jump - suspected) > JUMP_TOLERANCE:
            return 0
        if not self.store.is_leader:
            return await self._ask_leader()
        await self.store.clock.correct_clock(correction)
        log.warning("clock.jumped", seconds=jump / SECOND)
        self._suspected = 0
        return 1

    async def _ask_leader(self) -> int:
        """Go by the leader's time if it is another one: this machine stood still."""
        behind = await self.store.clock.follow_leader()
        if behind:
            log.warning("clock.disagreed", seconds=behind / SECOND)
        return int(behind != 0)

    async def anchor(self) -> int:
        """
        Store what time it is, so that a restart can go on from there.

        Raises:
            Unavailable: the store is away.
        """
        self.servers = await self.store.clock.anchor_clock()
        return 0
