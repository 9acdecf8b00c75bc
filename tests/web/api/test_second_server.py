"""A change at one server counts at once at the others over the same database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest

from pushserver.errors import Unavailable
from tests.clock import ManualClock
from tests.web.api.operations import STEP
from tests.web.api.tasks import ALL, get_task, post_task
from tests.web.local_server import LOAD_USERS, LocalServer, running_server

pytestmark = pytest.mark.only_on("postgres")
DOOR = 7


@pytest.fixture(name="second_server")
async def _second_server(
    database: str, clock: ManualClock
) -> AsyncIterator[LocalServer]:
    """Return a second server, which gets the first one's notices only when it asks."""
    async with running_server(database, clock) as there:
        member = cast("Any", there.services.store).member
        member._run_task.cancel()
        yield there


async def test_token(server: LocalServer, second_server: LocalServer) -> None:
    """A token is valid everywhere, and refused everywhere once it was revoked."""
    body = {"name": "x", "permissions": ["devices:read"]}
    created = (await server.api("POST", "/tokens", body)).json()
    secret = created["token"]
    valid = await second_server.api("GET", "/devices", token=secret)
    wrong = await second_server.api("GET", "/devices", token="pst_nobody")

    assert 200 == valid.status
    assert 401 == wrong.status


async def test_login_of_kapua(server: LocalServer, second_server: LocalServer) -> None:
    """So it is for the clients of Kapua, and for their sessions."""
    body = {"name": "x", "permissions": ["devices:read"]}
    secret = (await server.api("POST", "/tokens", body)).json()["token"]
    login = "/v1/authentication/apikey"
    headers = {"Content-Type": "application/json"}
    data = f'{{"apiKey":"{secret}"}}'
    answer = await second_server.request("POST", login, data=data, headers=headers)
    session = answer.json()["tokenId"]
    valid = await server.api("GET", "/devices", token=session)
    own = {"Authorization": f"Bearer {session}"}
    await server.request("POST", "/v1/authentication/logout", headers=own)
    ended = await second_server.api("GET", "/devices", token=session)

    assert (200, 200, 401) == (answer.status, valid.status, ended.status)


async def test_device(server: LocalServer, second_server: LocalServer) -> None:
    """A device is there for everybody; one that nobody made is not."""
    await server.api("PUT", f"/devices/{DOOR}", {"name": "door"})
    shown = await second_server.api("GET", f"/devices/{DOOR}")
    missing = await second_server.api("GET", f"/devices/{DOOR + 1}")

    assert "door" == shown.json()["name"]
    assert (404, "not-found", None) == missing.problem


async def test_leaked_key(server: LocalServer, second_server: LocalServer) -> None:
    """A key that was replaced takes no order, also where that is not known yet."""
    await server.api("PUT", f"/devices/{DOOR}", {})
    await second_server.services.cluster_sync.catch_up()
    key, query = f"/devices/{DOOR}/key", f"deviceId={DOOR}"
    old, new = [
        (await server.api("POST", key, {"enforce": True})).json()["path"],
        (await second_server.api("POST", key, {"enforce": True})).json()["path"],
    ]
    await server.enqueue(device_id=DOOR)
    leaked = await server.poll(query, path=f"{old}/push")
    refused = server.services.counts["refused.wrongKey"]
    await server.services.cluster_sync.catch_up()
    right = await server.poll(query, path=f"{new}/push")

    assert (True, False) == (leaked.is_empty, right.is_empty)
    assert 0 == refused


async def test_result_with_a_leaked_key(
    server: LocalServer, second_server: LocalServer
) -> None:
    """Nor does it end one: what is posted with it is kept as an unknown call."""
    await server.api("PUT", f"/devices/{DOOR}", {})
    await second_server.services.cluster_sync.catch_up()
    key, query = f"/devices/{DOOR}/key", f"deviceId={DOOR}"
    old = (await server.api("POST", key, {"enforce": True})).json()["path"]
    command = await server.enqueue(device_id=DOOR)
    await server.poll(query, path=f"{old}/push")
    await second_server.api("POST", key, {"enforce": True})

    url = f"{old}/result?{query}"
    posted = await server.request("POST", url, data=b'{"response":{}}')
    state = (await server.api("GET", f"/commands/{command['id']}")).json()["state"]
    device = (await server.api("GET", f"/devices/{DOOR}")).json()

    assert (200, b"") == (posted.status, posted.body)
    assert "SUCCESSFUL" != state
    assert [] == (await server.api("GET", "/results")).json()["items"]
    assert 1 == device["unknownCalls"]["count"]


async def test_deleted(server: LocalServer, second_server: LocalServer) -> None:
    """A device that is deleted is gone everywhere, also where it came by itself."""
    await second_server.poll(f"deviceId={DOOR}")
    await server.api("PUT", f"/devices/{DOOR}", {})
    adopted = await second_server.api("GET", f"/devices/{DOOR + 1}")
    await server.api("DELETE", f"/devices/{DOOR}")
    await second_server.services.cluster_sync.catch_up()
    gone = await second_server.api("GET", f"/devices/{DOOR}")
    await second_server.services.write_behind.flush()

    assert 404 == adopted.status == gone.status
    assert [] == await server.services.store.all_devices()


async def test_made_once(server: LocalServer, second_server: LocalServer) -> None:
    """Of two that create the same device, one gets the answer that it is new."""
    await server.api("PUT", f"/devices/{DOOR}", {})
    again = await second_server.api("PUT", f"/devices/{DOOR}", {"name": "door"})

    assert 200 == again.status


async def test_read_later(
    server: LocalServer, second_server: LocalServer, database: str
) -> None:
    """What cannot be read when its notice comes is read when the database is back."""
    store, cluster_sync = (
        cast("Any", second_server.services.store),
        second_server.services.cluster_sync,
    )
    await server.api("PUT", f"/devices/{DOOR}", {})
    for session in (
        store.list_reader.threads
        + store.background_reader.threads
        + store.hot_reader.threads
    ):
        await session.run(lambda link: link.close())
    old_session = store.member.connection_thread.database
    old_session.url = "postgresql:///nowhere?host=/nowhere"
    with pytest.raises(Unavailable):
        await cluster_sync.catch_up()
    old_session.url, old_session.retry_at = database, 0.0

    assert (True, False) == (await cluster_sync.refresh(), await cluster_sync.refresh())
    assert second_server.services.devices.find_in_any_scope(DOOR) is not None


async def test_command(server: LocalServer, second_server: LocalServer) -> None:
    """A caller that may not adopt devices can enqueue for one that was just adopted."""
    body = {"name": "x", "permissions": ["commands:write"]}
    secret = (await server.api("POST", "/tokens", body)).json()["token"]
    await second_server.api("GET", "/commands", token=secret)
    await server.api("PUT", f"/devices/{DOOR}", {})
    taken, refused = [
        await second_server.api(
            "POST", f"/devices/{i}/commands", LOAD_USERS, token=secret
        )
        for i in (DOOR, DOOR + 1)
    ]

    assert (201, 404) == (taken.status, refused.status)


async def test_task(server: LocalServer, second_server: LocalServer) -> None:
    """A task reaches all devices that were there when it was asked for."""
    await server.api("PUT", f"/devices/{DOOR}", {})
    created = await post_task(second_server)

    assert (201, 1) == (created.status, created.json()["devices"])


async def test_task_asked_for_twice(
    server: LocalServer, second_server: LocalServer
) -> None:
    """Of a task that is asked for at two servers at once there is one."""
    await server.api("PUT", f"/devices/{DOOR}", {})
    body = {"targets": ALL, "steps": [STEP]}
    created = await asyncio.gather(
        *(
            each.api("POST", "/tasks", body, headers={"Idempotency-Key": "k"})
            for each in (server, second_server)
        )
    )

    assert [201, 201] == [each.status for each in created]
    assert 1 == len({each.json()["id"] for each in created})
    assert 1 == len((await server.api("GET", "/tasks")).json()["items"])


async def carried_out(
    server: LocalServer, second_server: LocalServer
) -> tuple[int, int]:
    """Have a new device's task carried out there; return how many run, and failed."""
    await server.api("PUT", f"/devices/{DOOR}", {})
    await server.poll(f"deviceId={DOOR}")
    await server.services.write_behind.flush()
    created = (await post_task(server)).json()
    await second_server.services.task_scheduler.advance()
    counts = (await get_task(server, created))["counts"]
    return counts["RUNNING"], counts["FAILED"]


async def test_step_of_a_task(server: LocalServer, second_server: LocalServer) -> None:
    """The server that runs a task knows its devices, even the newest."""
    assert (1, 0) == await carried_out(server, second_server)


async def test_step_for_who_came_before(
    server: LocalServer, second_server: LocalServer
) -> None:
    """So it does if the device had come to it, when nobody had adopted it yet."""
    await second_server.poll(f"deviceId={DOOR}")

    assert (1, 0) == await carried_out(server, second_server)


#: Each way in which a program has something waiting for a device, and its answer.
ORDERS: Sequence[tuple[str, str, Any]] = (
    ("POST", f"/devices/{DOOR}/commands", LOAD_USERS),
    ("POST", f"/devices/{DOOR}/commands", [LOAD_USERS, LOAD_USERS]),
    ("POST", "/operations", {"deviceId": str(DOOR), "steps": [STEP]}),
    ("PATCH", f"/devices/{DOOR}/shadow", {"general": {"language": "x"}}),
    ("POST", f"/devices/{DOOR}/shadow/refresh", {"general": ["language"]}),
)


@pytest.mark.parametrize(("method", "path", "body"), ORDERS)
async def test_moved_to_another_scope(
    server: LocalServer, second_server: LocalServer, method: str, path: str, body: Any
) -> None:
    """
    A device gets no order of the scope that it left, from a server that has not heard.
    """
    writer = ("commands:write", "operations:write")
    token = await server.create_token(*writer)
    await server.api("PUT", f"/devices/{DOOR}", {})
    await second_server.services.cluster_sync.catch_up()
    scope = (await server.api("POST", "/scopes", {"name": "b"})).json()
    await server.api("DELETE", f"/devices/{DOOR}")
    moved = await server.api("PUT", f"/devices/{DOOR}", {}, token=scope["token"])

    refused = await second_server.api(method, path, body, token=token)
    polled = await server.poll(f"deviceId={DOOR}")

    assert 201 == moved.status
    assert (404, "not-found", None) == refused.problem
    assert polled.is_empty


async def test_retried_after_it_moved(
    server: LocalServer, second_server: LocalServer
) -> None:
    """
    So it is for a command of the earlier owner that is retried.
    """
    token = await server.create_token("commands:write")
    command = (await server.enqueue(device_id=DOOR))["id"]
    await server.poll(f"deviceId={DOOR}")
    await server.post_result(query=f"deviceId={DOOR}")
    await second_server.services.cluster_sync.catch_up()
    scope = (await server.api("POST", "/scopes", {"name": "b"})).json()
    await server.api("DELETE", f"/devices/{DOOR}")
    await server.api("PUT", f"/devices/{DOOR}", {}, token=scope["token"])

    refused = await second_server.api("POST", f"/commands/{command}/retry", token=token)

    assert (404, "not-found", None) == refused.problem
    assert (await server.poll(f"deviceId={DOOR}")).is_empty


async def test_online(server: LocalServer, second_server: LocalServer) -> None:
    """A device is online everywhere while it polls, or is busy with a command."""
    await server.api("PUT", f"/devices/{DOOR}", {})
    command = {"endpoint": "x", "responseTimeout": 3600}
    await server.poll(f"deviceId={DOOR}")
    await server.services.write_behind.flush()
    await second_server.services.cluster_sync.catch_up()

    async def is_online() -> list[Any]:
        listed = await second_server.api("GET", "/devices?online=true")
        shown = await second_server.api("GET", f"/devices/{DOOR}")
        return [len(listed.json()["items"]), shown.json()["online"]]

    assert [1, True] == await is_online()
    server.clock.tick(seconds=60)
    assert [0, False] == await is_online()
    await server.api("POST", f"/devices/{DOOR}/commands", command)
    await server.poll(f"deviceId={DOOR}")
    server.clock.tick(seconds=60)
    assert [1, True] == await is_online()
