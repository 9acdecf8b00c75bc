"""Commands: one, its result, cancelling, trying again, and lists of them."""

from typing import Any

import pytest

from tests.web.site import DEVICE, LOAD_USERS, OPEN_DOOR, Site

PATH = f"/devices/{DEVICE}/commands"


async def ids(site: Site, query: str, path: str = "/commands") -> list[str]:
    """Return the ids that a list holds."""
    answer = await site.api("GET", f"{path}?{query}")
    assert 200 == answer.status, answer.body
    return [item["id"] for item in answer.json()["items"]]


async def test_whole_life(site: Site) -> None:
    """
    A command says when it was sent, delivered and finished, and absent things not.
    """
    command = await site.enqueue()
    site.clock.tick(seconds=1)
    await site.push(f"deviceId={DEVICE}&uuid=u1")
    site.clock.tick(seconds=1)
    await site.deadlines()
    delivered = await site.command(command["id"])
    site.clock.tick(seconds=1)
    await site.result(query=f"deviceId={DEVICE}&uuid=u1")
    done = await site.command(command["id"])

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
    """Tell whether anything in *value* is null."""
    if isinstance(value, dict):
        return any(map(has_null, value.values()))
    if isinstance(value, list):
        return any(map(has_null, value))
    return value is None


async def test_unknown(site: Site) -> None:
    """
    What is not there is 404.
    """
    for method, path in (
        ("GET", "/commands/1"),
        ("GET", "/commands/1/result"),
        ("DELETE", "/commands/1"),
        ("POST", "/commands/1/retry"),
    ):
        answer = await site.api(method, path)
        assert (404, "not-found", None) == answer.problem


async def test_no_result_yet(site: Site) -> None:
    """
    The result of a command that has none is 404.
    """
    command = await site.enqueue()

    answer = await site.api("GET", f"/commands/{command['id']}/result")

    assert (404, "not-found", None) == answer.problem


async def test_cancel(site: Site) -> None:
    """
    A command that was never handed out is canceled, and never handed out then.
    """
    command = await site.enqueue()

    answer = await site.api("DELETE", f"/commands/{command['id']}")
    again = await site.api("DELETE", f"/commands/{command['id']}")

    assert (200, "CANCELED") == (answer.status, answer.json()["state"])
    assert (409, "conflict", None) == again.problem
    assert (await site.push()).is_empty


async def test_cancel_too_late(site: Site) -> None:
    """
    Once handed out it is 409, also while it waits for its second time.
    """
    command = await site.enqueue()
    await site.push()
    flying = await site.api("DELETE", f"/commands/{command['id']}")
    site.clock.tick(seconds=181)
    await site.deadlines()
    waiting = await site.api("DELETE", f"/commands/{command['id']}")

    assert (409, "conflict", None) == flying.problem
    assert (409, "conflict", None) == waiting.problem
    assert "PENDING" == (await site.command(command["id"]))["state"]


async def test_retry(site: Site) -> None:
    """
    A command that is over can be tried again: a new one like it, from now on.
    """
    old = await site.enqueue({**OPEN_DOOR, "priority": 7, "metadata": {"a": 1}})
    early = await site.api("POST", f"/commands/{old['id']}/retry")
    site.clock.tick(seconds=31)
    await site.deadlines()

    answer = await site.api("POST", f"/commands/{old['id']}/retry")

    new = answer.json()
    assert (409, "conflict", None) == early.problem
    assert 201 == answer.status
    assert f"/api/v1/commands/{new['id']}" == answer.headers["Location"]
    assert old["id"] != new["id"]
    same = ("endpoint", "body", "priority", "metadata", "delivery")
    assert [old[name] for name in same] == [new[name] for name in same]
    assert "2026-01-01T00:01:01.000000Z" == new["expiresAt"]
    assert "EXPIRED" == (await site.command(old["id"]))["state"]


async def test_newest_first(site: Site) -> None:
    """
    Lists are newest first, of all devices or of one.
    """
    first = (await site.enqueue(device_id=1))["id"]
    second = (await site.enqueue(device_id=2))["id"]
    third = (await site.enqueue(device_id=1))["id"]

    assert [third, second, first] == await ids(site, "")
    assert [third, first] == await ids(site, "", "/devices/1/commands")
    assert [second] == await ids(site, "deviceId=2")
    assert [] == await ids(site, "deviceId=3")


async def test_pages(site: Site) -> None:
    """
    Following the cursor shows every command once; the last page has none.
    """
    made = [
        item["id"]
        for item in (await site.api("POST", PATH, [LOAD_USERS] * 7)).json()["items"]
    ]
    seen: list[str] = []
    path = "/commands?limit=3&state=PENDING"
    for _ in range(3):
        answer = await site.api("GET", path)
        page = answer.json()
        seen += [item["id"] for item in page["items"]]
        link = answer.headers.get("Link")
        assert (link is None) == ("nextCursor" not in page)
        if link is not None:
            address, _, relation = link.partition(">; ")
            assert 'rel="next"' == relation
            path = address.removeprefix("</api/v1")

    assert made[::-1] == seen
    assert link is None


async def test_full_last_page(site: Site) -> None:
    """
    A page that is full and the last says that it is the last.
    """
    await site.api("POST", PATH, [LOAD_USERS] * 4)

    assert "nextCursor" not in (await site.api("GET", "/commands?limit=4")).json()


async def test_limits(site: Site) -> None:
    """
    A page has 50 unless told otherwise, and never more than 1000.
    """
    for _ in range(2):
        await site.api("POST", PATH, [LOAD_USERS] * 600)

    assert 50 == len(await ids(site, ""))
    assert 1000 == len(await ids(site, "limit=1000"))
    assert 1000 == len(await ids(site, "limit=1001"))
    assert 1000 == len(await ids(site, "limit=99999999999999999999"))


async def test_filters(site: Site) -> None:
    """
    Filters take what matches all of them; a state may be given several times.
    """
    pending = (await site.enqueue({"endpoint": "x"}))["id"]
    site.clock.tick(seconds=60)
    canceled = (await site.enqueue({"endpoint": "y"}))["id"]
    await site.api("DELETE", f"/commands/{canceled}")
    site.clock.tick(seconds=60)
    later = (await site.enqueue({"endpoint": "x"}))["id"]

    assert [later, pending] == await ids(site, "state=PENDING")
    assert [canceled] == await ids(site, "state=CANCELED")
    assert 3 == len(await ids(site, "state=CANCELED&state=PENDING"))
    assert [later, pending] == await ids(site, "endpoint=x")
    assert [later] == await ids(site, "endpoint=x&createdAfter=2026-01-01T00:01:30Z")
    assert [pending] == await ids(site, "createdBefore=2026-01-01T00:00:30Z")
    assert [canceled] == await ids(
        site,
        "createdAfter=2026-01-01T01:00:30%2B01:00&createdBefore=2026-01-01T00:01:59Z",
    )
    assert [] == await ids(site, "operationId=1")
    assert [] == await ids(site, "state=PENDING&endpoint=y")


@pytest.mark.parametrize(
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
        ("createdAfter=2026-01-01T00:00:00", "/createdAfter"),
        ("operationId=-1", "/operationId"),
        ("deviceid=1", "/deviceid"),
        ("page=2", "/page"),
    ],
)
async def test_wrong_filters(site: Site, query: str, pointer: str) -> None:
    """
    A filter that is wrong, unknown or doubled is refused, not ignored.
    """
    answer = await site.api("GET", f"/commands?{query}")

    assert (422, "invalid", pointer) == answer.problem


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_far_instants(site: Site, instant: str) -> None:
    """
    The ends of the calendar are instants, too.
    """
    for name in ("createdAfter", "createdBefore"):
        assert [] == await ids(site, f"{name}={instant}")
