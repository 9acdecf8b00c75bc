"""The same bytes to two servers, one with the fast lane and one without."""

import array
import asyncio
import fcntl
import random
import re
import termios
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any
from unittest.mock import patch

import attrs
from structlog.testing import capture_logs

from pushserver.model.device import Device
from pushserver.model.secret import hash_secret
from pushserver.web import body
from pushserver.web import server as web_server
from pushserver.web.connection import HttpConnection
from tests.clock import ManualClock
from tests.database_rows import every_row
from tests.sqlite import copy_new_store
from tests.web.local_server import LocalServer, running_server, wait_until

#: Devices that are known: one is held, another has this key. Others are strangers.
ADOPTED, KEYED, HELD = 77, 78, 79
KEY = "k" * 32
#: What a program and its devices change; the rest is of the server's own.
_TABLES = frozenset(
    {"command", "delivery", "result", "event", "audit", "idempotency_key", "device"}
)
_DATE = re.compile(rb"Date: [^\r]*\r\n")
_HANG_UPS = ("hang_up_count", "shortest_aborted_hold", "was_last_poll_idle")
_CLOSE = b"Connection: close\r\n"
#: Nobody waits long until the server drops no more of a body, or expects none any more.
_SHORT_WAITS = (
    (body, "UNANNOUNCED_WAIT", 0.5),
    (web_server, "LINGER", 0.5),
    (body, "LINGER", 0.5),
    (HttpConnection.end_body, "__defaults__", (0.5,)),
)
_SUBSCRIPTION = {
    "url": "http://127.0.0.1:1/",
    "events": ["command.status", "result.orphaned"],
}


@attrs.frozen
class Talk:
    """
    What a client sends, in pieces; before each, all is answered that can be.

    Then it closes its side, or with `ends_early` already after the last piece.
    """

    pieces: Sequence[bytes]
    ends_early: bool = False


@attrs.frozen
class Outcome:
    """
    What came of it: the answer without its date, log lines, counts, and devices.

    There is no answer if the connection was reset, as it is when the server closes
    before it has read all: what of it arrived is a matter of chance.
    """

    answer: bytes | None
    lines: Sequence[Mapping[str, Any]]
    counts: Mapping[str, int]
    devices: Sequence[Mapping[str, Any]]


@attrs.frozen(eq=False)
class Side:
    """One of the two servers, and where its database is."""

    server: LocalServer
    path: Path

    async def talk(self, talk: Talk, seed: int = 0) -> Outcome:
        """Talk to the server over a connection of its own."""
        # Requests without an id are given one at random.
        random.seed(seed)
        services = self.server.services
        services.counts.clear()
        self.server.clock.tick(seconds=1)
        with capture_logs() as lines:
            answer = await self._talk(talk)
            await services.lanes.background_tasks.wait_all()
        for line in lines:
            line.pop("ms", None)
        # What is broken is noticed when it comes: before or after what is in front.
        lines.sort(key=itemgetter("event"))
        answer = None if answer is None else _DATE.sub(b"", answer)
        devices = [_described(device) for device in services.devices]
        if talk.ends_early:
            # Whether the server saw the end before the last request is a matter of
            # chance: a poll is held until then, or not at all.
            answer = answer and answer.replace(_CLOSE, b"")
            devices = [_without_hang_ups(device) for device in devices]
        return Outcome(answer, lines, dict(services.counts), devices)

    async def _talk(self, talk: Talk) -> bytes | None:
        with _accepted() as accepted:
            async with self.server.connect() as (reader, writer), asyncio.timeout(10):
                await wait_until(lambda: bool(accepted))
                try:
                    await self._send(talk, writer, accepted[0])
                    return await self._read(reader, accepted[0])
                except ConnectionError:
                    return None

    async def _send(
        self, talk: Talk, writer: asyncio.StreamWriter, connection: HttpConnection
    ) -> None:
        """Send the pieces as long as the server takes any, and end."""
        transport = writer.transport
        for piece in talk.pieces:
            await wait_until(lambda: self._has_settled(connection, transport))
            if connection.transport is None:
                return
            writer.write(piece)
        if not talk.ends_early:
            await wait_until(lambda: self._has_settled(connection, transport))
        if connection.transport is not None:
            writer.write_eof()

    def _has_settled(
        self, connection: HttpConnection, client: asyncio.WriteTransport
    ) -> bool:
        """Tell whether the server waits for its client, or for a command to come."""
        is_dropping = connection.is_receiving or connection._is_lingering
        is_waiting = is_dropping or connection._wakeup is not None
        is_over = connection.transport is None or connection.is_idle
        is_held = len(self.server.services.holds) > 0
        is_sent = client.get_write_buffer_size() == 0 or connection.transport is None
        is_read = is_sent and _has_read(connection)
        return is_read and (is_held or is_waiting or is_over)

    async def _read(
        self, reader: asyncio.StreamReader, connection: HttpConnection
    ) -> bytes:
        """Read to the end; whoever ends while a command is looked for is held."""
        reading = asyncio.ensure_future(reader.read())

        def is_read() -> bool:
            if connection.is_half_closed:
                self.server.services.holds.release(HELD)
            return reading.done()

        await wait_until(is_read)
        return await reading

    def rows(self) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """Return what programs and devices have had stored."""
        return [
            each for each in every_row(f"sqlite:///{self.path}") if each[0] in _TABLES
        ]


@attrs.frozen(eq=False)
class BothWays:
    """The two servers: they have the same past."""

    fast: Side
    plain: Side

    async def talk(self, talk: Talk, seed: int = 0) -> tuple[Outcome, Outcome]:
        """Return what came of a talk with each server."""
        outcomes = [await side.talk(talk, seed) for side in (self.plain, self.fast)]
        if any(each.answer is None for each in outcomes):
            outcomes = [attrs.evolve(each, answer=None) for each in outcomes]
        return outcomes[0], outcomes[1]


@asynccontextmanager
async def both_ways(folder: Path, **options: Any) -> AsyncIterator[BothWays]:
    """Run both servers for the length of the block."""
    async with AsyncExitStack() as stack:
        for target, name, value in _SHORT_WAITS:
            stack.enter_context(patch.object(target, name, value))
        sides = []
        for is_fast in (True, False):
            path = folder / f"{is_fast}.db"
            copy_new_store(path)
            running = running_server(
                f"sqlite:///{path}",
                ManualClock(),
                fast_lane=is_fast,
                webhook_allow_http=True,
                webhook_allow_networks="127.0.0.0/8",
                **options,
            )
            server = await stack.enter_async_context(running)
            await _prepare(server)
            sides.append(Side(server, path))
        yield BothWays(*sides)


async def _prepare(server: LocalServer) -> None:
    random.seed(0)
    for device_id in (ADOPTED, KEYED, HELD):
        hold = 60 if device_id == HELD else 0
        await server.api("PUT", f"/devices/{device_id}", {"hold": hold})
    keyed = server.services.devices.find_in_any_scope(KEYED)
    assert keyed is not None
    keyed.key_hash = hash_secret(KEY)
    created = await server.api("POST", "/subscriptions", _SUBSCRIPTION)
    assert 201 == created.status, created.body


@contextmanager
def _accepted() -> Iterator[list[HttpConnection]]:
    """Give a list of the connections that the server accepts in the block."""
    accepted: list[HttpConnection] = []
    original = HttpConnection.connection_made

    def connection_made(
        connection: HttpConnection, transport: asyncio.BaseTransport
    ) -> None:
        accepted.append(connection)
        original(connection, transport)

    with patch.object(HttpConnection, "connection_made", connection_made):
        yield accepted


def _described(device: Device) -> Mapping[str, Any]:
    """Return all that is known of a device; how long its polls waited is real time."""
    fields = attrs.asdict(device)
    del fields["known_poll"]
    fields["shortest_aborted_hold"] = device.shortest_aborted_hold is not None
    # The next talk's polls are held as long as this one's were.
    device.shortest_aborted_hold, device.hang_up_count = None, 0
    device.was_last_poll_idle = False
    return fields


def _without_hang_ups(device: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in device.items() if name not in _HANG_UPS}


def _has_read(connection: HttpConnection) -> bool:
    """Tell whether the server has parsed all that was sent, or has closed."""
    if connection.transport is None:
        return True
    if connection._unparsed and not connection._is_paused:
        return False
    waiting = array.array("i", [0])
    fcntl.ioctl(connection.file_number, termios.FIONREAD, waiting)
    return waiting[0] == 0
