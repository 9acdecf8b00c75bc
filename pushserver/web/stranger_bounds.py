"""A connection on which requests of strangers take room while they wait.

A request under way takes more memory than most heads. One that is answered at once
hardly has it; but a stranger may let it wait for a body, or for a reader. Devices and
programs that were let in may do so, too, and need no room for it here.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from pushserver.fair_turns import CALLER, DEVICES
from pushserver.web.head_bounds import HeadBoundedConnection
from pushserver.web.head_budget import HeadBudget

#: What a request under way takes: its task, its handler, and what these call; and what
#: one takes that is to be started.
REQUEST_BYTES, UNSTARTED_BYTES = 10_240, 6_144


class StrangerBoundedConnection(HeadBoundedConnection):
    """
    A connection that is closed when there is no room for a stranger's request to wait.

    Whose request is under way may have been let in though no token is known of it:
    `is_let_in`, as a device is that gets a command, or whom the fast lane serves.
    """

    __slots__ = ("is_let_in",)

    def __init__(
        self, server: web.Server, head_budget: HeadBudget, **kwargs: Any
    ) -> None:
        super().__init__(server, head_budget, **kwargs)
        self.is_let_in = False

    @property
    def _serves_stranger(self) -> bool:
        """Tell whether nobody was let in whose request this is."""
        return CALLER.get() == DEVICES and not self.is_let_in

    def begin_wait(
        self,
        size: int = REQUEST_BYTES,
        *,
        for_peer: bool = True,
        is_excused: bool = True,
    ) -> None:
        """
        Take room for a request that waits from now on, and takes *size* bytes.

        One that waits *for_peer* is cancelled when others need its room. Unless it
        *is_excused*, it leaves them some, as who holds much does.

        Raises:
            CancelledError: there is none, or nobody to wait for.
        """
        if not self._serves_stranger:
            return
        self._request_bytes, self._is_excused = size, is_excused
        self._take_room()
        if self.transport is None:
            raise asyncio.CancelledError
        if for_peer and self._room_taken:
            self._head_budget.waiting.setdefault(self)

    def end_wait(self) -> None:
        """Give back what the request took, as it goes on."""
        if self._request_bytes:
            self._request_bytes = 0
            self._head_budget.waiting.pop(self, None)
            self._take_room()

    @contextmanager
    def waiting_here(self) -> Iterator[None]:
        """Take room in the block, in which a request waits for this server."""
        self.begin_wait(for_peer=False, is_excused=False)
        try:
            yield
        finally:
            self.end_wait()

    def end_for_others(self) -> None:
        """Close the connection, and cancel what waits, of which nothing is left."""
        # An error would be answered, and have tracebacks that keep all of it.
        task = self._task_handler if self._request_bytes else None
        super().end_for_others()
        if task is not None:
            task.cancel()

    async def _drain_helper(self) -> None:
        """Wait as all do; a stranger's answer that is not taken needs room."""
        if self.transport is not None:
            self.begin_wait(REQUEST_BYTES + self.transport.get_write_buffer_size())
        try:
            await super()._drain_helper()
        finally:
            self.end_wait()
