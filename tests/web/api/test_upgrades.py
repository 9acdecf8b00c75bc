"""Upgrades over the API: create, follow, list devices, change the state."""

from tests.web.api.conftest import flush_last_seen
from tests.web.api.operations import IDEMPOTENCY_HEADER
from tests.web.api.upgrades import (
    ERROR,
    NEW,
    OLD,
    SUCCESS,
    change_upgrade,
    create_upgrade,
    get_upgrade,
    post_upgrade,
    run_steps,
    upgrade_request,
)
from tests.web.local_server import ADMIN, LocalServer

TIME = "2026-01-01T00:00:00.000000Z"


async def test_made(server_with_devices: LocalServer) -> None:
    """
    It is answered with where it is and how it stands.
    """
    answer = await post_upgrade(
        server_with_devices, name="Spring", policy={"concurrency": 2, "retries": 3}
    )

    upgrade = answer.json()
    assert 201 == answer.status
    assert f"/api/v1/upgrades/{upgrade['id']}" == answer.headers["Location"]
    assert {
        "id": upgrade["id"],
        "name": "Spring",
        "state": "RUNNING",
        "targetVersion": "2.0",
        "devices": 4,
        "waiting": 4,
        "counts": {"RUNNING": 4, "COMPLETED": 0, "FAILED": 0, "STALE": 0},
        "states": {
            "waiting": 4,
            "idle": 0,
            "downloading": 0,
            "downloaded": 0,
            "updating": 0,
        },
        "results": {"SUCCESS": 0, "FAIL": 0},
        "done": 0.0,
        "concurrency": 2,
        "retries": 3,
        "applyTimeout": 900,
        "createdAt": TIME,
        "createdBy": ADMIN,
        "expiresAt": "2026-01-02T00:00:00.000000Z",
        "failures": [],
    } == upgrade
    assert upgrade == await get_upgrade(server_with_devices, upgrade)
    assert 404 == (await server_with_devices.api("GET", "/upgrades/7")).status


async def test_states(server_with_devices: LocalServer) -> None:
    """
    Each device is counted where it is, and those that have ended as idle.
    """
    await server_with_devices.poll("deviceId=3")
    await flush_last_seen(server_with_devices)
    created = await create_upgrade(server_with_devices)

    await run_steps(server_with_devices, *SUCCESS, device=1)
    await run_steps(server_with_devices, OLD, device=2)
    await server_with_devices.poll("deviceId=2")
    await run_steps(server_with_devices, *SUCCESS[:2], device=3)

    now = await get_upgrade(server_with_devices, created)
    assert {
        "waiting": 1,
        "idle": 1,
        "downloading": 1,
        "downloaded": 1,
        "updating": 0,
    } == now["states"]
    assert {"SUCCESS": 1, "FAIL": 0} == now["results"]


async def test_failures(server_with_devices: LocalServer) -> None:
    """
    Failures are shown with the reason, and in the list of devices.
    """
    created = await create_upgrade(server_with_devices, targets={"deviceIds": [1, 2]})
    for device, last in ((1, ERROR), (2, NEW)):
        answers = SUCCESS[:1] if last == ERROR else SUCCESS[:3]
        server_with_devices.clock.tick(seconds=2)
        await run_steps(server_with_devices, *answers, last, device=device)

    now = await get_upgrade(server_with_devices, created)
    (failure,) = now["failures"]
    assert {
        "deviceId": "1",
        "subOperationId": failure["subOperationId"],
        "errorCode": "17",
        "error": "Step 2 of 4 (firmware_load) failed: disk full",
    } == failure
    assert "COMPLETED" == now["state"]
    one, two = (await get_upgrade(server_with_devices, created, "/devices"))["items"]
    assert {
        **failure,
        "state": "idle",
        "result": "FAIL",
        "sourceVersion": "1.0",
        "currentVersion": "1.0",
        "startedAt": TIME,
        "endedAt": "2026-01-01T00:00:02.000000Z",
    } == one
    assert {
        "deviceId": "2",
        "subOperationId": two["subOperationId"],
        "state": "idle",
        "result": "SUCCESS",
        "sourceVersion": "1.0",
        "currentVersion": "2.0",
        "startedAt": TIME,
        "endedAt": "2026-01-01T00:00:04.000000Z",
    } == two


async def test_devices_that_wait(server_with_devices: LocalServer) -> None:
    """
    Devices are listed by where they are, how they ended, and page by page.
    """
    await server_with_devices.poll("deviceId=3")
    await flush_last_seen(server_with_devices)
    created = await create_upgrade(server_with_devices)
    await run_steps(server_with_devices, ERROR, device=3)

    async def devices(query: str) -> list[str]:
        page = await get_upgrade(server_with_devices, created, f"/devices?{query}")
        return [each["deviceId"] for each in page["items"]]

    assert ["4"] == await devices("state=waiting")
    assert ["1", "2", "3"] == await devices("state=idle")
    assert [] == await devices("state=updating")
    assert ["3"] == await devices("result=FAIL")
    assert [] == await devices("result=SUCCESS")
    assert [] == await devices("state=waiting&result=FAIL")
    first = await get_upgrade(server_with_devices, created, "/devices?limit=3")
    assert ["1", "2", "3"] == [each["deviceId"] for each in first["items"]]
    assert ["4"] == await devices(f"limit=3&cursor={first['nextCursor']}")


async def test_more_failures_than_are_shown(server: LocalServer) -> None:
    """
    Of very many failures a hundred are shown, and where to find the others.
    """
    rows = b"\n".join(b'{"deviceId":%d}' % n for n in range(1, 103))
    kind = {"Content-Type": "application/x-ndjson"}
    await server.api("POST", "/devices/import", rows, headers=kind)
    created = await create_upgrade(server)
    await change_upgrade(server, created, "cancel")

    now = await get_upgrade(server, created)
    cursor = now["failuresCursor"]
    rest = await get_upgrade(server, created, f"/devices?result=FAIL&cursor={cursor}")

    assert 100 == len(now["failures"])
    assert ["101", "102"] == [each["deviceId"] for each in rest["items"]]
    assert {"CANCELED"} == {each["errorCode"] for each in now["failures"]}


async def test_list(server_with_devices: LocalServer) -> None:
    """
    Upgrades are listed newest first; tasks that are none are not among them.
    """
    first, second = (
        await create_upgrade(server_with_devices),
        await create_upgrade(server_with_devices),
    )
    await server_with_devices.api(
        "POST", "/tasks", {"targets": {"all": True}, "steps": [{"endpoint": "x"}]}
    )

    page = (await server_with_devices.api("GET", "/upgrades?limit=1")).json()
    rest = (
        await server_with_devices.api("GET", f"/upgrades?cursor={page['nextCursor']}")
    ).json()

    assert [second["id"]] == [each["id"] for each in page["items"]]
    assert [first["id"]] == [each["id"] for each in rest["items"]]
    assert "failures" not in page["items"][0]


async def test_course(server_with_devices: LocalServer) -> None:
    """
    It is paused, resumed, canceled and tried again as every task.
    """
    created = await create_upgrade(server_with_devices)

    states = []
    for action in ("pause", "resume", "cancel", "retry"):
        states.append(
            (await change_upgrade(server_with_devices, created, action)).json()["state"]
        )
        if action == "cancel":
            await server_with_devices.services.task_scheduler.advance()

    assert ["PAUSED", "RUNNING", "CANCELED", "RUNNING"] == states
    now = await get_upgrade(server_with_devices, created)
    assert (4, 0, []) == (now["waiting"], now["results"]["FAIL"], now["failures"])
    assert 409 == (await change_upgrade(server_with_devices, created, "resume")).status


async def test_it_is_a_task(server_with_devices: LocalServer) -> None:
    """
    The task's own calls show it, with its operations.
    """
    created = await create_upgrade(server_with_devices)

    task = (await server_with_devices.api("GET", f"/tasks/{created['id']}")).json()
    query = f"/operations?taskId={created['id']}"
    operations = (await server_with_devices.api("GET", query)).json()["items"]

    assert ("upgrade", 4, created["counts"]) == (
        task["resource"],
        task["stepCount"],
        task["counts"],
    )
    parts = (await get_upgrade(server_with_devices, created, "/devices"))["items"]
    assert {each["id"] for each in operations} == {p["subOperationId"] for p in parts}


async def test_a_task_is_none(server_with_devices: LocalServer) -> None:
    """
    A task that is no upgrade is not there.
    """
    steps = [{"endpoint": "x"}]
    body = {"targets": {"all": True}, "steps": steps}
    task = (await server_with_devices.api("POST", "/tasks", body)).json()

    assert (
        404 == (await server_with_devices.api("GET", f"/upgrades/{task['id']}")).status
    )
    assert (
        404
        == (
            await server_with_devices.api("GET", f"/upgrades/{task['id']}/devices")
        ).status
    )
    for action in ("pause", "resume", "cancel", "retry"):
        assert 404 == (await change_upgrade(server_with_devices, task, action)).status
    assert (
        "RUNNING"
        == (await server_with_devices.api("GET", f"/tasks/{task['id']}")).json()[
            "state"
        ]
    )


async def test_once(server_with_devices: LocalServer) -> None:
    """
    The same key makes it once, and is answered alike.
    """
    first, again = [
        await server_with_devices.api(
            "POST", "/upgrades", upgrade_request(), headers=IDEMPOTENCY_HEADER
        )
        for _ in range(2)
    ]

    assert (201, first.body) == (again.status, again.body)
    assert "true" == again.headers["Idempotency-Replayed"]
    assert 1 == len((await server_with_devices.api("GET", "/upgrades")).json()["items"])


async def test_dry_run(server_with_devices: LocalServer) -> None:
    """
    A dry run shows which devices would be affected, and creates nothing.
    """
    answer = await post_upgrade(server_with_devices, dryRun=True)

    assert (200, 4) == (answer.status, answer.json()["devices"])
    assert [] == (await server_with_devices.api("GET", "/upgrades")).json()["items"]


async def test_how_long_it_waits(server_with_devices: LocalServer) -> None:
    """
    For its devices: as it says, else as the first download does, else a day.
    """
    phases = upgrade_request()["phases"]
    download = [{"endpoint": "x", "expiresIn": 60}, {"endpoint": "y", "expiresIn": 5}]
    waiting_times = [
        {"policy": {"expiresIn": 30}, "phases": {**phases, "download": download}},
        {"phases": {**phases, "download": download}},
        {"policy": {"notBefore": "2026-01-01T01:00:00Z", "expiresIn": 30}},
    ]

    assert [
        "2026-01-01T00:00:30.000000Z",
        "2026-01-01T00:01:00.000000Z",
        "2026-01-01T01:00:30.000000Z",
    ] == [
        (await post_upgrade(server_with_devices, **each)).json()["expiresAt"]
        for each in waiting_times
    ]
