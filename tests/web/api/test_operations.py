"""Operations over the API: what a program gives, and what it is told."""

from typing import Any

import pytest

from tests.web.api.operations import KEY, PHOTO, STEP, begin, do_step, shown
from tests.web.site import DEVICE, Site


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
        "resource": "a photo\u0001 ☃",
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
