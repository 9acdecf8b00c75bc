"""The log: one JSON line for each request, without anything confidential."""

import asyncio
import json

import aiohttp
import pytest
from yarl import URL

from pushserver.client import ApiError, Client
from pushserver.client.types import CommandInput
from tests.e2e.conftest import DEVICE, MakeDevice
from tests.e2e.raw_connection import connect
from tests.program import Program

ME = str(DEVICE)
#: None of these may be in a log, whatever goes wrong with the request it came in.
SECRETS = ("Walter", "4711-pin", "secret-of-metadata", "query-of-somebody", "photo-of")
COMMAND: CommandInput = {
    "endpoint": "create_objects",
    "body": {"object": "users", "values": [{"name": "Walter", "pin": "4711-pin"}]},
    "queryString": "q=query-of-somebody",
    "metadata": {"note": "secret-of-metadata"},
}


async def everything(program: Program, api: Client, make: MakeDevice) -> list[str]:
    """Do all that can go right or wrong, with secrets in it; return more of them."""
    await api.commands.enqueue(ME, COMMAND)
    await make(program).execute_and_post(await make(program).poll_command())
    key = (await api.devices.create_key(ME))["key"]
    token = (await api.tokens.create("reader", ["devices:read"]))["token"]
    async with aiohttp.ClientSession() as session:
        await _as_device(session, program, key)
        await _as_program(session, program)
    for secret in (token, "wrong-4711-pin"):
        async with Client(program.url, secret) as other:
            with pytest.raises(ApiError):
                await other.commands.enqueue(ME, COMMAND)
    await _as_nobody(program, key, token)
    return [key, token, program.token]


async def _as_device(
    session: aiohttp.ClientSession, program: Program, key: str
) -> None:
    """Post results, readable and not, wherever a device may post them."""
    for path in (f"/d/{key}/result", f"/d//{key}/result", f"/%64/{key}/push/result"):
        for text in (b'{"error":"Walter"}', b'{"response":"4711-pin', b"\xffphoto-of"):
            await _post(session, f"{program.url}{path}?deviceId={ME}", text)
    unknown_request = f"/new_user_identified.fcgi?device_id={ME}&user_name=Walter"
    await _post(session, program.url + unknown_request, b"pin=4711-pin")


async def _as_program(session: aiohttp.ClientSession, program: Program) -> None:
    """Enqueue what is refused."""
    url = f"{program.url}/api/v1/devices/{ME}/commands?query-of-somebody"
    for text in (b'{"endpoint":"Walter/x"}', b'{"4711-pin":1}', b"photo-of"):
        await _post(session, url, text, Authorization=f"Bearer {program.token}")


async def _post(
    session: aiohttp.ClientSession, url: str, text: bytes, **headers: str
) -> None:
    headers["Content-Type"] = "application/json"
    url_as_is = URL(url, encoded=True)
    async with session.post(url_as_is, data=text, headers=headers) as answer:
        await answer.read()


async def _as_nobody(program: Program, key: str, token: str) -> None:
    """Send what the parser of HTTP refuses, with secrets in it."""
    for text in (
        f"POST /d/{key}/result?deviceId={ME} HTTP/1.1\r\nHost: x\r\n"
        'Content-Length: 5\r\n\r\n{"response":"Walter 4711-pin"}',
        f"GET /d/{key}/push?deviceId=\uff11 HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET /d/{key}/push HTTP/1.1\r\nAuthorization: {token}\x00\r\n\r\n",
        f"GET /d/{key}/push HTTP/1.1\r\nHost: x\r\nWalter\r\n\r\n",
        f"Walter /d/{key} 4711-pin\r\n\r\n",
        f"GET /d/{key}/push?deviceId=1 HTTP/1.1\r\nX: {'y' * 20_000}\r\n\r\n",
        f"GET /d/{key}{'/push' * 3000}?deviceId=1 HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        async with connect(program) as (reader, writer), asyncio.timeout(15):
            writer.write(text.encode())
            await reader.readline()


@pytest.mark.proof_on("postgres")
async def test_nothing_private(program: Program, device_of: MakeDevice) -> None:
    """
    No payload, no key and no token is in any line, at the most talkative level.
    """
    program.start(log_level="debug")
    async with Client(program.url, program.token) as api:
        secrets = await everything(program, api, device_of)
    program.stop()
    log = program.log.read_text()

    assert 20 < len(log.splitlines())
    assert [] == [secret for secret in (*SECRETS, *secrets) if secret in log]


@pytest.mark.proof_on("postgres")
async def test_a_line_each(program: Program, device_of: MakeDevice) -> None:
    """
    Every line is JSON; each request but an idle poll has exactly one.
    """
    program.start()
    async with Client(program.url, program.token) as api:
        command = await api.commands.enqueue(ME, {"endpoint": "x"})
        device = device_of(program)
        await device.execute_and_post(await device.poll_command())
        for _ in range(10):
            await device.poll()
        with pytest.raises(ApiError):
            await api.commands.get("1")
    program.stop()
    lines = [json.loads(line) for line in program.log.read_text().splitlines()]

    requests = [line for line in lines if line["event"] == "request"]
    assert [
        ("POST", f"/api/v1/devices/{ME}/commands", 201),
        ("GET", "/push", 200),
        ("POST", "/result", 200),
        ("GET", "/api/v1/commands/1", 404),
    ] == [(each["method"], each["path"], each["status"]) for each in requests]
    assert {command["id"]} == {str(each["command_id"]) for each in requests[:3]}
    assert {"timestamp", "level", "event", "ms"} <= set(requests[0])
    assert lines[0]["store"].split()[0].lower() in program.database
    assert ["server.started", "server.stopping", "server.stopped"] == [
        line["event"] for line in lines if line["event"].startswith("server.")
    ]
