"""Tasks over the API: for whom, how far, and how they are moved."""

from typing import Any

import pytest

from tests.web.api.operations import KEY, PHOTO, STEP
from tests.web.api.tasks import ALL, ask, counted, do_step, make, move, shown
from tests.web.site import Site


async def test_made(fleet: Site) -> None:
    """
    A program gets its task whole, and where it is.
    """
    answer = await ask(fleet, steps=[PHOTO, STEP])

    told = answer.json()
    assert 201 == answer.status
    assert f"/api/v1/tasks/{told['id']}" == answer.headers["Location"]
    assert {
        "id": told["id"],
        "state": "RUNNING",
        "devices": 4,
        "waiting": 4,
        "counts": {"RUNNING": 4, "COMPLETED": 0, "FAILED": 0, "STALE": 0},
        "done": 0,
        "onFailure": "stop",
        "resource": "photo",
        "action": "EXECUTE",
        "appId": "pushserver",
        "stepCount": 2,
        "createdAt": "2026-01-01T00:00:00.000000Z",
        "expiresAt": "2026-01-02T00:00:00.000000Z",
    } == told
    assert told == await shown(fleet, told)


async def test_everything_given(fleet: Site) -> None:
    """
    Every field that a program gives is kept and shown.
    """
    given: dict[str, Any] = {
        "name": "New photos ☃",
        "onFailure": "continue",
        "resource": "photos",
        "action": "WRITE",
        "appId": "door-tool",
        "properties": {"ticket": "7"},
        "concurrency": 2,
        "stopAfterFailures": "12.5%",
    }

    told = await make(fleet, expiresIn=90.5, **given)

    assert given == {name: told[name] for name in given}
    assert "2026-01-01T00:01:30.500000Z" == told["expiresAt"]
    listed = (await fleet.api("GET", "/tasks")).json()["items"]
    assert [await shown(fleet, told)] == listed


async def test_to_the_end(fleet: Site) -> None:
    """
    Counts and the share that is done are told, until all is over.
    """
    task = await make(fleet, steps=[STEP, PHOTO], targets={"deviceIds": [1, 2]})
    seen = [await shown(fleet, task)]
    await do_step(fleet, 1, 2)
    await do_step(fleet, 1)
    seen.append(await shown(fleet, task))
    await do_step(fleet, 2, body=b'{"error":"no"}')
    seen.append(await shown(fleet, task))

    assert [(2, 0, 0, 0, 0), (1, 1, 0, 0, 0), (0, 1, 1, 0, 0)] == list(
        map(counted, seen)
    )
    assert [0, 0.5, 1] == [each["done"] for each in seen]
    assert ["RUNNING", "RUNNING", "COMPLETED"] == [each["state"] for each in seen]
    assert [False, False, True] == ["endedAt" in each for each in seen]


async def test_its_operations(fleet: Site) -> None:
    """
    Each device's part is an operation, with the task's steps.
    """
    task = await make(fleet)
    path = f"/operations?taskId={task['id']}"
    items = (await fleet.api("GET", path)).json()["items"]
    part = next(item for item in items if item["deviceId"] == "1")
    whole = (await fleet.api("GET", f"/operations/{part['id']}")).json()

    assert ["4", "3", "2", "1"] == [item["deviceId"] for item in items]
    assert (task["id"], "load_objects", "PENDING") == (
        whole["taskId"],
        whole["steps"][0]["endpoint"],
        whole["steps"][0]["state"],
    )


@pytest.mark.parametrize(
    ("targets", "devices"),
    [
        (ALL, 4),
        ({"tags": {"site": "north"}}, 2),
        ({"deviceIds": [1, "2", 1]}, 2),
    ],
)
async def test_targets(fleet: Site, targets: dict[str, Any], devices: int) -> None:
    """
    Devices are chosen in one of three ways.
    """
    assert devices == (await make(fleet, targets=targets))["devices"]


@pytest.mark.parametrize("limit", [1, 1_000_000, "5", "100%", "0.001%"])
async def test_limits_of_failures(fleet: Site, limit: int | str) -> None:
    """
    A number is told as a number, a percentage as one.
    """
    expected = int(limit) if str(limit).isdigit() else limit
    answer = await ask(fleet, stopAfterFailures=limit)

    assert expected == answer.json()["stopAfterFailures"]
    assert expected == (await shown(fleet, answer.json()))["stopAfterFailures"]


async def test_key(fleet: Site) -> None:
    """
    The same request with its key is answered the same, and done once.
    """
    wanted = {"targets": ALL, "steps": [STEP]}
    first = await fleet.api("POST", "/tasks", wanted, headers=KEY)
    await fleet.services.rollout.advance()
    again = await fleet.api("POST", "/tasks", wanted, headers=KEY)
    other = await fleet.api("POST", "/tasks", {**wanted, "name": "x"}, headers=KEY)

    assert (201, first.body) == (again.status, again.body)
    assert first.headers["Location"] == again.headers["Location"]
    assert "true" == again.headers["Idempotency-Replayed"]
    assert (422, "idempotency-mismatch", None) == other.problem
    assert 1 == len((await fleet.api("GET", "/tasks")).json()["items"])


async def test_paused_and_resumed(fleet: Site) -> None:
    """
    A paused task begins nobody, a resumed one goes on; twice is a conflict.
    """
    task = await make(fleet, targets={"deviceIds": [1, 2]}, concurrency=1)
    paused = await move(fleet, task, "pause")
    again = await move(fleet, task, "pause")
    await do_step(fleet, 1)
    still = await shown(fleet, task)
    resumed = await move(fleet, task, "resume")
    await fleet.services.rollout.advance()

    assert (200, "PAUSED") == (paused.status, paused.json()["state"])
    assert (409, "conflict", None) == again.problem
    assert (1, 1, 0, 0, 1) == counted(still)
    assert "RUNNING" == resumed.json()["state"]
    assert (1, 1, 0, 0, 0) == counted(await shown(fleet, task))
    assert (409, "conflict", None) == (await move(fleet, task, "resume")).problem


async def test_stopped_by_failures(fleet: Site) -> None:
    """
    So many failures pause it.
    """
    task = await make(fleet, stopAfterFailures=1, concurrency=1)
    await do_step(fleet, 1, body=b'{"error":"no"}')

    stopped = await shown(fleet, task)
    assert ("PAUSED", (3, 0, 1, 0, 3)) == (stopped["state"], counted(stopped))


async def test_canceled(fleet: Site) -> None:
    """
    Canceling ends what waits; what is in flight runs to its end.
    """
    task = await make(fleet)
    await fleet.push("deviceId=1")

    canceled = await move(fleet, task, "cancel")
    again = await move(fleet, task, "cancel")
    await fleet.result(query="deviceId=1")
    await fleet.services.rollout.advance()

    assert ("CANCELED", (1, 0, 3, 0, 0)) == (
        canceled.json()["state"],
        counted(canceled.json()),
    )
    assert (409, "conflict", None) == again.problem
    ended = await shown(fleet, task)
    assert ("CANCELED", (0, 1, 3, 0, 0)) == (ended["state"], counted(ended))
    assert "endedAt" in ended


@pytest.mark.parametrize(
    ("body", "waiting"),
    [(None, 1), ({}, 1), ({"includeUnknown": False}, 1), ({"includeUnknown": True}, 2)],
)
async def test_tried_again(fleet: Site, body: Any, waiting: int) -> None:
    """
    What failed is begun anew, what nobody knows of if it is said; the old stay.
    """
    task = await make(
        fleet, targets={"deviceIds": [1, 2]}, steps=[{"endpoint": "reboot"}]
    )
    await do_step(fleet, 1, body=b'{"error":"no"}')
    await fleet.push("deviceId=2")
    fleet.clock.tick(seconds=180)
    await fleet.deadlines()
    await fleet.services.rollout.advance()
    assert "COMPLETED" == (await shown(fleet, task))["state"]

    answer = await move(fleet, task, "retry", body)

    told = answer.json()
    assert ("RUNNING", 2, waiting) == (told["state"], told["devices"], told["waiting"])
    path = f"/operations?taskId={task['id']}"
    items = (await fleet.api("GET", path)).json()["items"]
    assert waiting == sum(item.get("retried", False) for item in items)
    assert 2 + waiting == len(items)


async def test_list(fleet: Site) -> None:
    """
    Tasks are listed newest first, in pages that link on.
    """
    ids = [(await make(fleet))["id"] for _ in range(3)][::-1]

    first = await fleet.api("GET", "/tasks?limit=2")
    cursor = first.json()["nextCursor"]
    rest = await fleet.api("GET", f"/tasks?limit=2&cursor={cursor}")

    assert f"cursor={cursor}" in first.headers["Link"]
    assert "nextCursor" not in rest.json()
    pages = (*first.json()["items"], *rest.json()["items"])
    assert ids == [each["id"] for each in pages]
    for query, pointer in (("cursor=x", "/cursor"), ("limit=0", "/limit")):
        refused = await fleet.api("GET", f"/tasks?{query}")
        assert (422, "invalid", pointer) == refused.problem
