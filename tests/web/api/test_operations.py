"""Operations over the API: what a program gives, what it is told, what is refused."""

from typing import Any

import pytest

from tests.web.api.tenant import newcomer
from tests.web.site import DEVICE, Answer, Site

STEP = {"endpoint": "load_objects", "body": {"object": "users"}}
PHOTO = {"endpoint": "user_set_image", "resource": "photo"}
KEY = {"Idempotency-Key": "k1"}


async def begin(site: Site, *steps: Any, **given: Any) -> dict[str, Any]:
    """Begin an operation."""
    wanted = {"deviceId": DEVICE, "steps": list(steps), **given}
    answer = await site.api("POST", "/operations", wanted)
    assert 201 == answer.status, answer.body
    told: dict[str, Any] = answer.json()
    return told


async def shown(site: Site, operation: dict[str, Any]) -> dict[str, Any]:
    """Return how an operation stands."""
    answer = await site.api("GET", f"/operations/{operation['id']}")
    assert 200 == answer.status, answer.body
    told: dict[str, Any] = answer.json()
    return told


async def do_step(site: Site, body: bytes = b'{"response":{}}') -> Answer:
    """Let the device do what waits for it, and the next step be queued."""
    given = await site.push()
    await site.result(body)
    await site.services.operations.go_on()
    return given


async def test_begun(site: Site) -> None:
    """
    A program gets its operation whole, with its first command, and where it is.
    """
    answer = await site.api(
        "POST", "/operations", {"deviceId": DEVICE, "steps": [STEP, PHOTO]}
    )

    told = answer.json()
    assert 201 == answer.status
    assert f"/api/v1/operations/{told['id']}" == answer.headers["Location"]
    assert {
        "id": told["id"],
        "deviceId": str(DEVICE),
        "status": "RUNNING",
        "progress": 0,
        "onFailure": "stop",
        "resource": "load_objects",
        "action": "EXECUTE",
        "appId": "pushserver",
        "createdAt": "2026-01-01T00:00:00.000000Z",
        "startedAt": "2026-01-01T00:00:00.000000Z",
        "modifiedAt": "2026-01-01T00:00:00.000000Z",
        "stepCount": 2,
        "stepsDone": 0,
        "steps": [
            {
                "verb": "POST",
                "endpoint": "load_objects",
                "commandId": told["steps"][0]["commandId"],
                "state": "PENDING",
            },
            {"resource": "photo", "verb": "POST", "endpoint": "user_set_image"},
        ],
    } == told
    assert told == await shown(site, told)


async def test_everything_given(site: Site) -> None:
    """
    Every field that a program gives is kept and shown.
    """
    given: dict[str, Any] = {
        "onFailure": "continue",
        "resource": "a photo\u0000 ☃",
        "action": "WRITE",
        "appId": "door-tool",
        "properties": {"ticket": "7", "": ""},
    }

    told = await begin(site, PHOTO, **given)

    assert given == {name: told[name] for name in given}
    assert told == await shown(site, told)


async def test_to_the_end(site: Site) -> None:
    """
    Step by step the device is given all of it, and progress is shown.
    """
    told = await begin(site, STEP, {**PHOTO, "queryString": "user_id=1"}, STEP)
    given, progress = [], []
    for _ in range(3):
        site.clock.tick(seconds=1)
        given.append((await do_step(site)).json()["endpoint"])
        progress.append((await shown(site, told))["progress"])

    done = await shown(site, told)
    assert ["load_objects", "user_set_image", "load_objects"] == given
    assert [33, 66, 100] == progress
    assert ("COMPLETED", 3, "2026-01-01T00:00:03.000000Z") == (
        done["status"],
        done["stepsDone"],
        done["endedAt"],
    )
    assert ["SUCCESSFUL"] * 3 == [step["state"] for step in done["steps"]]
    assert "user_id=1" == done["steps"][1]["queryString"]


async def test_its_commands(site: Site) -> None:
    """
    A step's command is a command like any other, with its result.
    """
    told = await begin(site, STEP)
    await do_step(site)

    command = await site.command(told["steps"][0]["commandId"])

    assert ("SUCCESSFUL", {"object": "users"}) == (command["state"], command["body"])


@pytest.mark.parametrize(
    ("on_failure", "states"),
    [("stop", ["FAILED", None]), ("continue", ["FAILED", "SUCCESSFUL"])],
)
async def test_failed(site: Site, on_failure: str, states: list[str | None]) -> None:
    """
    A failed step ends the operation, or is passed over.
    """
    told = await begin(site, STEP, PHOTO, onFailure=on_failure)
    await do_step(site, b'{"error":"no"}')
    if on_failure == "continue":
        await do_step(site)

    done = await shown(site, told)
    assert "FAILED" == done["status"]
    assert states == [step.get("state") for step in done["steps"]]


async def test_stale_and_mended(site: Site) -> None:
    """
    Of what was never answered nobody knows; a late result mends it.
    """
    told = await begin(site, {"endpoint": "reboot"})
    await site.push()
    site.clock.tick(seconds=180)
    await site.deadlines()
    stale = (await shown(site, told))["status"]
    await site.result()

    done = await shown(site, told)
    assert ("STALE", "COMPLETED", 100) == (stale, done["status"], done["progress"])


async def test_no_steps(site: Site) -> None:
    """
    What has no steps is the device's, too; it waits for what is told of it.
    """
    told = await begin(site)

    assert ("RUNNING", [], "operation") == (
        told["status"],
        told["steps"],
        told["resource"],
    )
    assert (await site.push()).is_empty


async def test_a_hundred_steps(site: Site) -> None:
    """
    A hundred steps are taken, and one more is not.
    """
    assert 100 == (await begin(site, *[STEP] * 100))["stepCount"]

    refused = await site.api(
        "POST", "/operations", {"deviceId": DEVICE, "steps": [STEP] * 101}
    )
    assert (422, "invalid", "/steps") == refused.problem


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        ({}, "/deviceId"),
        ({"deviceId": None}, "/deviceId"),
        ({"deviceId": -1}, "/deviceId"),
        ({"deviceId": "x"}, "/deviceId"),
        ({"deviceId": 2**63}, "/deviceId"),
        ({"deviceId": 1.5}, "/deviceId"),
        ({"deviceId": True}, "/deviceId"),
        ({"steps": {}}, "/steps"),
        ({"steps": [STEP, {"endpoint": "a/b"}]}, "/steps/1/endpoint"),
        ({"steps": [STEP, {}]}, "/steps/1/endpoint"),
        ({"steps": [STEP, {**STEP, "wrong": 1}]}, "/steps/1/wrong"),
        ({"steps": [{**STEP, "verb": "PUT"}]}, "/steps/0/verb"),
        ({"steps": [{**STEP, "priority": 101}]}, "/steps/0/priority"),
        ({"steps": [{**STEP, "resource": ""}]}, "/steps/0/resource"),
        (
            {"steps": [{**STEP, "notBefore": "9000-01-01T00:00:00Z"}]},
            "/steps/0/notBefore",
        ),
        ({"onFailure": "never"}, "/onFailure"),
        ({"action": "FLY"}, "/action"),
        ({"resource": "x" * 201}, "/resource"),
        ({"appId": ""}, "/appId"),
        ({"properties": {"a": 1}}, "/properties"),
        ({"wrong": 1}, "/wrong"),
    ],
)
async def test_refused(site: Site, wanted: dict[str, Any], pointer: str) -> None:
    """
    What is wrong is named, and nothing is begun.
    """
    usual = {} if wanted == {} else {"deviceId": DEVICE}

    answer = await site.api("POST", "/operations", {**usual, **wanted})

    assert (422, "invalid", pointer) == answer.problem
    assert [] == (await site.api("GET", "/operations")).json()["items"]
    assert [] == (await site.api("GET", "/devices")).json()["items"]


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null"])
async def test_no_object(site: Site, body: bytes) -> None:
    """
    A body that is no object is refused.
    """
    answer = await site.api("POST", "/operations", body)

    assert (422, "invalid") == answer.problem[:2]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
async def test_no_json(site: Site, body: bytes) -> None:
    """
    A body that is no JSON is refused, too.
    """
    kind = {"Content-Type": "application/json"}
    answer = await site.api("POST", "/operations", body, headers=kind)

    assert (400, "malformed", None) == answer.problem


async def test_adopts(site: Site) -> None:
    """
    A token that may write devices adopts by beginning; another one may not.
    """
    may = await site.token("operations:write", "devices:write")
    may_not = await site.token("operations:write")

    wanted = {"deviceId": str(DEVICE), "steps": [STEP]}
    refused = await site.api("POST", "/operations", wanted, token=may_not)
    taken = await site.api("POST", "/operations", wanted, token=may)

    assert (404, "not-found", None) == refused.problem
    assert 201 == taken.status
    assert "adopted" == (await site.device())["state"]


async def test_key(site: Site) -> None:
    """
    The same request with its key is answered the same, and done once.
    """
    wanted = {"deviceId": DEVICE, "steps": [STEP]}
    first = await site.api("POST", "/operations", wanted, headers=KEY)
    await do_step(site)
    again = await site.api("POST", "/operations", wanted, headers=KEY)
    other = await site.api("POST", "/operations", {"deviceId": DEVICE}, headers=KEY)

    assert (201, first.body) == (again.status, again.body)
    assert first.headers["Location"] == again.headers["Location"]
    assert (None, "true") == (
        first.headers.get("Idempotency-Replayed"),
        again.headers["Idempotency-Replayed"],
    )
    assert (422, "idempotency-mismatch", None) == other.problem
    assert 1 == len((await site.api("GET", "/operations")).json()["items"])


async def test_canceled(site: Site) -> None:
    """
    Canceling ends what waits; what is in flight runs to its end; the end is the end.
    """
    waits, flies = await begin(site, STEP), await begin(site, STEP, STEP)
    first = await site.api("POST", f"/operations/{waits['id']}/cancel")
    await site.push()
    second = await site.api("POST", f"/operations/{flies['id']}/cancel")
    await site.result()
    third = await site.api("POST", f"/operations/{flies['id']}/cancel")

    assert ("FAILED", True, "CANCELED") == (
        first.json()["status"],
        first.json()["canceled"],
        first.json()["steps"][0]["state"],
    )
    assert ("RUNNING", True) == (second.json()["status"], second.json()["canceled"])
    assert (409, "conflict", None) == third.problem
    assert "FAILED" == (await shown(site, flies))["status"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/operations/{}"),
        ("POST", "/operations/{}/cancel"),
        ("GET", "/operations/{}/notifications"),
    ],
)
async def test_not_there(site: Site, method: str, path: str) -> None:
    """
    What is not there is 404, and what is no id is 422.
    """
    missing = await site.api(method, path.format(5))
    wrong = await site.api(method, path.format("x"))

    assert (404, "not-found", None) == missing.problem
    assert (422, "invalid", None) == wrong.problem


async def test_list(site: Site) -> None:
    """
    Operations are listed newest first, without their steps, in pages that link on.
    """
    made = [await begin(site, STEP) for _ in range(5)]
    ids = [each["id"] for each in reversed(made)]

    pages, path = [], "/operations?limit=2"
    for _ in range(3):
        answer = await site.api("GET", path)
        pages.append([item["id"] for item in answer.json()["items"]])
        assert all("steps" not in item for item in answer.json()["items"])
        cursor = answer.json().get("nextCursor")
        path = f"/operations?limit=2&cursor={cursor}"
        assert (cursor is not None) == ("Link" in answer.headers)

    assert [ids[:2], ids[2:4], ids[4:]] == pages
    assert cursor is None


async def test_filters(site: Site) -> None:
    """
    They are listed by device, status, resource and task, alone and together.
    """
    here = await begin(site, STEP)
    await do_step(site)
    there = await begin(site, PHOTO, deviceId=5)
    wanted = {"targets": {"deviceIds": [5]}, "steps": [PHOTO]}
    task = (await site.api("POST", "/tasks", wanted)).json()

    async def found(query: str) -> list[str]:
        answer = await site.api("GET", f"/operations?{query}")
        assert 200 == answer.status, answer.body
        return [item["id"] for item in answer.json()["items"]]

    (part,) = await found(f"taskId={task['id']}")
    assert [here["id"]] == await found(f"deviceId={DEVICE}")
    assert [here["id"]] == await found("status=COMPLETED")
    assert [part, there["id"]] == await found("resource=photo&status=RUNNING")
    assert [part] == await found(f"deviceId=5&taskId={task['id']}")
    assert [] == await found("status=STALE")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("status=DONE", "/status"),
        ("limit=0", "/limit"),
        ("limit=x", "/limit"),
        ("cursor=x", "/cursor"),
        ("cursor=9999999999999999999", "/cursor"),
        ("deviceId=-1", "/deviceId"),
        ("taskId=x", "/taskId"),
        ("wrong=1", "/wrong"),
        ("limit=1&limit=2", "/limit"),
    ],
)
async def test_bad_query(site: Site, query: str, pointer: str) -> None:
    """
    A query that is wrong is refused, and the parameter is named.
    """
    answer = await site.api("GET", f"/operations?{query}")

    assert (422, "invalid", pointer) == answer.problem


async def test_long_page(site: Site) -> None:
    """
    A limit above a thousand is taken for a thousand.
    """
    answer = await site.api("GET", "/operations?limit=5000")

    assert (200, []) == (answer.status, answer.json()["items"])


async def test_foreign_scope(site: Site) -> None:
    """
    Another scope's token finds nothing of it, and cannot take its device.
    """
    told = await begin(site, STEP)
    other = await newcomer(site, "other")
    path = f"/operations/{told['id']}"
    wanted = {"deviceId": DEVICE, "steps": [STEP]}

    answers = [
        await other.api("GET", path),
        await other.api("POST", f"{path}/cancel"),
        await other.api("POST", f"{path}/notifications", {"progress": 1}),
        await other.api("GET", f"{path}/notifications"),
    ]
    taken = await other.api("POST", "/operations", wanted)

    assert {(404, "not-found", None)} == {answer.problem for answer in answers}
    assert (409, "conflict", None) == taken.problem
    assert [] == (await other.api("GET", "/operations")).json()["items"]
    assert told == await shown(site, told)
