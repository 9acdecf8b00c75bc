"""A device on a slow line, in front of the real program."""

import asyncio

import pytest

from pushserver.client import Client
from tests.e2e.conftest import DEVICE
from tests.program import Program
from tests.slow_reader import SlowReader, slow_reader

ME = str(DEVICE)
QUERY = f"deviceId={ME}&uuid=u1"
PHOTO = bytes(9_000_000)


async def read_slowly(device: SlowReader) -> None:
    """Poll, and read a third of the answer in three seconds, then the rest."""
    length = 0
    # Another server than the one that took the command may not have heard of it yet.
    while length == 0:
        await device.send(f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        _, length = await device.read_answer()
    for _ in range(30):
        length -= len(await device.read(100_000))
        await asyncio.sleep(0.1)
    device.widen()
    assert length == len(await device.read(length))


async def post_slowly(device: SlowReader) -> bytes:
    """Post a result, of which a byte comes at a time; return the answer's head."""
    body = b'{"response":' + b" " * 20 + b"{}}"
    head = (
        f"POST /result?{QUERY} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    )
    await device.send(f"{head}\r\n".encode())
    for place in range(len(body)):
        await device.send(body[place : place + 1])
        await asyncio.sleep(0.1)
    return (await device.read_answer())[0]


async def run_photo(program: Program) -> None:
    """Expect that a photo goes out once, and that its result counts, both slowly."""
    async with Client(program.url, program.token) as api:
        command = await api.commands.enqueue_bytes(
            ME, PHOTO, {"endpoint": "user_set_image"}
        )
        async with asyncio.timeout(110), slow_reader(program.url) as device:
            await read_slowly(device)
            answer = await post_slowly(device)
        after = await api.commands.get(command["id"])

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert ("SUCCESSFUL", 1) == (after["state"], after["attempts"])


@pytest.mark.proof_on("postgres")
async def test_photo(program: Program) -> None:
    """
    A photo may take longer to arrive than its device may take to answer.
    """
    program.start(response_timeout=1, grace=0.5)

    await run_photo(program)


@pytest.mark.only_on("postgres")
async def test_photo_over_one_of_many_servers(program: Program) -> None:
    """
    Also where another server is the one that gives up what is overdue.
    """
    program.start(response_timeout=2, grace=1, workers=3)

    await run_photo(program)
