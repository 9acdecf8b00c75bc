"""The life of a device, from its first poll on, over the real wire."""

import asyncio
import hashlib
import json
import random

import aiohttp
import attrs
import pytest

from pushserver.client import Client
from pushserver.client.types import CommandInput, EnqueueBytesQuery
from tests.e2e.conftest import DEVICE, MakeDevice
from tests.e2e.raw_connection import connect
from tests.program import Program
from tests.web.local_server import wait_until

ME = str(DEVICE)
#: The result on the vendor's page.
USERS = {
    "users": [
        {
            "id": 1,
            "registration": "Test",
            "name": "Walter White",
            "password": "Heisenberg",
            "salt": "",
            "expires": 0,
            "user_type_id": 0,
            "begin_time": 0,
            "end_time": 0,
        }
    ]
}
LOAD_USERS: CommandInput = {"endpoint": "load_objects", "body": {"object": "users"}}
OPEN_DOOR: CommandInput = {
    "endpoint": "execute_actions",
    "body": {"actions": [{"action": "door", "parameters": "door=1"}]},
}


async def test_whole_life(server: Program, api: Client, device_of: MakeDevice) -> None:
    """
    A device polls, is found, adopted, asked, given a key, and forgotten.
    """
    device = device_of(server)

    assert await device.poll() is None
    (found,) = (await api.devices.list(state="quarantined"))["items"]
    assert ME == found["deviceId"]
    assert "adopted" == (await api.devices.adopt(ME))["state"]

    command = await api.commands.enqueue(ME, LOAD_USERS)
    order = await device.poll_command()
    assert ("POST", "load_objects") == (order.verb, order.endpoint)
    assert {"object": "users"} == order.body
    assert 200 == await device.execute_and_post(order)
    done = await api.commands.get(command["id"])
    assert ("SUCCESSFUL", USERS) == (done["state"], done["result"]["response"])
    body, kind = await api.commands.result(command["id"])
    assert ({"response": USERS}, "application/json") == (json.loads(body), kind)

    key = (await api.devices.create_key(ME))["key"]
    device.http = attrs.evolve(device.http, key=key)
    await api.commands.enqueue(ME, LOAD_USERS)
    assert 200 == await device.execute_and_post(await device.poll_command())
    assert await device_of(server).poll() is None

    await api.devices.delete(ME)
    assert await device.poll() is None
    assert 2 == len((await api.commands.list(deviceId=ME, state="SUCCESSFUL"))["items"])


@pytest.mark.proof_on("postgres")
async def test_stringified(server: Program, api: Client, device_of: MakeDevice) -> None:
    """
    A response that is a string of JSON is shown parsed, and stored as it came.
    """
    device = device_of(server, stringified=True, no_uuid=True)
    command = await api.commands.enqueue(ME, LOAD_USERS)

    await device.execute_and_post(await device.poll_command())

    assert USERS == (await api.commands.get(command["id"]))["result"]["response"]
    body, _ = await api.commands.result(command["id"])
    assert USERS == json.loads(json.loads(body)["response"])


@pytest.mark.proof_on("postgres")
async def test_photo(server: Program, api: Client, device_of: MakeDevice) -> None:
    """
    A photo arrives at the device byte for byte.
    """
    rng = random.Random(1)  # noqa: S311 - any bytes do
    photo = b"\xff\xd8\xff\xe0" + rng.randbytes(1_500_000) + b"\xff\xd9"
    device = device_of(server)
    fields: EnqueueBytesQuery = {
        "endpoint": "user_set_image",
        "queryString": "user_id=7&timestamp=1700000000&match=0",
    }

    command = await api.commands.enqueue_bytes(ME, photo, fields)
    await device.execute_and_post(await device.poll_command())

    arrived = device.firmware.gallery.images[7].content
    assert hashlib.sha256(photo).digest() == hashlib.sha256(arrived).digest()
    result = (await api.commands.get(command["id"]))["result"]
    assert (7, True) == (result["response"]["user_id"], result["response"]["success"])


@pytest.mark.proof_on("postgres")
async def test_door_on_a_held_poll(
    server: Program, api: Client, device_of: MakeDevice
) -> None:
    """
    A door opens through a held poll at once, and the program learns of it at once.
    """
    await api.devices.put(ME, hold=30)
    device = device_of(server)
    loop = asyncio.get_running_loop()

    async def serve() -> float:
        order = await device.poll_command()
        arrived = loop.time()
        await device.execute_and_post(order)
        return arrived

    waits = []
    for _ in range(20):
        turn = asyncio.create_task(serve())
        await held(api, 1)
        started_at = loop.time()
        done = await api.commands.enqueue(ME, OPEN_DOOR, wait=20)
        waits.append(await turn - started_at)
        assert "SUCCESSFUL" == done["state"]

    assert 20 == device.firmware.door_openings
    # A held poll would end after thirty seconds; a busy machine is no faster.
    assert 1 > sorted(waits)[10]


async def held(api: Client, polls: int) -> None:
    """Wait until so many polls are held."""

    async def so_many() -> bool:
        held_polls: int = (await api.status())["heldPolls"]
        return polls == held_polls

    await wait_until(so_many)


@pytest.mark.only_on("sqlite")
async def test_five_hundred_a_second(server: Program, api: Client) -> None:
    """
    A device that polls five hundred times a second is never refused.
    """
    await api.devices.put(ME)
    poll = f"GET /push?deviceId={ME} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    heads = []
    async with connect(server) as (reader, writer), asyncio.timeout(60):
        for _ in range(2000):
            writer.write(poll)
            heads.append(await reader.readuntil(b"\r\n\r\n"))

    assert {b"HTTP/1.1 200 OK"} == {head.splitlines()[0] for head in heads}
    assert all(b"Content-Length: 0" in head for head in heads)


@pytest.mark.only_on("sqlite")
async def test_five_hundred_connections_a_second(server: Program, api: Client) -> None:
    """
    Nor one that opens a connection for each.
    """
    await api.devices.put(ME)
    url = f"{server.url}/push?deviceId={ME}"
    connector = aiohttp.TCPConnector(limit=50, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def poll() -> int:
            async with session.get(url) as answer:
                return answer.status

        statuses = await asyncio.gather(*(poll() for _ in range(1000)))

    assert {200} == set(statuses)
