"""Upgrades over the API: make, follow, list their devices, change their course."""

from tests.web.api.conftest import flush
from tests.web.api.operations import KEY
from tests.web.api.upgrades import (
    ERROR,
    NEW,
    OLD,
    SUCCESS,
    ask,
    go,
    make,
    move,
    shown,
    wanted,
)
from tests.web.site import Site

TIME = "2026-01-01T00:00:00.000000Z"


async def test_made(fleet: Site) -> None:
    """
    It is answered with where it is and how it stands.
    """
    answer = await ask(fleet, name="Spring", policy={"concurrency": 2, "retries": 3})

    told = answer.json()
    assert 201 == answer.status
    assert f"/api/v1/upgrades/{told['id']}" == answer.headers["Location"]
    assert {
        "id": told["id"],
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
        "expiresAt": "2026-01-02T00:00:00.000000Z",
        "failures": [],
    } == told
    assert told == await shown(fleet, told)
    assert 404 == (await fleet.api("GET", "/upgrades/7")).status


async def test_states(fleet: Site) -> None:
    """
    Each device is counted where it is, and those that have ended as idle.
    """
    await fleet.push("deviceId=3")
    await flush(fleet)
    made = await make(fleet)

    await go(fleet, *SUCCESS, device=1)
    await go(fleet, OLD, device=2)
    await fleet.push("deviceId=2")
    await go(fleet, *SUCCESS[:2], device=3)

    now = await shown(fleet, made)
    assert {
        "waiting": 1,
        "idle": 1,
        "downloading": 1,
        "downloaded": 1,
        "updating": 0,
    } == now["states"]
    assert {"SUCCESS": 1, "FAIL": 0} == now["results"]


async def test_failures(fleet: Site) -> None:
    """
    What failed is told with the reason, and in the list of its devices.
    """
    made = await make(fleet, targets={"deviceIds": [1, 2]})
    for device, last in ((1, ERROR), (2, NEW)):
        answers = SUCCESS[:1] if last == ERROR else SUCCESS[:3]
        fleet.clock.tick(seconds=2)
        await go(fleet, *answers, last, device=device)

    now = await shown(fleet, made)
    (failure,) = now["failures"]
    assert {
        "deviceId": "1",
        "subOperationId": failure["subOperationId"],
        "errorCode": "17",
        "error": "Step 2 of 4 (firmware_load) failed: disk full",
    } == failure
    assert "COMPLETED" == now["state"]
    one, two = (await shown(fleet, made, "/devices"))["items"]
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


async def test_devices_that_wait(fleet: Site) -> None:
    """
    Devices are listed by where they are, how they ended, and page by page.
    """
    await fleet.push("deviceId=3")
    await flush(fleet)
    made = await make(fleet)
    await go(fleet, ERROR, device=3)

    async def devices(query: str) -> list[str]:
        page = await shown(fleet, made, f"/devices?{query}")
        return [each["deviceId"] for each in page["items"]]

    assert ["4"] == await devices("state=waiting")
    assert ["1", "2", "3"] == await devices("state=idle")
    assert [] == await devices("state=updating")
    assert ["3"] == await devices("result=FAIL")
    assert [] == await devices("result=SUCCESS")
    assert [] == await devices("state=waiting&result=FAIL")
    first = await shown(fleet, made, "/devices?limit=3")
    assert ["1", "2", "3"] == [each["deviceId"] for each in first["items"]]
    assert ["4"] == await devices(f"limit=3&cursor={first['nextCursor']}")


async def test_more_failures_than_are_shown(site: Site) -> None:
    """
    Of very many failures a hundred are told, and where the others are.
    """
    rows = b"\n".join(b'{"deviceId":%d}' % n for n in range(1, 103))
    kind = {"Content-Type": "application/x-ndjson"}
    await site.api("POST", "/devices/import", rows, headers=kind)
    made = await make(site)
    await move(site, made, "cancel")

    now = await shown(site, made)
    cursor = now["failuresCursor"]
    rest = await shown(site, made, f"/devices?result=FAIL&cursor={cursor}")

    assert 100 == len(now["failures"])
    assert ["101", "102"] == [each["deviceId"] for each in rest["items"]]
    assert {"CANCELED"} == {each["errorCode"] for each in now["failures"]}


async def test_list(fleet: Site) -> None:
    """
    Upgrades are listed newest first; tasks that are none are not among them.
    """
    first, second = await make(fleet), await make(fleet)
    await fleet.api(
        "POST", "/tasks", {"targets": {"all": True}, "steps": [{"endpoint": "x"}]}
    )

    page = (await fleet.api("GET", "/upgrades?limit=1")).json()
    rest = (await fleet.api("GET", f"/upgrades?cursor={page['nextCursor']}")).json()

    assert [second["id"]] == [each["id"] for each in page["items"]]
    assert [first["id"]] == [each["id"] for each in rest["items"]]
    assert "failures" not in page["items"][0]


async def test_course(fleet: Site) -> None:
    """
    It is paused, resumed, canceled and tried again as every task.
    """
    made = await make(fleet)

    states = []
    for how in ("pause", "resume", "cancel", "retry"):
        states.append((await move(fleet, made, how)).json()["state"])
        if how == "cancel":
            await fleet.services.rollout.advance()

    assert ["PAUSED", "RUNNING", "CANCELED", "RUNNING"] == states
    now = await shown(fleet, made)
    assert (4, 0, []) == (now["waiting"], now["results"]["FAIL"], now["failures"])
    assert 409 == (await move(fleet, made, "resume")).status


async def test_it_is_a_task(fleet: Site) -> None:
    """
    The task's own calls show it, with its operations.
    """
    made = await make(fleet)

    task = (await fleet.api("GET", f"/tasks/{made['id']}")).json()
    query = f"/operations?taskId={made['id']}"
    operations = (await fleet.api("GET", query)).json()["items"]

    assert ("upgrade", 4, made["counts"]) == (
        task["resource"],
        task["stepCount"],
        task["counts"],
    )
    parts = (await shown(fleet, made, "/devices"))["items"]
    assert {each["id"] for each in operations} == {p["subOperationId"] for p in parts}


async def test_a_task_is_none(fleet: Site) -> None:
    """
    A task that is no upgrade is not there.
    """
    steps = [{"endpoint": "x"}]
    body = {"targets": {"all": True}, "steps": steps}
    task = (await fleet.api("POST", "/tasks", body)).json()

    assert 404 == (await fleet.api("GET", f"/upgrades/{task['id']}")).status
    assert 404 == (await fleet.api("GET", f"/upgrades/{task['id']}/devices")).status
    for how in ("pause", "resume", "cancel", "retry"):
        assert 404 == (await move(fleet, task, how)).status
    assert "RUNNING" == (await fleet.api("GET", f"/tasks/{task['id']}")).json()["state"]


async def test_once(fleet: Site) -> None:
    """
    The same key makes it once, and is answered alike.
    """
    first, again = [
        await fleet.api("POST", "/upgrades", wanted(), headers=KEY) for _ in range(2)
    ]

    assert (201, first.body) == (again.status, again.body)
    assert "true" == again.headers["Idempotency-Replayed"]
    assert 1 == len((await fleet.api("GET", "/upgrades")).json()["items"])


async def test_dry_run(fleet: Site) -> None:
    """
    A dry run tells who would be hit, and makes nothing.
    """
    answer = await ask(fleet, dryRun=True)

    assert (200, 4) == (answer.status, answer.json()["devices"])
    assert [] == (await fleet.api("GET", "/upgrades")).json()["items"]


async def test_how_long_it_waits(fleet: Site) -> None:
    """
    For its devices: as it says, else as the first download does, else a day.
    """
    phases = wanted()["phases"]
    download = [{"endpoint": "x", "expiresIn": 60}, {"endpoint": "y", "expiresIn": 5}]
    asked = [
        {"policy": {"expiresIn": 30}, "phases": {**phases, "download": download}},
        {"phases": {**phases, "download": download}},
        {"policy": {"notBefore": "2026-01-01T01:00:00Z", "expiresIn": 30}},
    ]

    assert [
        "2026-01-01T00:00:30.000000Z",
        "2026-01-01T00:01:00.000000Z",
        "2026-01-01T01:00:30.000000Z",
    ] == [(await ask(fleet, **each)).json()["expiresAt"] for each in asked]
