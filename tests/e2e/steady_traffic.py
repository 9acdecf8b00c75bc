"""Many devices that poll at a steady rate, at little cost to the machine."""

import asyncio
import json

import attrs
from yarl import URL

from bench.wire import HOST, OK, LoadConnection, connect, poll_request
from tests.e2e.traffic import Traffic

#: Seconds after which a server that answers nothing is an error.
_PATIENCE = 40.0
_RESULT_BODY = b'{"response":{}}'


@attrs.define(eq=False)
class SteadyTraffic(Traffic):
    """
    Traffic in which all devices together poll *rate* times a second.

    Each keeps a connection to every server, and waits for its answer before it polls
    again. `polls` counts the answers.
    """

    rate: float = 500.0
    polls: int = 0

    async def _device(self, device: int) -> None:
        loop, period = asyncio.get_running_loop(), len(self.devices) / self.rate
        ports = [URL(server.url).port or 0 for server in self.servers]
        connections = [line for port in ports for line in await connect(port, 1)]
        due = loop.time() + period * self.rng.random()
        while not self.stop.is_set():
            await asyncio.sleep(due - loop.time())
            await self._poll_and_answer(device, connections)
            due = max(due + period, loop.time())
        for line in connections:
            line.close()

    async def _poll_and_answer(
        self, device: int, connections: list[LoadConnection]
    ) -> None:
        """Poll, and post the result of a command until that is acknowledged."""
        uuid = f"{self.rng.getrandbits(64):x}"
        request = poll_request(device, uuid)
        status, body = await self._send(connections, "push", request)
        self.polls += 1
        if not body:
            return
        n = json.loads(body)["body"]["n"]
        self.received[n] += 1
        status = 0
        while status != OK:
            status, _ = await self._send(connections, "result", _result(device, uuid))
        self.answered.add(n)

    async def _send(
        self, connections: list[LoadConnection], kind: str, request: bytes
    ) -> tuple[int, bytes]:
        """Send it to a server; return the answer's status and body."""
        future = asyncio.get_running_loop().create_future()
        connection = self.rng.choice(connections)
        connection.send(request, lambda *answer: future.set_result(answer))
        async with asyncio.timeout(_PATIENCE):
            status, body = await future
        self.statuses[kind, status] += 1
        return status, body


def _result(device: int, uuid: str) -> bytes:
    return (
        f"POST /result?deviceId={device}&uuid={uuid} HTTP/1.1\r\nHost: {HOST}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(_RESULT_BODY)}\r\n\r\n"
    ).encode() + _RESULT_BODY
