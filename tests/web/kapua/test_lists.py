"""Lists in parts: paging, order, filters, totals."""

from typing import Any

import pytest

from pushserver.model.operation import OperationStatus
from tests.each_case import each_case
from tests.web.kapua.client import KapuaClient, KapuaOperation, create_operation
from tests.web.local_server import LocalServer


@pytest.fixture(name="base")
def _base() -> str:
    """Return one base: lists are the same under both."""
    return ""


@pytest.fixture(name="notification_ids")
async def _notification_ids(operation: KapuaOperation) -> list[str]:
    """Return the ids of five notifications, in the order they were sent."""
    rows: list[tuple[int, dict[str, Any]]] = [
        (30, {"resource": "install", "message": "b"}),
        (10, {"message": "a"}),
        (50, {"resource": None, "status": OperationStatus.STALE}),
        (40, {"resource": "install"}),
        (20, {"status": OperationStatus.COMPLETED, "message": "c"}),
    ]
    return [
        await operation.post_notification(progress, **more) for progress, more in rows
    ]


async def test_pages(
    kapua: KapuaClient, operation: KapuaOperation, notification_ids: list[str]
) -> None:
    """Pages follow each other; a page says whether more follows."""
    pages = [
        await kapua.get(f"{operation.notifications}?limit=2&offset={offset}")
        for offset in (0, 2, 4, 6)
    ]

    assert [notification_ids[:2], notification_ids[2:4], notification_ids[4:], []] == [
        [item["id"] for item in page["items"]] for page in pages
    ]
    assert [True, True, False, False] == [page["limitExceeded"] for page in pages]
    assert [2, 2, 1, 0] == [page["size"] for page in pages]
    assert all("totalCount" not in page for page in pages)


async def test_exactly_full(
    kapua: KapuaClient, operation: KapuaOperation, notification_ids: list[str]
) -> None:
    """A page that takes the last one does not say that more follows."""
    page = await kapua.get(f"{operation.notifications}?limit={len(notification_ids)}")

    assert (False, len(notification_ids)) == (page["limitExceeded"], page["size"])


async def test_no_limit_at_all(
    kapua: KapuaClient, operation: KapuaOperation, notification_ids: list[str]
) -> None:
    """A limit of 0 lists nothing, as Kapua does, and says that there is more."""
    page = await kapua.get(f"{operation.notifications}?limit=0")
    beyond = await kapua.get(
        f"{operation.notifications}?limit=0&offset={len(notification_ids)}"
    )

    assert (0, [], True) == (page["size"], page["items"], page["limitExceeded"])
    assert not beyond["limitExceeded"]


async def test_largest_numbers(
    kapua: KapuaClient, operation: KapuaOperation, notification_ids: list[str]
) -> None:
    """A limit is capped, and an offset may be as large as Kapua's."""
    most = 2**31 - 1

    assert notification_ids == await kapua.ids(
        f"{operation.notifications}?limit={most}"
    )
    assert [] == await kapua.ids(f"{operation.notifications}?offset={most}")


async def test_capped(kapua: KapuaClient, operation: KapuaOperation) -> None:
    """A page has 50 items unless more are asked for, and 1000 at the most."""
    for _ in range(1002):
        await operation.post_notification(1)

    sizes = {}
    for limit in ("", "?limit=999", "?limit=5000"):
        page = await kapua.get(operation.notifications + limit)
        sizes[limit] = (page["size"], page["limitExceeded"])

    assert {
        "": (50, True),
        "?limit=999": (999, True),
        "?limit=5000": (1000, True),
    } == sizes
    assert 2 == len(await kapua.ids(f"{operation.notifications}?offset=1000"))


@each_case(
    ("sort", "order"),
    [
        ("id", [0, 1, 2, 3, 4]),
        ("createdOn", [0, 1, 2, 3, 4]),
        ("sentOn", [0, 1, 2, 3, 4]),
        ("scopeId", [0, 1, 2, 3, 4]),
        ("operationId", [0, 1, 2, 3, 4]),
        ("createdBy", [0, 1, 2, 3, 4]),
        ("progress", [1, 4, 0, 3, 2]),
        ("status", [4, 0, 1, 3, 2]),
        ("resource", [2, 1, 4, 0, 3]),
        ("message", [2, 3, 1, 0, 4]),
    ],
)
async def test_order(
    kapua: KapuaClient,
    operation: KapuaOperation,
    notification_ids: list[str],
    sort: str,
    order: list[int],
) -> None:
    """A list is sorted by any attribute, in any direction, in any case."""
    expected = [notification_ids[n] for n in order]

    path = f"{operation.notifications}?sortParam={sort}"
    assert expected == await kapua.ids(path)
    assert expected == await kapua.ids(f"{path}&sortDir=ascending")
    assert expected[::-1] == await kapua.ids(f"{path}&sortDir=DESCENDING")
    assert expected[::-1] == await kapua.ids(f"{path}&sortDir=desCending")


async def test_sent_late(kapua: KapuaClient, operation: KapuaOperation) -> None:
    """Notifications are listed by when they were sent, not by when they came."""
    second = await operation.post_notification(5)
    first = await operation.post_notification(0, sent_at=0)

    assert [first, second] == await kapua.ids(operation.notifications)


async def test_resource(
    kapua: KapuaClient, operation: KapuaOperation, notification_ids: list[str]
) -> None:
    """A resource filters its notifications, and has a total of its own."""
    path = f"{operation.notifications}?resource=install&askTotalCount=true&limit=1"
    page = await kapua.get(path)

    assert notification_ids[:1] == [item["id"] for item in page["items"]]
    assert (True, 1, 2) == (page["limitExceeded"], page["size"], page["totalCount"])
    assert notification_ids == await kapua.ids(f"{operation.notifications}?resource=")
    assert [] == await kapua.ids(f"{operation.notifications}?resource=INSTALL")


async def test_total(
    kapua: KapuaClient, operation: KapuaOperation, notification_ids: list[str]
) -> None:
    """The total is shown when it is asked for, wherever the page is."""
    for flag, expected in (("true", 5), ("TRUE", 5), ("false", None)):
        path = f"{operation.notifications}?askTotalCount={flag}&offset=4"
        assert expected == (await kapua.get(path)).get("totalCount")
    body = {"askTotalCount": True, "offset": 1, "limit": 2}
    page = (
        await kapua.request("POST", f"{operation.notifications}/_query", body)
    ).json()
    assert (5, notification_ids[1:3]) == (
        page["totalCount"],
        [i["id"] for i in page["items"]],
    )


async def test_query_without_much(
    kapua: KapuaClient, operation: KapuaOperation, notification_ids: list[str]
) -> None:
    """What a query leaves out, or leaves empty, is as usual; others are ignored."""
    bodies: list[dict[str, Any]] = [
        {},
        {"offset": None, "limit": None, "askTotalCount": None},
        {"predicate": {"type": "andPredicate"}, "fetchAttributes": []},
    ]
    for body in bodies:
        answer = await kapua.request("POST", f"{operation.notifications}/_query", body)
        assert notification_ids == [item["id"] for item in answer.json()["items"]]


async def test_all_parameters(
    kapua: KapuaClient, operation: KapuaOperation, notification_ids: list[str]
) -> None:
    """All parameters that Kapua's clients send are known, and may come together."""
    assert notification_ids == await kapua.ids(
        f"{operation.notifications}?resource=&offset=0&limit=9&sortParam=sentOn"
        "&sortDir=ascending&askTotalCount=true"
    )


async def test_operations(
    kapua: KapuaClient, server: LocalServer, operation: KapuaOperation
) -> None:
    """A device's operations are listed in the order they were made, and no others."""
    second = await create_operation(server, resource="INSTALL", app_id="A")
    await create_operation(server, device=7)
    path = operation.operations

    assert [operation.id, second.id] == await kapua.ids(path)
    assert [second.id, operation.id] == await kapua.ids(f"{path}?sortDir=DESCENDING")
    assert [second.id, operation.id] == await kapua.ids(f"{path}?sortParam=appId")
    assert [second.id] == await kapua.ids(f"{path}?resource=INSTALL")
    page = await kapua.get(f"{path}?limit=1&askTotalCount=true")
    assert (True, 1, 2) == (page["limitExceeded"], page["size"], page["totalCount"])
    assert "deviceManagementOperationListResult" == page["type"]
    body = {"offset": 1, "limit": 1}
    response = (await kapua.request("POST", f"{path}/_query", body)).json()
    assert [second.id] == [item["id"] for item in response["items"]]
    counted = await kapua.request("POST", f"{path}/_count", body)
    assert b'{"count":2}' == counted.body


@pytest.mark.parametrize(
    "sort",
    [
        "id",
        "scopeId",
        "createdOn",
        "createdBy",
        "modifiedOn",
        "modifiedBy",
        "optlock",
        "action",
        "appId",
        "deviceId",
        "endedOn",
        "operationId",
        "resource",
        "startedOn",
        "status",
    ],
)
async def test_order_of_operations(
    kapua: KapuaClient, server: LocalServer, sort: str
) -> None:
    """Operations are sorted by any attribute that they show."""
    await server.enqueue()
    works = [
        await create_operation(server),
        await create_operation(server),
        await create_operation(server),
    ]
    await works[1].post_notification(100, status=OperationStatus.COMPLETED)
    items = (await kapua.get(f"{works[0].operations}?sortParam={sort}"))["items"]

    shown = [(item.get(sort, ""), works_at(works, item["id"])) for item in items]

    if sort not in ("id", "operationId"):  # which are sorted as numbers
        assert sorted(shown) == shown
    assert {call.id for call in works} == {item["id"] for item in items}


def works_at(works: list[KapuaOperation], one: str) -> int:
    """Return which of the operations this is."""
    return [call.id for call in works].index(one)
