"""Results: what devices posted, in the order it came, with cursors to resume."""

import asyncio
import json
from typing import Any

import pytest

from pushserver.clock import SECOND
from pushserver.model.ids import first_id_at
from tests.each_case import each_case
from tests.web.local_server import DEVICE, LocalServer, wait_until


async def post_many(server: LocalServer, results: int, device_id: int = DEVICE) -> None:
    """Post results that belong to nothing."""
    await server.api("PUT", f"/devices/{device_id}", {})
    for number in range(results):
        await server.post_result(b'{"response":%d}' % number, f"deviceId={device_id}")


async def test_item(server: LocalServer) -> None:
    """
    A result says whose it is, to which command it belongs, and how that was found.
    """
    command = await server.enqueue()
    await server.poll(f"deviceId={DEVICE}&uuid=u1")
    query = f"deviceId={DEVICE}&uuid=u1&endpoint=load_objects"
    await server.post_result(b'{"error":"no","code":3}', query)

    (result,) = await server.list_results()
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


async def test_going_on(server: LocalServer) -> None:
    """
    The cursor of each page, even of an empty one, resumes where it ended.
    """
    await post_many(server, 5)
    first = (await server.api("GET", "/results?limit=3")).json()
    second = (await server.api("GET", f"/results?cursor={first['nextCursor']}")).json()
    empty = (await server.api("GET", f"/results?cursor={second['nextCursor']}")).json()
    await post_many(server, 1)
    more = (await server.api("GET", f"/results?cursor={empty['nextCursor']}")).json()

    assert [0, 1, 2] == [item["response"] for item in first["items"]]
    assert [3, 4] == [item["response"] for item in second["items"]]
    assert [] == empty["items"]
    assert [0] == [item["response"] for item in more["items"]]


async def test_cursor_ahead(server: LocalServer) -> None:
    """
    After a cursor of a time to come one reads what comes now; so does who waits.
    """
    ahead = first_id_at(server.clock.now() + 10 * 365 * 86_400 * SECOND)
    nothing = (await server.api("GET", f"/results?cursor={ahead}")).json()
    await post_many(server, 2)
    empty = (await server.api("GET", f"/results?cursor={ahead}")).json()
    waiting = asyncio.create_task(server.api("GET", f"/results?cursor={ahead}&wait=20"))
    await wait_until(lambda: bool(server.services.completion_waiters._results))
    await post_many(server, 1)
    pages = [
        (await waiting).json(),
        (await server.api("GET", f"/results?cursor={empty['nextCursor']}")).json(),
        (await server.api("GET", f"/results?cursor={nothing['nextCursor']}")).json(),
    ]

    assert ([], []) == (nothing["items"], empty["items"])
    assert [[0], [0], [0, 1, 0]] == [
        [item["response"] for item in page["items"]] for page in pages
    ]


async def test_from_nothing(server: LocalServer) -> None:
    """
    There is a cursor also when there never was a result.
    """
    page = (await server.api("GET", "/results")).json()

    assert [] == page["items"]
    assert (await server.api("GET", f"/results?cursor={page['nextCursor']}")).json()


async def test_filters(server: LocalServer) -> None:
    """
    Of one device alone, orphans alone, or those that belong to a command.
    """
    await post_many(server, 2, device_id=1)
    await server.enqueue()
    await server.poll()
    await server.post_result(b'{"response":9}')

    assert 2 == len(await server.list_results("deviceId=1"))
    assert [9] == [
        item["response"] for item in await server.list_results("orphan=false")
    ]
    assert 2 == len(await server.list_results("orphan=true"))
    assert [] == await server.list_results(f"orphan=true&deviceId={DEVICE}")


@each_case(
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
async def test_wrong_filters(server: LocalServer, query: str, pointer: str) -> None:
    """
    A filter that is wrong is refused.
    """
    answer = await server.api("GET", f"/results?{query}")

    assert (422, "invalid", pointer) == answer.problem


async def test_heavy_pages(server: LocalServer) -> None:
    """
    Large results come on several pages, each of which can be gone on from.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    large = b'{"response":"' + b"x" * 6_000_000 + b'"}'
    for _ in range(5):
        await server.post_result(large)
    cursor, seen = "0", 0
    for _ in range(6):
        page = (await server.api("GET", f"/results?cursor={cursor}")).json()
        seen, cursor = seen + len(page["items"]), page["nextCursor"]

    assert 5 == seen


@pytest.mark.parametrize("depth", [500, 900, 990, 995, 1000])
async def test_nobody_spoils_the_list(server: LocalServer, depth: int) -> None:
    """
    However deep a device's answer is, ordinary programs can read the list.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.post_result(b'{"response":' + b"[" * depth + b"]" * depth + b"}")

    listed = await server.api("GET", "/results")

    assert 1 == len(read_deep_inside_a_program(listed.body)["items"])


def read_deep_inside_a_program(text: bytes, frames: int = 100) -> Any:
    """Read JSON as a program does: not at the bottom of its stack."""
    if frames:
        return read_deep_inside_a_program(text, frames - 1)
    return json.loads(text)
