"""Notifications over the API: the server's own, and what others tell."""

from typing import Any

import pytest

from tests.web.api.operations import PHOTO, STEP, begin, do_step, shown
from tests.web.site import Answer, Site


async def tell(site: Site, operation: dict[str, Any], **told: Any) -> Answer:
    """Tell of an operation."""
    return await site.api("POST", f"/operations/{operation['id']}/notifications", told)


async def told_of(
    site: Site, operation: dict[str, Any], query: str = ""
) -> list[dict[str, Any]]:
    """Return what was told of an operation."""
    path = f"/operations/{operation['id']}/notifications?{query}"
    items: list[dict[str, Any]] = (await site.api("GET", path)).json()["items"]
    return items


async def test_each_turn(site: Site) -> None:
    """
    Each turn of a step is one notification, with its label and the progress of all.
    """
    operation = await begin(site, STEP, PHOTO)
    for _ in range(2):
        await do_step(site)

    told = await told_of(site, operation)

    assert [
        ("load_objects", 0, "RUNNING", "Step 1 of 2: queued"),
        ("load_objects", 25, "RUNNING", "Step 1 of 2: sent"),
        ("load_objects", 50, "RUNNING", "Step 1 of 2: SUCCESSFUL"),
        ("photo", 50, "RUNNING", "Step 2 of 2: queued"),
        ("photo", 75, "RUNNING", "Step 2 of 2: sent"),
        ("photo", 100, "COMPLETED", "Step 2 of 2: SUCCESSFUL"),
    ] == [(n["resource"], n["progress"], n["status"], n["message"]) for n in told]


async def test_told(site: Site) -> None:
    """
    What is told from outside is answered whole, and listed as it was answered.
    """
    operation = await begin(site)
    site.clock.tick(seconds=2)
    given = {
        "progress": 30,
        "status": "RUNNING",
        "resource": "photo",
        "message": "half of it ☃",
        "sentOn": "2026-01-01T01:00:01.500000+01:00",
    }

    answer = await tell(site, operation, **given)

    told = answer.json()
    assert 201 == answer.status
    assert {
        **given,
        "id": told["id"],
        "operationId": operation["id"],
        "createdOn": "2026-01-01T00:00:02.000000Z",
        "createdBy": told["createdBy"],
        "sentOn": "2026-01-01T00:00:01.500000Z",
    } == told
    assert [told] == await told_of(site, operation)
    assert 30 == (await shown(site, operation))["progress"]


async def test_least(site: Site) -> None:
    """
    The progress is enough.
    """
    operation = await begin(site)

    told = (await tell(site, operation, progress=0)).json()

    assert ("RUNNING", told["createdOn"]) == (told["status"], told["sentOn"])
    assert not {"resource", "message"} & set(told)


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED"])
async def test_closes(site: Site, status: str) -> None:
    """
    The last word closes what has no steps; after it nothing is taken.
    """
    operation = await begin(site)

    await tell(site, operation, progress=100, status=status)
    late = await tell(site, operation, progress=100)

    done = await shown(site, operation)
    assert (status, True) == (done["status"], "endedAt" in done)
    assert (409, "conflict", None) == late.problem


async def test_does_not_close_steps(site: Site) -> None:
    """
    What has steps goes on by them.
    """
    operation = await begin(site, STEP)

    await tell(site, operation, progress=100, status="FAILED")
    running = await shown(site, operation)
    await do_step(site)

    assert ("RUNNING", 0) == (running["status"], running["progress"])
    assert "COMPLETED" == (await shown(site, operation))["status"]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"progress": 101}, "/progress"),
        ({"progress": -1}, "/progress"),
        ({"progress": 1.5}, "/progress"),
        ({"progress": "1"}, "/progress"),
        ({"progress": None}, "/progress"),
        ({"status": "DONE"}, "/status"),
        ({"resource": ""}, "/resource"),
        ({"message": "x" * 2001}, "/message"),
        ({"sentOn": "yesterday"}, "/sentOn"),
        ({"sentOn": "2026-01-01T00:00:00"}, "/sentOn"),
        ({"sentOn": "0001-01-01T00:00:00+01:00"}, "/sentOn"),
        ({"sentOn": "1969-12-31T23:59:59Z"}, "/sentOn"),
        ({"sentOn": "9999-12-31T23:59:59-01:00"}, "/sentOn"),
        ({"wrong": 1}, "/wrong"),
    ],
)
async def test_refused(site: Site, wrong: dict[str, Any], pointer: str) -> None:
    """
    What is wrong is named, and nothing is told.
    """
    operation = await begin(site)

    answer = await tell(site, operation, **{"progress": 1, **wrong})

    assert (422, "invalid", pointer) == answer.problem
    assert [] == await told_of(site, operation)


async def test_nothing_given(site: Site) -> None:
    """
    A progress there must be.
    """
    operation = await begin(site)

    assert (422, "invalid", "/progress") == (await tell(site, operation)).problem


async def test_pages(site: Site) -> None:
    """
    They are listed in the order they were made, in pages that link on.
    """
    operation = await begin(site)
    for n in range(5):
        await tell(site, operation, progress=10 * n)

    first = await site.api(
        "GET", f"/operations/{operation['id']}/notifications?limit=3"
    )
    cursor = first.json()["nextCursor"]
    rest = await told_of(site, operation, f"limit=3&cursor={cursor}")

    assert f"cursor={cursor}" in first.headers["Link"]
    progress = [n["progress"] for n in (*first.json()["items"], *rest)]
    assert [0, 10, 20, 30, 40] == progress


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("limit=0", "/limit"), ("cursor=x", "/cursor"), ("offset=1", "/offset")],
)
async def test_bad_query(site: Site, query: str, pointer: str) -> None:
    """
    A query that is wrong is refused, and the parameter is named.
    """
    operation = await begin(site)
    path = f"/operations/{operation['id']}/notifications?{query}"

    assert (422, "invalid", pointer) == (await site.api("GET", path)).problem


async def test_not_there(site: Site) -> None:
    """
    Of what is not there nothing can be told.
    """
    answer = await site.api("POST", "/operations/5/notifications", {"progress": 1})

    assert (404, "not-found", None) == answer.problem
