"""Whoever was let in takes little memory with bodies that stall before their end."""

from contextlib import AsyncExitStack

import pytest

from pushserver.client import Client
from pushserver.web.arriving_bodies import ARRIVING_ROOM
from tests.e2e.raw_connection import connect
from tests.e2e.test_memory import at_most
from tests.e2e.test_memory_of_heads import GARBAGE, OF_EACH, ask
from tests.program import Program

pytestmark = [pytest.mark.proof_on("postgres"), pytest.mark.usefixtures("files")]
#: Bodies that stall: without a bound they would take 230 MiB.
MANY, SIZE = 3000, 60_000
#: What those take that have room, for what is not counted, and what all take.
BOUND = 2 * ARRIVING_ROOM + MANY * OF_EACH + GARBAGE


@pytest.mark.parametrize("who", ["program", "device"])
async def test_stalled(server: Program, api: Client, who: str) -> None:
    """
    Bodies of one token, or of devices whose ids somebody knows, share 32 MiB.
    """
    devices = range(7000, 7050)
    for each in devices:
        await api.devices.put(str(each))
    end = f"Host: x\r\nContent-Length: {SIZE}\r\n\r\n{'[' * (SIZE - 1)}"
    with at_most(server, BOUND):
        async with AsyncExitStack() as stack:
            for number in range(MANY):
                head = f"POST /result?deviceId={7000 + number % 50}&uuid=u HTTP/1.1\r\n"
                if who == "program":
                    head = "POST /api/v1/tasks HTTP/1.1\r\nContent-Type: application/"
                    head += f"json\r\nAuthorization: Bearer {server.token}\r\n"
                _, writer = await stack.enter_async_context(connect(server))
                writer.write(f"{head}{end}".encode())
                await writer.drain()
            await ask(server)
            await ask(server)
