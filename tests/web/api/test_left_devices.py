"""A device leaves the reach of a token whose task, upgrade or shadow is under way."""

from typing import Any

import pytest

from tests.clock import ManualClock
from tests.web.api.conftest import flush_last_seen
from tests.web.api.tasks import change_task, get_task, run_steps, task_counts
from tests.web.api.test_restricted_tokens import restricted
from tests.web.api.upgrades import OLD, get_upgrade, upgrade_request
from tests.web.api.upgrades import run_steps as run_upgrade_steps
from tests.web.console.visitor import Visitor
from tests.web.local_server import LocalServer, running_server

STAYS, LEAVES = 1, 2
ALL = {"all": True}
STEPS = [{"endpoint": "load_objects"}, {"endpoint": "system_information"}]
DESIRED = {"general": {"language": "pt_BR"}}
SECRET = b'{"error":"SECRET","code":17}'
WORDS = "The token that made this no longer concerns the device."


@pytest.fixture(name="token")
async def _token(server_with_devices: LocalServer) -> str:
    """Return a token for the devices 1 and 2, which are online."""
    for device in (STAYS, LEAVES):
        await tag(server_with_devices, device, "mine")
    return await restricted(server_with_devices, tags={"door": "mine"})


async def tag(server: LocalServer, device: int, door: str) -> None:
    """Give a device a tag in place of those that it has."""
    body = {"tags": {"door": door}}
    answer = await server.api("PATCH", f"/devices/{device}", body)
    assert 200 == answer.status, answer.body


async def ask(
    server: LocalServer, token: str, method: str, path: str, body: Any = None
) -> dict[str, Any]:
    """Call with the token; return the answer."""
    answer = await server.api(method, path, body, token=token)
    assert answer.status in (200, 201), answer.body
    payload: dict[str, Any] = answer.json()
    return payload


async def make_task(server: LocalServer, token: str, **fields: Any) -> dict[str, Any]:
    """Make a task of two steps for all devices of the token."""
    body = {"targets": ALL, "steps": STEPS, **fields}
    return await ask(server, token, "POST", "/tasks", body)


async def is_idle(server: LocalServer, device: int) -> bool:
    """Tell whether there is nothing for a device."""
    return (await server.poll(f"deviceId={device}")).is_empty


async def listed(server: LocalServer, path: str) -> list[Any]:
    """Return what an admin sees of each device: its id and why it failed."""
    items = (await server.api("GET", f"{path}/devices")).json()["items"]
    return [(i["deviceId"], i.get("errorCode"), i.get("error")) for i in items]


async def seen_by(server: LocalServer, token: str, path: str) -> tuple[str, list[str]]:
    """Return all that the token is shown below *path*, and which devices it lists."""
    shown = await server.api("GET", path, token=token)
    devices = await server.api("GET", f"{path}/devices", token=token)
    ids = [each["deviceId"] for each in devices.json()["items"]]
    return (shown.body + devices.body).decode(), ids


async def test_before_it_begins(server_with_devices: LocalServer, token: str) -> None:
    """
    A task begins on no device that has left: its operation there is canceled.
    """
    server = server_with_devices
    task = await make_task(server, token)
    await tag(server, LEAVES, "other")
    await server.services.task_scheduler.advance()

    assert [False, True] == [await is_idle(server, n) for n in (STAYS, LEAVES)]
    expected = [("1", None, None), ("2", "CANCELED", WORDS)]
    assert expected == await listed(server, f"/tasks/{task['id']}")
    assert (1, 0, 1, 0, 0) == task_counts(await get_task(server, task))
    commands = await server.api("GET", f"/commands?deviceId={LEAVES}")
    assert [] == commands.json()["items"]


async def test_between_two_steps(server_with_devices: LocalServer, token: str) -> None:
    """
    A device that leaves gets no further step, and the token is not told what it said.
    """
    server = server_with_devices
    task = await make_task(server, token, onFailure="continue")
    path = f"/tasks/{task['id']}"
    await server.services.task_scheduler.advance()
    await tag(server, LEAVES, "other")
    await run_steps(server, STAYS)
    await run_steps(server, LEAVES, body=SECRET)

    assert [False, True] == [await is_idle(server, n) for n in (STAYS, LEAVES)]
    text, ids = await seen_by(server, token, path)
    assert (["1"], False) == (ids, "SECRET" in text)
    assert [] == (await ask(server, token, "GET", path))["failures"]
    (failure,) = (await get_task(server, task))["failures"]
    assert ("2", "17") == (failure["deviceId"], failure["errorCode"])


async def test_console(server_with_devices: LocalServer, token: str) -> None:
    """
    Nor does the console show it to whoever is signed in with the token.
    """
    server = server_with_devices
    task = await make_task(server, token)
    upgrade = await ask(server, token, "POST", "/upgrades", upgrade_request())
    paths = f"/tasks/{task['id']}", f"/upgrades/{upgrade['id']}"
    await server.services.task_scheduler.advance()
    await run_steps(server, LEAVES, body=SECRET)
    visitor, admin = Visitor(server), Visitor(server)
    await visitor.sign_in(token)
    await admin.sign_in()
    link = f"/devices/{LEAVES}".encode()
    before = [link in (await visitor.get(path)).body for path in paths]
    await tag(server, LEAVES, "other")
    after = [link in (await visitor.get(path)).body for path in paths]

    assert ([True] * 2, [False] * 2) == (before, after)
    assert [True] * 2 == [link in (await admin.get(path)).body for path in paths]


async def test_upgrade(server_with_devices: LocalServer, token: str) -> None:
    """
    An upgrade goes no further on a device that has left, nor is the token told how far.
    """
    server = server_with_devices
    upgrade = await ask(server, token, "POST", "/upgrades", upgrade_request())
    path = f"/upgrades/{upgrade['id']}"
    await server.services.task_scheduler.advance()
    await tag(server, LEAVES, "other")
    await run_upgrade_steps(server, OLD, device=LEAVES)

    assert await is_idle(server, LEAVES)
    assert ("2", "CANCELED", WORDS) == (await listed(server, path))[1]
    (failure,) = (await get_upgrade(server, upgrade))["failures"]
    assert "2" == failure["deviceId"]
    text, ids = await seen_by(server, token, path)
    assert (["1"], False) == (ids, WORDS in text)


async def test_shadow_task(server_with_devices: LocalServer, token: str) -> None:
    """
    What a task desires of a device that has left is not sent before somebody else asks.
    """
    server = server_with_devices
    body = {"targets": ALL, "desired": DESIRED}
    await ask(server, token, "PATCH", "/shadows", body)
    await tag(server, LEAVES, "other")
    await server.services.task_scheduler.advance()
    idle = [await is_idle(server, n) for n in (STAYS, LEAVES)]
    await server.api("PATCH", f"/devices/{LEAVES}/shadow", DESIRED)

    assert [False, True] == idle
    assert not await is_idle(server, LEAVES)


@pytest.mark.parametrize("how", ["after a write", "expired"])
async def test_shadow(server_with_devices: LocalServer, token: str, how: str) -> None:
    """
    Nor is what the token alone desires, once the write before is over or has expired.
    """
    server, path = server_with_devices, f"/devices/{LEAVES}/shadow"
    if how == "after a write":
        await server.api("PATCH", path, {"general": {"language": "en_US"}})
        await server.poll(f"deviceId={LEAVES}")
    await server.api("PATCH", f"{path}?expiresIn=1", DESIRED, token=token)
    await tag(server, LEAVES, "other")
    server.clock.tick(seconds=2)
    await server.expire_overdue()
    if how == "after a write":
        await server.post_result(b'{"response":{}}', f"deviceId={LEAVES}")
    await flush_last_seen(server)

    assert 1 == await server.services.due_services.reconcile_due()
    assert 0 == await server.services.due_services.reconcile_due()
    assert await is_idle(server, LEAVES)
    service = (await server.api("GET", path)).json()["services"]["general"]
    assert DESIRED["general"] == service["desired"]
    await server.api("PATCH", path, DESIRED)
    assert not await is_idle(server, LEAVES)


async def test_taken_over(server_with_devices: LocalServer, token: str) -> None:
    """
    What somebody else tries again on the device is theirs, and begins.
    """
    server = server_with_devices
    task = await make_task(server, token)
    await tag(server, LEAVES, "other")
    await server.services.task_scheduler.advance()
    retried = await change_task(server, task, "retry")
    await server.services.task_scheduler.advance()

    assert 200 == retried.status
    assert not await is_idle(server, LEAVES)


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("how", ["expired", "revoked"])
async def test_tokens_that_ended(server_with_devices: LocalServer, how: str) -> None:
    """
    An expired token limits what it made as before; a revoked one does so no more.
    """
    server = server_with_devices
    at = "2026-01-01T00:00:01Z"
    ending = await restricted(server, tags={"door": "mine"}, expiresAt=at)
    await make_task(server, ending)
    await tag(server, LEAVES, "other")
    if how == "expired":
        server.clock.tick(seconds=2)
    else:
        newest = (await server.api("GET", "/tokens")).json()["items"][-1]
        await server.api("DELETE", f"/tokens/{newest['id']}")
    gone = await server.api("GET", "/tasks", token=ending)
    await server.services.task_scheduler.advance()

    assert 401 == gone.status
    assert (how == "expired") == await is_idle(server, LEAVES)


@pytest.mark.only_on("postgres")
async def test_tags_of_another_server(
    server_with_devices: LocalServer,
    token: str,
    database: str,
    clock: ManualClock,
) -> None:
    """
    A server that has not heard of a device's tags yet reads them before it begins.
    """
    here = server_with_devices
    async with running_server(database, clock) as there:
        there.services.store.member._run_task.cancel()  # type: ignore[attr-defined]
        await tag(here, LEAVES, "other")
        await tag(here, 4, "mine")
        await here.poll("deviceId=4")
        await flush_last_seen(here)
        task = await make_task(here, token, targets=ALL)
        await tag(here, LEAVES, "mine")
        await tag(here, STAYS, "other")
        await there.services.task_scheduler.advance()

    expected = [("1", "CANCELED", WORDS), ("4", None, None)]
    assert expected == await listed(here, f"/tasks/{task['id']}")
