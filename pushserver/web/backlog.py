"""
Connections that wait to be accepted: several are in each turn of the event loop.

uvloop accepts one in a turn. While requests take some milliseconds of each, those who
connect at once would wait for as many turns as there are of them.
"""

import asyncio
import select
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import attrs
import structlog

log = structlog.get_logger(__name__)

#: So many are accepted in one turn at each socket, besides what the loop accepts.
MAX_ACCEPTED = 16


def _by_file(listeners: Iterable[socket.socket]) -> dict[int, socket.socket]:
    return {each.fileno(): each for each in listeners}


@attrs.define(eq=False, repr=False)
class Backlog:
    """What waits at the *listeners*; `create_protocol` makes a connection of it."""

    listeners: Mapping[int, socket.socket] = attrs.field(converter=_by_file)
    create_protocol: Callable[[], asyncio.BaseProtocol]
    _poll: select.poll = attrs.field(factory=select.poll, init=False)
    _has_accepted: bool = attrs.field(default=False, init=False)
    _tasks: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)

    def __attrs_post_init__(self) -> None:
        for file in self.listeners:
            self._poll.register(file, select.POLLIN)

    def accept(self) -> None:
        """Accept some, once a turn; called whenever a connection was made."""
        if self._has_accepted:
            return
        for file, _ in self._poll.poll(0):
            # No more wait, or no file is left for them, which the loop logs.
            with suppress(OSError):
                for _ in range(MAX_ACCEPTED):
                    self._connect(self.listeners[file].accept()[0])

    def _connect(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        if not self._has_accepted:
            self._has_accepted = True
            loop.call_soon(self._begin_turn)
        connection.setblocking(False)
        task = loop.create_task(self._make(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _make(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(self.create_protocol, connection)
        except OSError as error:
            log.info("connection.gone", error=str(error))
            connection.close()

    def _begin_turn(self) -> None:
        self._has_accepted = False
