"""Commands: one, its result, canceling, retrying, and lists of them."""

from typing import Any

import pytest

from tests.each_case import each_case
from tests.web.local_server import DEVICE, LOAD_USERS, OPEN_DOOR, LocalServer

PATH = f"/devices/{DEVICE}/commands"


async def ids(server: LocalServer, query: str, path: str = "/commands") -> list[str]:
    """Return the ids that a list holds."""
    answer = await server.api("GET", f"{path}?{query}")
    assert 200 == answer.status, answer.body
    return [item["id"] for item in answer.json()["items"]]


async def test_whole_life(server: LocalServer) -> None:
    """
    A command says when it was sent, delivered and finished, and absent things not.
    """
    command = await server.enqueue()
    server.clock.tick(seconds=1)
    await server.poll(f"deviceId={DEVICE}&uuid=u1")
    server.clock.tick(seconds=1)
    await server.expire_overdue()
    delivered = await server.get_command(command["id"])
    server.clock.tick(seconds=1)
    await server.post_result(query=f"deviceId={DEVICE}&uuid=u1")
    done = await server.get_command(command["id"])

    assert "DELIVERED" == delivered["state"]
    assert "2026-01-01T00:00:01.000000Z" == delivered["sentAt"]
    assert "2026-01-01T00:00:01.000000Z" == delivered["deliveredAt"]
    assert not {"finishedAt", "result"} & set(delivered)
    assert ("SUCCESSFUL", 1) == (done["state"], done["attempts"])
    assert "2026-01-01T00:00:03.000000Z" == done["finishedAt"]
    assert {"id", "response", "receivedAt", "matchedBy"} <= set(done["result"])
    assert not {"error", "code"} & set(done["result"])
    assert not has_null(done)


def has_null(value: Any) -> bool:
    """Return whether anything in *value* is null."""
    if isinstance(value, dict):
        return any(map(has_null, value.values()))
    if isinstance(value, list):
        return any(map(has_null, value))
    return value is None


async def test_unknown(server: LocalServer) -> None:
    """
    What is not there is 404.
    """
    for method, path in (
        ("GET", "/commands/1"),
        ("GET", "/commands/1/result"),
        ("DELETE", "/commands/1"),
        ("POST", "/commands/1/retry"),
    ):
        answer = await server.api(method, path)
        assert (404, "not-found", None) == answer.problem


async def test_no_result_yet(server: LocalServer) -> None:
    """
    The result of a command that has none is 404.
    """
    command = await server.enqueue()

    answer = await server.api("GET", f"/commands/{command['id']}/result")

    assert (404, "not-found", None) == answer.problem


async def test_cancel(server: LocalServer) -> None:
    """
    A command that was never handed out is canceled, and never handed out then.
    """
    command = await server.enqueue()

    answer = await server.api("DELETE", f"/commands/{command['id']}")
    again = await server.api("DELETE", f"/commands/{command['id']}")

    assert (200, "CANCELED") == (answer.status, answer.json()["state"])
    assert (409, "conflict", None) == again.problem
    assert (await server.poll()).is_empty


async def test_retry(server: LocalServer) -> None:
    """
    A command that is over can be tried again: a new one like it, from now on.
    """
    old = await server.enqueue({**OPEN_DOOR, "priority": 7, "metadata": {"a": 1}})
    early = await server.api("POST", f"/commands/{old['id']}/retry")
    server.clock.tick(seconds=31)
    await server.expire_overdue()

    answer = await server.api("POST", f"/commands/{old['id']}/retry")

    new = answer.json()
    assert (409, "conflict", None) == early.problem
    assert 201 == answer.status
    assert f"/api/v1/commands/{new['id']}" == answer.headers["Location"]
    assert old["id"] != new["id"]
    same = ("endpoint", "body", "priority", "metadata", "delivery")
    assert [old[name] for name in same] == [new[name] for name in same]
    assert "2026-01-01T00:01:01.000000Z" == new["expiresAt"]
    assert "EXPIRED" == (await server.get_command(old["id"]))["state"]


async def test_newest_first(server: LocalServer) -> None:
    """
    Lists are newest first, of all devices or of one.
    """
    first = (await server.enqueue(device_id=1))["id"]
    second = (await server.enqueue(device_id=2))["id"]
    third = (await server.enqueue(device_id=1))["id"]

    assert [third, second, first] == await ids(server, "")
    assert [third, first] == await ids(server, "", "/devices/1/commands")
    assert [second] == await ids(server, "deviceId=2")
    assert [] == await ids(server, "deviceId=3")


async def test_pages(server: LocalServer) -> None:
    """
    Following the cursor shows every command once; the last page has none.
    """
    created = [
        item["id"]
        for item in (await server.api("POST", PATH, [LOAD_USERS] * 7)).json()["items"]
    ]
    seen: list[str] = []
    path = "/commands?limit=3&state=PENDING"
    for _ in range(3):
        answer = await server.api("GET", path)
        page = answer.json()
        seen += [item["id"] for item in page["items"]]
        link = answer.headers.get("Link")
        assert (link is None) == ("nextCursor" not in page)
        if link is not None:
            address, _, relation = link.partition(">; ")
            assert 'rel="next"' == relation
            path = address.removeprefix("</api/v1")

    assert created[::-1] == seen
    assert link is None


async def test_full_last_page(server: LocalServer) -> None:
    """
    A page that is full and the last says that it is the last.
    """
    await server.api("POST", PATH, [LOAD_USERS] * 4)

    assert "nextCursor" not in (await server.api("GET", "/commands?limit=4")).json()


async def test_limits(server: LocalServer) -> None:
    """
    A page has 50 unless told otherwise, and never more than 1000.
    """
    for _ in range(2):
        await server.api("POST", PATH, [LOAD_USERS] * 600)

    assert 50 == len(await ids(server, ""))
    assert 1000 == len(await ids(server, "limit=1000"))
    assert 1000 == len(await ids(server, "limit=1001"))
    assert 1000 == len(await ids(server, "limit=99999999999999999999"))


async def test_filters(server: LocalServer) -> None:
    """
    Filters take what matches all of them; a state may be given several times.
    """
    pending = (await server.enqueue({"endpoint": "x"}))["id"]
    server.clock.tick(seconds=60)
    canceled = (await server.enqueue({"endpoint": "y"}))["id"]
    await server.api("DELETE", f"/commands/{canceled}")
    server.clock.tick(seconds=60)
    later = (await server.enqueue({"endpoint": "x"}))["id"]

    assert [later, pending] == await ids(server, "state=PENDING")
    assert [canceled] == await ids(server, "state=CANCELED")
    assert 3 == len(await ids(server, "state=CANCELED&state=PENDING"))
    assert [later, pending] == await ids(server, "endpoint=x")
    assert [later] == await ids(server, "endpoint=x&createdAfter=2026-01-01T00:01:30Z")
    assert [pending] == await ids(server, "createdBefore=2026-01-01T00:00:30Z")
    assert [canceled] == await ids(
        server,
        "createdAfter=2026-01-01T01:00:30%2B01:00&createdBefore=2026-01-01T00:01:59Z",
    )
    assert [] == await ids(server, "operationId=1")
    assert [] == await ids(server, "state=PENDING&endpoint=y")


@each_case(
    ("query", "pointer"),
    [
        ("state=pending", "/state/0"),
        ("state=PENDING&state=", "/state/1"),
        ("limit=0", "/limit"),
        ("limit=-1", "/limit"),
        ("limit=x", "/limit"),
        ("cursor=x", "/cursor"),
        ("cursor=9223372036854775808", "/cursor"),
        ("deviceId=1_2", "/deviceId"),
        ("deviceId=", "/deviceId"),
        ("deviceId=1&deviceId=2", "/deviceId"),
        ("createdAfter=yesterday", "/createdAfter"),
        ("createdAfter=2026", "/createdAfter"),
        ("createdAfter=1e9", "/createdAfter"),
        ("createdBefore=1767225600.5", "/createdBefore"),
        ("createdBefore=-1", "/createdBefore"),
        ("createdBefore=null", "/createdBefore"),
        ("createdBefore=", "/createdBefore"),
        ("createdAfter=2026-01-01", "/createdAfter"),
        ("createdAfter=2026-01-01T00:00:00", "/createdAfter"),
        ("createdAfter=2026-01-01T00:00:00+01:00", "/createdAfter"),
        ("createdAfter=1969-12-31T23:59:59Z", "/createdAfter"),
        ("createdBefore=3000-01-01T00:00:00Z", "/createdBefore"),
        (
            "createdAfter=2026-01-02T00:00:00Z&createdBefore=2026-01-01T00:00:00Z",
            "/createdBefore",
        ),
        ("operationId=-1", "/operationId"),
        ("deviceid=1", "/deviceid"),
        ("page=2", "/page"),
        ("a%2Fb~=2", "/a~1b~0"),
        ("%FF%00=2", "/\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"),
    ],
)
async def test_wrong_filters(server: LocalServer, query: str, pointer: str) -> None:
    """
    A filter that is wrong, unknown or doubled is refused, not ignored.
    """
    answer = await server.api("GET", f"/commands?{query}")

    assert (422, "invalid", pointer) == answer.problem


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_far_instants(server: LocalServer, instant: str) -> None:
    """
    The ends of the calendar are a mistake in a query, as they are in a body.
    """
    for name in ("createdAfter", "createdBefore"):
        answer = await server.api("GET", f"/commands?{name}={instant}")
        assert (422, "invalid", f"/{name}") == answer.problem


async def test_plus_in_a_query(server: LocalServer) -> None:
    """
    An offset whose plus sign was not escaped is refused, and the answer says why.
    """
    answer = await server.api("GET", "/commands?createdAfter=2026-01-01T00:00:00+01:00")

    assert "%2B" in answer.json()["detail"]


@pytest.mark.parametrize("device_id", ["1", "2"])
async def test_device_said_twice(server: LocalServer, device_id: str) -> None:
    """
    The commands of a device are those of the path's: the query cannot name another.
    """
    answer = await server.api("GET", f"/devices/1/commands?deviceId={device_id}")

    assert (422, "invalid", "/deviceId") == answer.problem
