"""Blobs that are purged while they are being sent."""

import os

from pushserver.model.blob import BLOB_PIECE_SIZE
from pushserver.services.blobs import UNUSED_TTL
from tests.slow_reader import slow_reader
from tests.web.api.test_blobs import COMMANDS, set_image, upload
from tests.web.local_server import DEVICE, TOKEN, LocalServer

#: More than the kernel keeps for a peer that does not read.
CONTENT = os.urandom(40 * BLOB_PIECE_SIZE)
LATER = UNUSED_TTL // 1_000_000 + 1


async def test_to_a_program(server: LocalServer) -> None:
    """
    A program that downloads what nothing refers to any more gets a connection that
    breaks off, and never a part as if it were the whole.
    """
    sha256 = (await upload(server, CONTENT)).json()["id"]
    head = f"GET /api/v1/blobs/{sha256} HTTP/1.1\r\nHost: x\r\n"
    async with slow_reader(server.url) as reader:
        await reader.send(f"{head}Authorization: Bearer {TOKEN}\r\n\r\n".encode())
        _, length = await reader.read_answer()
        first_part = await reader.read(1000)
        server.clock.tick(seconds=LATER)
        assert 1 <= await server.services.blobs.purge_unused()
        reader.widen()
        rest = await reader.read_to_the_end()

    assert len(CONTENT) == length
    assert CONTENT.startswith(first_part + rest)
    assert len(first_part + rest) < length


async def test_to_a_device(server: LocalServer) -> None:
    """
    What a device is being sent stays until its command has ended, whoever purges.
    """
    sha256 = (await upload(server, CONTENT)).json()["id"]
    await server.api("POST", COMMANDS, set_image(sha256))
    async with slow_reader(server.url) as reader:
        await reader.send(
            f"GET /push?deviceId={DEVICE} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        )
        _, length = await reader.read_answer()
        first_part = await reader.read(1000)
        server.clock.tick(seconds=2 * LATER)
        await server.services.blobs.purge_unused()
        await server.expire_overdue()
        before = {"before": "2099-01-01T00:00:00Z", "allowFuture": True}
        assert (await server.api("POST", "/purge", before)).json()["done"]
        reader.widen()
        rest = await reader.read(length - len(first_part))

    assert length == len(first_part + rest)
