"""Answers that are read for long end with their token."""

import json
import os

from pushserver.model.blob import BLOB_PIECE_SIZE
from tests.each_case import each_case
from tests.slow_reader import SlowReader, slow_reader
from tests.web.api.test_blobs import upload
from tests.web.local_server import LocalServer

NDJSON = {"Content-Type": "application/x-ndjson"}
#: More than the kernel keeps for a peer that does not read.
TAGS = {f"k{number}": "x" * 75 for number in range(100)}
DEVICES = range(1, 801)


async def ask(reader: SlowReader, path: str, secret: str) -> bytes:
    """Ask for a long answer, and read how it begins."""
    head = f"GET /api/v1{path} HTTP/1.1\r\nHost: x\r\n"
    await reader.send(f"{head}Authorization: Bearer {secret}\r\n\r\n".encode())
    return await reader.read(1000)


@each_case("kind", ["csv", "ndjson"])
async def test_export(server: LocalServer, kind: str) -> None:
    """
    An export breaks off when its token is revoked: what is set later is not in it.
    """
    rows = [json.dumps({"deviceId": str(n), "tags": TAGS}) for n in DEVICES]
    await server.api(
        "POST", "/devices/import", "\n".join(rows).encode(), headers=NDJSON
    )
    created = await server.api(
        "POST", "/tokens", {"name": "x", "permissions": ["devices:read"]}
    )
    token = created.json()
    later = f"named after the token of {kind} was revoked"
    async with slow_reader(server.url) as reader:
        path = f"/devices/export?format={kind}"
        beginning = await ask(reader, path, token["token"])
        revoked = await server.api("DELETE", f"/tokens/{token['id']}")
        await server.api("PATCH", f"/devices/{DEVICES[-1]}", {"name": later})
        reader.widen()
        rest = await reader.read_to_the_end()

    assert beginning.startswith(b"HTTP/1.1 200 OK")
    assert 204 == revoked.status
    assert later.encode() not in rest
    assert not rest.endswith(b"0\r\n\r\n")


async def test_blob(server: LocalServer) -> None:
    """
    The download of a blob breaks off when its token is revoked.
    """
    content = os.urandom(12 * BLOB_PIECE_SIZE)
    sha256 = (await upload(server, content)).json()["id"]
    created = await server.api(
        "POST", "/tokens", {"name": "x", "permissions": ["commands:read"]}
    )
    token = created.json()
    async with slow_reader(server.url) as reader:
        beginning = await ask(reader, f"/blobs/{sha256}", token["token"])
        await server.api("DELETE", f"/tokens/{token['id']}")
        reader.widen()
        rest = await reader.read_to_the_end()

    assert beginning.startswith(b"HTTP/1.1 200 OK")
    assert len(content) > len(beginning + rest)
