"""Tasks over the API: for whom, how far, and what is refused."""

from typing import Any

import pytest

from tests.web.api.tenant import newcomer
from tests.web.site import Answer, Site

STEP = {"endpoint": "load_objects", "body": {"object": "users"}}
PHOTO = {"endpoint": "user_set_image", "resource": "photo"}
KEY = {"Idempotency-Key": "k1"}
ALL = {"all": True}


@pytest.fixture(name="fleet")
async def _fleet(site: Site) -> Site:
    """Return a server that knows the devices 1 to 4, of which 1 and 2 are there."""
    for device in (1, 2, 3, 4):
        tags = {"site": "north" if device % 2 else "south"}
        await site.api("PUT", f"/devices/{device}", {"tags": tags})
    for device in (1, 2):
        await site.push(f"deviceId={device}")
    await flush(site)
    return site


async def flush(site: Site) -> None:
    """Have written who was seen, as a worker does."""
    while not site.services.fleet.is_flushed:
        await site.services.fleet.flush()


async def ask(site: Site, **given: Any) -> Answer:
    """Ask for a task of one step for all devices."""
    wanted = {"targets": ALL, "steps": [STEP], **given}
    return await site.api("POST", "/tasks", wanted)


async def make(site: Site, **given: Any) -> dict[str, Any]:
    """Make a task; it begins."""
    answer = await ask(site, **given)
    assert 201 == answer.status, answer.body
    await site.services.rollout.advance()
    told: dict[str, Any] = answer.json()
    return told


async def shown(site: Site, task: dict[str, Any]) -> dict[str, Any]:
    """Return how a task stands."""
    answer = await site.api("GET", f"/tasks/{task['id']}")
    assert 200 == answer.status, answer.body
    told: dict[str, Any] = answer.json()
    return told


async def move(site: Site, task: dict[str, Any], how: str, body: Any = None) -> Answer:
    """Change a task's course."""
    return await site.api("POST", f"/tasks/{task['id']}/{how}", body)


async def do_step(site: Site, *devices: int, body: bytes = b'{"response":{}}') -> None:
    """Let devices do what waits for them, and everything go on."""
    for device in devices:
        assert not (await site.push(f"deviceId={device}")).is_empty
        await site.result(body, f"deviceId={device}")
    await site.services.operations.go_on()
    await site.services.rollout.advance()


def counted(task: dict[str, Any]) -> tuple[int, ...]:
    """Return how a task's operations stand, and how many of those wait."""
    counts = task["counts"]
    names = ("RUNNING", "COMPLETED", "FAILED", "STALE")
    assert task["devices"] == sum(counts.values())
    return (*(counts[name] for name in names), task["waiting"])


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


async def test_dry_run(fleet: Site) -> None:
    """
    A dry run tells who would be hit, who is there and when to expect them.
    """
    for _ in range(2):
        fleet.clock.tick(seconds=10)
        await fleet.push("deviceId=1")
    await fleet.api("PATCH", "/devices/1", {"name": "Front"})

    answer = await ask(fleet, targets={"deviceIds": [1, 4]}, dryRun=True)

    assert 200 == answer.status
    assert "Location" not in answer.headers
    assert {
        "dryRun": True,
        "devices": 2,
        "online": 1,
        "deviceIds": ["1", "4"],
        "items": [
            {
                "deviceId": "1",
                "name": "Front",
                "online": True,
                "lastSeenAt": "2026-01-01T00:00:20.000000Z",
                "expectedAt": "2026-01-01T00:00:30.000000Z",
            },
            {"deviceId": "4", "online": False},
        ],
    } == answer.json()
    assert [] == (await fleet.api("GET", "/tasks")).json()["items"]
    assert [] == (await fleet.api("GET", "/operations")).json()["items"]


async def test_dry_run_uses_no_key(fleet: Site) -> None:
    """
    A dry run leaves its key unused.
    """
    wanted = {"targets": ALL, "steps": [STEP]}
    await fleet.api("POST", "/tasks", {**wanted, "dryRun": True}, headers=KEY)
    made = await fleet.api("POST", "/tasks", wanted, headers=KEY)

    assert 201 == made.status


async def test_dry_run_of_many(site: Site) -> None:
    """
    Of very many all ids are told, and a thousand in full.
    """
    rows = b"\n".join(b'{"deviceId":%d}' % n for n in range(1, 1102))
    kind = {"Content-Type": "application/x-ndjson"}
    await site.api("POST", "/devices/import", rows, headers=kind)

    told = (await ask(site, dryRun=True)).json()

    assert (1101, 1101, 1000) == (
        told["devices"],
        len(told["deviceIds"]),
        len(told["items"]),
    )


@pytest.mark.parametrize("dry", [False, True])
@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"steps": []}, "/steps"),
        ({"steps": [STEP] * 101}, "/steps"),
        ({"steps": [STEP, {"endpoint": "a/b"}]}, "/steps/1/endpoint"),
        ({"steps": [STEP, {"endpoint": "x", "verb": "PUT"}]}, "/steps/1/verb"),
        ({"targets": {}}, "/targets"),
        ({"targets": None}, "/targets"),
        ({"targets": {"all": False}}, "/targets"),
        ({"targets": {"all": True, "deviceIds": [1]}}, "/targets"),
        ({"targets": {"tags": {}}}, "/targets"),
        ({"targets": {"tags": {"site": "west"}}}, "/targets"),
        ({"targets": {"deviceIds": []}}, "/targets"),
        ({"targets": {"deviceIds": [1, 99]}}, "/targets/deviceIds"),
        ({"targets": {"deviceIds": [1, -1]}}, "/targets/deviceIds/1"),
        ({"targets": {"deviceIds": ["x"]}}, "/targets/deviceIds/0"),
        ({"targets": {"devices": [1]}}, "/targets/devices"),
        ({"stopAfterFailures": 0}, "/stopAfterFailures"),
        ({"stopAfterFailures": -1}, "/stopAfterFailures"),
        ({"stopAfterFailures": 10_000_000}, "/stopAfterFailures"),
        ({"stopAfterFailures": 1.5}, "/stopAfterFailures"),
        ({"stopAfterFailures": "0%"}, "/stopAfterFailures"),
        ({"stopAfterFailures": "101%"}, "/stopAfterFailures"),
        ({"stopAfterFailures": "many"}, "/stopAfterFailures"),
        ({"concurrency": 0}, "/concurrency"),
        ({"expiresIn": 0}, "/expiresIn"),
        ({"name": "x" * 201}, "/name"),
        ({"wrong": 1}, "/wrong"),
    ],
)
async def test_refused(
    fleet: Site, wrong: dict[str, Any], pointer: str, dry: bool
) -> None:
    """
    What is wrong is named, and nothing is begun, also where nothing would be.
    """
    answer = await ask(fleet, **{**wrong, "dryRun": dry})

    assert (422, "invalid", pointer) == answer.problem
    assert [] == (await fleet.api("GET", "/tasks")).json()["items"]


@pytest.mark.parametrize("limit", [1, 1_000_000, "5", "100%", "0.001%"])
async def test_limits_of_failures(fleet: Site, limit: int | str) -> None:
    """
    A number is told as a number, a percentage as one.
    """
    expected = int(limit) if str(limit).isdigit() else limit
    answer = await ask(fleet, stopAfterFailures=limit)

    assert expected == answer.json()["stopAfterFailures"]
    assert expected == (await shown(fleet, answer.json()))["stopAfterFailures"]


async def test_nothing_given(site: Site) -> None:
    """
    Targets there must be.
    """
    answer = await site.api("POST", "/tasks", {"steps": [STEP]})

    assert (422, "invalid", "/targets") == answer.problem


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


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"includeUnknown": 1}, "/includeUnknown"), ({"wrong": True}, "/wrong")],
)
async def test_bad_retry(fleet: Site, body: Any, pointer: str) -> None:
    """
    What is wrong is named.
    """
    task = await make(fleet)

    answer = await move(fleet, task, "retry", body)

    assert (422, "invalid", pointer) == answer.problem


@pytest.mark.parametrize("how", ["", "/pause", "/resume", "/cancel", "/retry"])
async def test_not_there(site: Site, how: str) -> None:
    """
    What is not there is 404, and what is no id is 422.
    """
    method = "POST" if how else "GET"

    assert (404, "not-found", None) == (
        await site.api(method, f"/tasks/5{how}")
    ).problem
    assert (422, "invalid", None) == (await site.api(method, f"/tasks/x{how}")).problem


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


async def test_foreign_scope(fleet: Site) -> None:
    """
    Another scope's token finds nothing of it, and reaches none of its devices.
    """
    task = await make(fleet)
    other = await newcomer(fleet, "other")
    wanted = {"targets": {"deviceIds": [1]}, "steps": [STEP]}

    answers = [await other.api("GET", f"/tasks/{task['id']}")]
    for how in ("pause", "resume", "cancel", "retry"):
        answers.append(await other.api("POST", f"/tasks/{task['id']}/{how}"))

    assert {(404, "not-found", None)} == {answer.problem for answer in answers}
    assert [] == (await other.api("GET", "/tasks")).json()["items"]
    assert (422, "invalid", "/targets/deviceIds") == (
        await other.api("POST", "/tasks", wanted)
    ).problem
    assert (422, "invalid", "/targets") == (
        await other.api("POST", "/tasks", {**wanted, "targets": ALL})
    ).problem
    assert "RUNNING" == (await shown(fleet, task))["state"]
