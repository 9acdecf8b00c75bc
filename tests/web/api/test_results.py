"""Results: what devices posted, in the order it came, to be gone on from."""

import json
from typing import Any

import pytest

from tests.web.site import DEVICE, Site


async def post_many(site: Site, results: int, device_id: int = DEVICE) -> None:
    """Post results that belong to nothing."""
    await site.api("PUT", f"/devices/{device_id}", {})
    for number in range(results):
        await site.result(b'{"response":%d}' % number, f"deviceId={device_id}")


async def test_item(site: Site) -> None:
    """
    A result says whose it is, to which command it belongs, and how that was found.
    """
    command = await site.enqueue()
    await site.push(f"deviceId={DEVICE}&uuid=u1")
    query = f"deviceId={DEVICE}&uuid=u1&endpoint=load_objects"
    await site.result(b'{"error":"no","code":3}', query)

    (result,) = await site.posted()
    assert {
        "id": result["id"],
        "deviceId": str(DEVICE),
        "commandId": command["id"],
        "uuid": "u1",
        "endpoint": "load_objects",
        "receivedAt": "2026-01-01T00:00:00.000000Z",
        "error": "no",
        "code": 3,
        "matchedBy": "uuid",
        "orphan": False,
    } == result


async def test_going_on(site: Site) -> None:
    """
    The cursor of each page, also of an empty one, goes on where it ended.
    """
    await post_many(site, 5)
    first = (await site.api("GET", "/results?limit=3")).json()
    second = (await site.api("GET", f"/results?cursor={first['nextCursor']}")).json()
    empty = (await site.api("GET", f"/results?cursor={second['nextCursor']}")).json()
    await post_many(site, 1)
    more = (await site.api("GET", f"/results?cursor={empty['nextCursor']}")).json()

    assert [0, 1, 2] == [item["response"] for item in first["items"]]
    assert [3, 4] == [item["response"] for item in second["items"]]
    assert [] == empty["items"]
    assert [0] == [item["response"] for item in more["items"]]


async def test_from_nothing(site: Site) -> None:
    """
    There is a cursor also when there never was a result.
    """
    page = (await site.api("GET", "/results")).json()

    assert [] == page["items"]
    assert (await site.api("GET", f"/results?cursor={page['nextCursor']}")).json()


async def test_filters(site: Site) -> None:
    """
    Of one device alone, orphans alone, or those that belong to a command.
    """
    await post_many(site, 2, device_id=1)
    await site.enqueue()
    await site.push()
    await site.result(b'{"response":9}')

    assert 2 == len(await site.posted("deviceId=1"))
    assert [9] == [item["response"] for item in await site.posted("orphan=false")]
    assert 2 == len(await site.posted("orphan=true"))
    assert [] == await site.posted(f"orphan=true&deviceId={DEVICE}")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("orphan=maybe", "/orphan"),
        ("limit=0", "/limit"),
        ("cursor=-1", "/cursor"),
        ("cursor=", "/cursor"),
        ("cursor=9223372036854775808", "/cursor"),
        ("deviceId=x", "/deviceId"),
        ("after=1", "/after"),
    ],
)
async def test_wrong_filters(site: Site, query: str, pointer: str) -> None:
    """
    A filter that is wrong is refused.
    """
    answer = await site.api("GET", f"/results?{query}")

    assert (422, "invalid", pointer) == answer.problem


async def test_heavy_pages(site: Site) -> None:
    """
    Large results come on several pages, each of which can be gone on from.
    """
    await site.api("PUT", f"/devices/{DEVICE}", {})
    large = b'{"response":"' + b"x" * 6_000_000 + b'"}'
    for _ in range(5):
        await site.result(large)
    cursor, seen = "0", 0
    for _ in range(6):
        page = (await site.api("GET", f"/results?cursor={cursor}")).json()
        seen, cursor = seen + len(page["items"]), page["nextCursor"]

    assert 5 == seen


@pytest.mark.parametrize("depth", [500, 900, 990, 995, 1000])
async def test_nobody_spoils_the_list(site: Site, depth: int) -> None:
    """
    However deep a device's answer is, ordinary programs can read the list.
    """
    await site.api("PUT", f"/devices/{DEVICE}", {})
    await site.result(b'{"response":' + b"[" * depth + b"]" * depth + b"}")

    listed = await site.api("GET", "/results")

    assert 1 == len(read_deep_inside_a_program(listed.body)["items"])


def read_deep_inside_a_program(text: bytes, frames: int = 100) -> Any:
    """Read JSON as a program does: not at the bottom of its stack."""
    if frames:
        return read_deep_inside_a_program(text, frames - 1)
    return json.loads(text)
