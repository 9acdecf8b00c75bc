"""The registry of devices, as Kapua's clients read it."""

import tracemalloc
from typing import Any

import attrs
import pytest

from tests.each_case import each_case
from tests.web.kapua.client import KapuaClient, kapua_id
from tests.web.local_server import DEVICE, LocalServer

LIST = "/_/devices"
NEVER_SEEN, GONE = 7, 9


@pytest.fixture(name="fleet")
async def _fleet(server: LocalServer) -> None:
    """
    Have a device that polls, one that stopped, one that never came, and a stranger.
    """
    settings = {"name": "north door", "tags": {"site": "north", "floor": "2"}}
    await server.api("PUT", f"/devices/{DEVICE}", settings)
    for number in (NEVER_SEEN, GONE):
        await server.api("PUT", f"/devices/{number}", {})
    await server.poll(f"deviceId={GONE}")
    server.clock.tick(seconds=3600)
    await server.poll()
    await server.poll("deviceId=5000")


def clients_of(page: dict[str, Any]) -> list[str]:
    """Return whom a list names."""
    assert len(page["items"]) == page["size"]
    return [each["clientId"] for each in page["items"]]


ALL = ["7", "9", "5000", str(DEVICE)]


@pytest.mark.usefixtures("fleet")
async def test_device(kapua: KapuaClient) -> None:
    """A device has Kapua's fields, and none that nobody knows."""
    own = kapua_id(DEVICE)

    assert {
        "type": "device",
        "id": own,
        "scopeId": "AQ",
        "createdOn": "2026-01-01T00:00:00.000Z",
        "createdBy": "AA",
        "clientId": str(DEVICE),
        "status": "ENABLED",
        "displayName": "north door",
        "connection": {
            "type": "deviceConnection",
            "scopeId": "AQ",
            "modifiedOn": "2026-01-01T01:00:00.000Z",
            "status": "CONNECTED",
            "clientId": str(DEVICE),
            "protocol": "controlid",
            "clientIp": "127.0.0.1",
        },
        "extendedProperties": [
            {"groupName": "tags", "name": "floor", "value": "2"},
            {"groupName": "tags", "name": "site", "value": "north"},
        ],
    } == await kapua.get(f"{LIST}/{own}")


@pytest.mark.usefixtures("fleet")
async def test_never_seen(kapua: KapuaClient) -> None:
    """A device that never polled has no connection, and no name if it was not given."""
    assert {
        "type": "device",
        "id": "Bw",
        "scopeId": "AQ",
        "createdOn": "2026-01-01T00:00:00.000Z",
        "createdBy": "AA",
        "clientId": "7",
        "status": "ENABLED",
    } == await kapua.get(f"{LIST}/Bw")


@pytest.mark.usefixtures("fleet")
async def test_quarantined(kapua: KapuaClient) -> None:
    """A device that nobody vouched for is disabled."""
    stranger = await kapua.get(f"{LIST}/{kapua_id(5000)}")

    assert "DISABLED" == stranger["status"]
    assert "createdBy" not in stranger


@pytest.mark.usefixtures("fleet")
async def test_list(kapua: KapuaClient) -> None:
    """All devices are listed by their ids, each as it is shown alone."""
    page = await kapua.get(LIST)

    assert ("deviceListResult", False) == (page["type"], page["limitExceeded"])
    assert "totalCount" not in page
    assert ALL == clients_of(page)
    assert page["items"] == [
        await kapua.get(f"{LIST}/{i['id']}") for i in page["items"]
    ]


@pytest.mark.usefixtures("fleet")
async def test_pages(kapua: KapuaClient) -> None:
    """A page says whether others follow; the total counts all of them."""
    first = await kapua.get(f"{LIST}?limit=3")
    rest = await kapua.get(f"{LIST}?offset=3&limit=3&askTotalCount=true")
    body = {"offset": 1, "limit": 2, "askTotalCount": True, "fetchAttributes": ["x"]}
    queried = (await kapua.request("POST", f"{LIST}/_query", body)).json()
    counted = await kapua.request("POST", f"{LIST}/_count", {"limit": 1})

    assert (ALL[:3], True) == (clients_of(first), first["limitExceeded"])
    assert (ALL[3:], False, 4) == (
        clients_of(rest),
        rest["limitExceeded"],
        rest["totalCount"],
    )
    assert (ALL[1:3], True, 4) == (
        clients_of(queried),
        queried["limitExceeded"],
        queried["totalCount"],
    )
    assert {"count": 4} == counted.json()


async def test_what_is_left_out(kapua: KapuaClient, server: LocalServer) -> None:
    """Devices that are counted or left out take no memory but that of their ids."""
    number = 3000
    text = "deviceId\n" + "\n".join(map(str, range(1, number + 1)))
    kind = {"Content-Type": "text/csv"}
    await server.api("POST", "/devices/import", text.encode(), headers=kind)

    async def measure(query: str) -> int:
        tracemalloc.start()
        page = await kapua.get(f"{LIST}?{query}")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert page.get("totalCount") in (None, number)
        return peak // number

    assert 115 > await measure("limit=1&askTotalCount=true")
    assert 115 > await measure(f"limit=1&offset={number}")


@pytest.mark.usefixtures("fleet")
@each_case(
    ("query", "expected"),
    [
        (f"clientId={DEVICE}", [str(DEVICE)]),
        ("clientId=8", []),
        ("clientId=", ALL),
        ("status=CONNECTED", ["5000", str(DEVICE)]),
        ("status=DISCONNECTED", ["9"]),
        ("status=NULL", ["7"]),
        ("status=MISSING", []),
        ("clientId=9&status=CONNECTED", []),
        ("fetchAttributes=connection&fetchAttributes=lastEvent", ALL),
    ],
)
async def test_filters(kapua: KapuaClient, query: str, expected: list[str]) -> None:
    """Devices are found by their ids there, and by how they are connected."""
    page = await kapua.get(f"{LIST}?{query}&askTotalCount=true")

    assert expected == clients_of(page)
    assert len(expected) == page["totalCount"]


@each_case(
    ("query", "name"),
    [
        ("status=ENABLED", "status"),
        ("tagId=AQ", "tagId"),
        ("sortDir=ASCENDING", "sortDir"),
        ("clientId=1&clientId=2", "clientId"),
        ("limit=x", "limit"),
    ],
)
async def test_refused(kapua: KapuaClient, query: str, name: str) -> None:
    """What is not served is refused by its name, and not ignored."""
    error = await kapua.error("GET", f"{LIST}?{query}")

    assert ("illegalArgumentExceptionInfo", name) == (
        error["type"],
        error["argumentName"],
    )


@pytest.mark.usefixtures("fleet")
async def test_restricted(kapua: KapuaClient, server: LocalServer) -> None:
    """A token that concerns some devices sees no others, also in its sessions."""
    request = {"name": "x", "permissions": ["devices:read"], "deviceIds": ["9"]}
    secret = (await server.api("POST", "/tokens", request)).json()["token"]
    nobody = attrs.evolve(kapua, token=None)
    key = {"apiKey": secret}
    answer = await nobody.request("POST", "/authentication/apikey", key)
    for token in (secret, answer.json()["tokenId"]):
        client = attrs.evolve(kapua, token=token)
        counted = await client.request("POST", f"{LIST}/_count", {})
        refused = await client.error("GET", f"{LIST}/{kapua_id(DEVICE)}")

        assert ["9"] == clients_of(await client.get(LIST))
        assert {"count": 1} == counted.json()
        assert "9" == (await client.get(f"{LIST}/CQ"))["clientId"]
        assert "SUBJECT_UNAUTHORIZED" == refused["kapuaErrorCode"]


@pytest.mark.usefixtures("fleet")
async def test_other_scope(kapua: KapuaClient, server: LocalServer) -> None:
    """Another scope's token sees none of these devices."""
    made = (await server.api("POST", "/scopes", {"name": "other"})).json()
    stranger = attrs.evolve(kapua, token=made["token"])
    missing = await stranger.error("GET", f"{LIST}/{kapua_id(DEVICE)}")

    assert [] == clients_of(await stranger.get(LIST))
    assert "ENTITY_NOT_FOUND" == missing["kapuaErrorCode"]
