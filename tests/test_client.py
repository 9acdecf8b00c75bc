"""The client against a real server: each call, and each way in which it fails."""

import secrets
from collections.abc import AsyncIterator, Iterator
from functools import partial

import aiohttp
import pytest

from pushserver.client import (
    CSV,
    ApiError,
    Client,
    Unreachable,
    iter_items,
)
from pushserver.client.types import CommandInput, PhasesInput, StepInput, TargetsInput
from pushserver.simulate import DeviceHttpClient, ExecutionResult, SimulatedDevice
from tests.program import Program

USERS: CommandInput = {"endpoint": "load_objects", "body": {"object": "users"}}

REBOOT: CommandInput = {"endpoint": "reboot"}
STEP: StepInput = {"endpoint": "load_objects", "body": {"object": "users"}}


@pytest.fixture(name="server", scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One program for all tests here: each has a device of its own."""
    program = Program(tmp_path_factory.mktemp("server"))
    program.start()
    yield program
    program.stop()


@pytest.fixture(name="api")
async def _api(server: Program) -> AsyncIterator[Client]:
    """A client with the administrator's token; a slash at the end does no harm."""
    async with Client(server.url + "/", server.token) as client:
        yield client


@pytest.fixture(name="device")
async def _device(server: Program) -> AsyncIterator[SimulatedDevice]:
    """A terminal that the server does not know yet."""
    async with aiohttp.ClientSession() as session:
        line = DeviceHttpClient(server=server.url, session=session)
        yield SimulatedDevice(device_id=secrets.randbelow(2**62), http=line)


@pytest.fixture(name="device_id")
def _device_id(device: SimulatedDevice) -> str:
    return str(device.device_id)


async def test_life_of_a_command(
    api: Client, device: SimulatedDevice, device_id: str
) -> None:
    """
    A command is enqueued, polled, answered, and its outcome read.
    """
    enqueued = await api.commands.enqueue(device_id, USERS)
    order = await device.poll_command()
    await device.execute_and_post(order, ExecutionResult(response={"users": []}))
    command = await api.commands.get(enqueued["id"])

    assert "PENDING" == enqueued["state"]
    assert {"object": "users"} == order.body
    assert "SUCCESSFUL" == command["state"]
    assert {"users": []} == command["result"]["response"]


async def test_result_as_it_was_posted(
    api: Client, device: SimulatedDevice, device_id: str
) -> None:
    """
    A result's bytes and type are the device's own.
    """
    command = await api.commands.enqueue(device_id, USERS)
    await device.execute_and_post(
        await device.poll_command(), ExecutionResult(response="ü")
    )

    content, kind = await api.commands.result(command["id"])
    assert '{"response":"ü"}'.encode() == content
    assert "application/json" == kind


async def test_many_or_none(api: Client, device_id: str) -> None:
    """
    Several commands are enqueued in order; one bad one, and none is.
    """
    orders: list[CommandInput] = [{"endpoint": f"step_{n}"} for n in range(3)]
    commands = await api.commands.enqueue_many(device_id, orders)
    with pytest.raises(ApiError) as refused:
        await api.commands.enqueue_many(device_id, [*orders, {"endpoint": "a/b"}])

    assert ["step_0", "step_1", "step_2"] == [each["endpoint"] for each in commands]
    assert 422 == refused.value.status
    assert 3 == len((await api.commands.list(deviceId=device_id))["items"])


async def test_bytes(api: Client, device: SimulatedDevice, device_id: str) -> None:
    """
    Raw bytes arrive at the device byte for byte, with their query string.
    """
    photo = secrets.token_bytes(50_000)
    await api.commands.enqueue_bytes(
        device_id,
        photo,
        {"endpoint": "user_set_image", "queryString": "user_id=7&match=0"},
    )
    order = await device.poll_command()

    assert photo == order.decode_bytes()
    assert {"user_id": "7", "match": "0"} == order.query


async def test_same_key_same_command(api: Client, device_id: str) -> None:
    """
    With the same Idempotency-Key a command is enqueued once.
    """
    key = secrets.token_hex()
    first = await api.commands.enqueue(device_id, USERS, idempotency_key=key)
    second = await api.commands.enqueue(device_id, USERS, idempotency_key=key)
    with pytest.raises(ApiError) as refused:
        await api.commands.enqueue(device_id, REBOOT, idempotency_key=key)

    assert first["id"] == second["id"]
    assert "urn:pushserver:problem:idempotency-mismatch" == refused.value.type


async def test_wait_that_is_in_vain(api: Client, device_id: str) -> None:
    """
    Waiting for a device that never polls ends with the command as it is.
    """
    command = await api.commands.enqueue(device_id, USERS, wait=1)

    assert "PENDING" == command["state"]
    assert "PENDING" == (await api.commands.get(command["id"], wait=1))["state"]


async def test_cancel_and_retry(api: Client, device_id: str) -> None:
    """
    A command is canceled once, and a new one like it made.
    """
    command = await api.commands.enqueue(device_id, USERS)
    canceled = await api.commands.cancel(command["id"])
    with pytest.raises(ApiError) as refused:
        await api.commands.cancel(command["id"])
    again = await api.commands.retry(command["id"])

    assert "CANCELED" == canceled["state"]
    assert (409, "urn:pushserver:problem:conflict") == (
        refused.value.status,
        refused.value.type,
    )
    assert ("PENDING", "load_objects") == (again["state"], again["endpoint"])


async def test_pages(
    api: Client, device_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A list is read page by page, to its end or to a limit.
    """
    monkeypatch.setattr("pushserver.client.pages.MAX_PAGE_SIZE", 2)
    commands = await api.commands.enqueue_many(device_id, [USERS] * 5)
    ids = [each["id"] for each in reversed(commands)]

    assert ids == [
        c["id"] async for c in iter_items(api.commands.list, deviceId=device_id)
    ]
    assert ids[:3] == [
        c["id"] async for c in iter_items(api.commands.list, 3, deviceId=device_id)
    ]


async def test_states_are_a_filter(api: Client, device_id: str) -> None:
    """
    A filter may be repeated.
    """
    first = await api.commands.enqueue(device_id, USERS)
    await api.commands.cancel(first["id"])
    second = await api.commands.enqueue(device_id, USERS)
    both = await api.commands.list(deviceId=device_id, state=["CANCELED", "PENDING"])

    assert [second["id"], first["id"]] == [each["id"] for each in both["items"]]
    assert (
        [] == (await api.commands.list(deviceId=device_id, state=["FAILED"]))["items"]
    )


async def test_results_go_on_at_the_cursor(
    api: Client, device: SimulatedDevice, device_id: str
) -> None:
    """
    Results are read on from a cursor; the wait for one ends when it comes.
    """
    for _ in range(2):
        await api.commands.enqueue(device_id, USERS)
        await device.execute_and_post(await device.poll_command())
    first = await api.results.list(deviceId=device_id, limit=1)
    second = await api.results.list(
        deviceId=device_id, cursor=first["nextCursor"], wait=20, orphan=False
    )

    assert [1, 1] == [len(page["items"]) for page in (first, second)]
    assert first["items"][0]["id"] != second["items"][0]["id"]


async def test_devices(api: Client, device_id: str) -> None:
    """
    A device is created, changed, listed, and removed.
    """
    await api.devices.put(device_id, name="Door", tags={"at": device_id})
    await api.devices.patch(device_id, hold=5)
    device = await api.devices.get(device_id)
    listed = await api.devices.list(tag=[f"at:{device_id}"])
    await api.devices.delete(device_id)

    assert ("Door", 5) == (device["name"], device["hold"])
    assert [device_id] == [each["deviceId"] for each in listed["items"]]
    with pytest.raises(ApiError, match=device_id):
        await api.devices.get(device_id)


async def test_adopt(api: Client, device: SimulatedDevice, device_id: str) -> None:
    """
    A device that polled by itself is in quarantine until it is adopted.
    """
    await device.poll()
    before = await api.devices.get(device_id)
    after = await api.devices.adopt(device_id)

    assert ("quarantined", "adopted") == (before["state"], after["state"])


async def test_key(
    server: Program, api: Client, device: SimulatedDevice, device_id: str
) -> None:
    """
    A device with a key is served under it.
    """
    await api.devices.put(device_id)
    key = await api.devices.create_key(device_id, enforce=True)
    await api.commands.enqueue(device_id, USERS)
    keyed = DeviceHttpClient(
        server=server.url, session=device.http.session, key=key["key"]
    )

    assert f"/d/{key['key']}" == key["path"]
    assert await device.poll() is None
    assert await SimulatedDevice(device_id=device.device_id, http=keyed).poll()


async def test_import(api: Client, device_id: str) -> None:
    """
    A fleet is imported from NDJSON and from CSV; a second time changes nothing.
    """
    line = f'{{"deviceId":"{device_id}","name":"Gate"}}\n'.encode()
    table = f"deviceId,name\n{device_id},Gate\n".encode()

    assert {
        "created": 1,
        "updated": 0,
        "unchanged": 0,
    } == await api.devices.import_file(line)
    assert {
        "created": 0,
        "updated": 0,
        "unchanged": 1,
    } == await api.devices.import_file(table, CSV)


async def test_tokens(server: Program, api: Client) -> None:
    """
    A token opens what it permits, and nothing once it is revoked.
    """
    token = await api.tokens.create("script", ["results:read"])
    listed = await api.tokens.list()
    async with Client(server.url, token["token"]) as script:
        await script.results.list(limit=1)
        with pytest.raises(ApiError) as forbidden:
            await script.devices.list()
        await api.tokens.revoke(token["id"])
        with pytest.raises(ApiError) as unknown:
            await script.results.list(limit=1)

    assert token["id"] in [each["id"] for each in listed["items"]]
    assert token["token"] not in str(listed)
    assert [403, 401] == [forbidden.value.status, unknown.value.status]


async def test_operation_told_of_from_outside(api: Client, device_id: str) -> None:
    """
    An operation without steps follows its notifications, and is ended by one.
    """
    await api.devices.put(device_id)
    operation = await api.operations.create(device_id, [], resource="download")
    await api.operations.add_notification(operation["id"], 5, message="begun")
    await api.operations.add_notification(operation["id"], 100, status="COMPLETED")
    notifications = [
        each
        async for each in iter_items(
            partial(api.operations.notifications, operation["id"])
        )
    ]
    ended = await api.operations.get(operation["id"])

    assert [(5, "begun"), (100, None)] == [
        (each["progress"], each.get("message")) for each in notifications
    ]
    assert ("download", "COMPLETED", 100) == (
        ended["resource"],
        ended["status"],
        ended["progress"],
    )
    with pytest.raises(ApiError, match="has ended"):
        await api.operations.cancel(operation["id"])


async def test_task(api: Client, device_id: str) -> None:
    """
    A task is made once under one key, and its operation is the device's.
    """
    await api.devices.put(device_id, tags={"at": device_id})
    targets: TargetsInput = {"tags": {"at": device_id}}
    key = secrets.token_hex()
    expected = await api.tasks.preview(targets, [STEP])
    created = [
        await api.tasks.create(targets, [STEP], idempotency_key=key) for _ in "ab"
    ]
    paused = await api.tasks.pause(created[0]["id"])
    operations = await api.operations.list(taskId=created[0]["id"])

    assert [device_id] == expected["deviceIds"]
    assert created[0]["id"] == created[1]["id"]
    assert "PAUSED" == paused["state"]
    assert [device_id] == [each["deviceId"] for each in operations["items"]]


async def test_upgrade(api: Client, device_id: str) -> None:
    """
    An upgrade is made once under one key, and its device is listed.
    """
    await api.devices.put(device_id, tags={"at": device_id})
    targets: TargetsInput = {"tags": {"at": device_id}}
    key = secrets.token_hex()
    phases: PhasesInput = {
        "download": [STEP],
        "apply": [STEP],
        "verify": {"command": STEP, "versionPointer": "/version"},
    }
    arguments = (targets, "2.0", phases)
    expected = await api.upgrades.preview(*arguments)
    created = [await api.upgrades.create(*arguments, idempotency_key=key) for _ in "ab"]
    paused = await api.upgrades.pause(created[0]["id"])
    listed = await api.upgrades.devices(created[0]["id"], state="waiting")
    resumed = await api.upgrades.resume(created[0]["id"])
    canceled = await api.upgrades.cancel(created[0]["id"])
    newest = await api.upgrades.list(limit=1)

    assert [device_id] == expected["deviceIds"]
    assert created[0]["id"] == created[1]["id"] == newest["items"][0]["id"]
    assert ["PAUSED", "RUNNING", "CANCELED"] == [
        each["state"] for each in (paused, resumed, canceled)
    ]
    assert [device_id] == [each["deviceId"] for each in listed["items"]]
    assert 1 == (await api.upgrades.get(created[0]["id"]))["results"]["FAIL"]


async def test_openapi_and_health(server: Program) -> None:
    """
    The description and the health need no token.
    """
    async with Client(server.url) as anyone:
        document = await anyone.openapi()
        health = await anyone.probe("/healthz")

    assert document["openapi"].startswith("3.1")
    assert 200 == health.status


async def test_refusal_names_the_field(api: Client, device_id: str) -> None:
    """
    A refusal carries the problem: status, type, title, detail and pointer.
    """
    with pytest.raises(ApiError) as refused:
        await api.commands.enqueue(device_id, {"endpoint": "x", "verb": "DELETE"})
    problem = refused.value

    assert (422, "urn:pushserver:problem:invalid") == (problem.status, problem.type)
    assert problem.title
    assert problem.detail in str(problem)
    assert "verb" in (problem.pointer or "")
    assert not problem.is_transient


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [("/elsewhere", 404, "nothing at"), ("/api/notifications", 200, "without JSON")],
)
async def test_stranger(server: Program, path: str, status: int, words: str) -> None:
    """
    An address that is no API is said to be none.
    """
    async with Client(server.url + path) as client:
        with pytest.raises(ApiError, match=words) as refused:
            await client.devices.list()

    assert status == refused.value.status


async def test_nobody_there() -> None:
    """
    A server that cannot be reached is said with its address.
    """
    async with Client("http://127.0.0.1:1", "pst_x") as client:
        with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1"):
            await client.devices.list()


async def test_needs_its_block() -> None:
    """
    A client outside of its block says how it is used.
    """
    with pytest.raises(RuntimeError, match="async with"):
        await Client("http://127.0.0.1:1").devices.list()


def test_token_is_not_shown() -> None:
    """
    No trace shows the token.
    """
    assert "pst_secret" not in repr(Client("http://x", "pst_secret"))
