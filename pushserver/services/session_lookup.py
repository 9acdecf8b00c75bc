"""Looks sessions up in the store: all that are asked for at a time with one read."""

import asyncio

import attrs

from pushserver.model.session import Session
from pushserver.storage.sessions import SessionStore


@attrs.define(eq=False)
class SessionLookup:
    """Collects the hashes that one turn of the loop asks for; the read comes after."""

    store: SessionStore
    _asked: dict[str, asyncio.Future[Session | None]] = attrs.field(
        factory=dict, init=False
    )
    _reads: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)

    async def find(self, session_hash: str) -> Session | None:
        """
        Return the session with this hash, expired or not, as it is stored by now.

        Raises:
            Unavailable: the store is away.
        """
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._begin_read)
        found = self._asked.setdefault(session_hash, loop.create_future())
        return await asyncio.shield(found)

    def _begin_read(self) -> None:
        asked, self._asked = self._asked, {}
        read = asyncio.ensure_future(self._read(asked))
        self._reads.add(read)
        read.add_done_callback(self._reads.discard)

    async def _read(self, asked: dict[str, asyncio.Future[Session | None]]) -> None:
        try:
            sessions = await self.store.find_sessions([*asked])
        except Exception as error:  # noqa: BLE001 - told to all who asked
            for each in asked.values():
                each.set_exception(error)
                each.exception()  # perhaps nobody waits for it any more
            return
        found = {session.hash: session for session in sessions}
        for session_hash, each in asked.items():
            each.set_result(found.get(session_hash))
