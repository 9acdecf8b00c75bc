"""One operation: how it shows, how it ends, and what is left when it is deleted."""

from pushserver.model.operation import Status
from tests.web.kapua.client import Kapua, Work, begin
from tests.web.site import LOAD_USERS, Site


async def test_running(kapua: Kapua, work: Work) -> None:
    """An operation that runs has no end."""
    assert {
        "type": "deviceManagementOperation",
        "id": work.id,
        "scopeId": "AQ",
        "createdOn": "2026-01-01T00:00:01.000Z",
        "createdBy": "Ag",
        "modifiedOn": "2026-01-01T00:00:01.000Z",
        "modifiedBy": "Ag",
        "optlock": 0,
        "action": "EXECUTE",
        "appId": "DEPLOY",
        "deviceId": "D6nIAAN2xg",
        "operationId": work.id,
        "operationProperties": [],
        "resource": "DOWNLOAD",
        "startedOn": "2026-01-01T00:00:01.000Z",
        "status": "RUNNING",
    } == await kapua.get(work.path)


async def test_completed(kapua: Kapua, work: Work) -> None:
    """When it has ended, it says so, and its notifications stay."""
    one = await work.tell(100, status=Status.COMPLETED)

    shown = await kapua.get(work.path)

    assert ("COMPLETED", "2026-01-01T00:00:02.000Z") == (
        shown["status"],
        shown["endedOn"],
    )
    assert shown["optlock"] > 0
    assert [one] == await kapua.ids(work.notifications)


async def test_properties(kapua: Kapua, site: Site) -> None:
    """Properties are told with their type, which is text."""
    work = await begin(site, properties='{"name":"heater"}')

    assert [{"name": "name", "propertyType": "string", "propertyValue": "heater"}] == (
        await kapua.get(work.path)
    )["operationProperties"]


async def test_steps(kapua: Kapua, site: Site) -> None:
    """A client follows an operation that was begun over the API, step by step."""
    wanted = {
        "deviceId": "478435",
        "resource": "users",
        "steps": [{**LOAD_USERS, "resource": "load"}],
    }
    await site.api("PUT", "/devices/478435", {})
    made = (await site.api("POST", "/operations", wanted)).json()
    work = Work(site, int(made["id"]), 478435)
    await site.push("deviceId=478435&uuid=u")
    await site.result(query="deviceId=478435&uuid=u")

    items = (await kapua.get(work.notifications))["items"]

    assert [("RUNNING", "load")] * 2 == [
        (item["status"], item["resource"]) for item in items[:2]
    ]
    assert ("COMPLETED", 100) == (items[-1]["status"], items[-1]["progress"])
    assert "COMPLETED" == (await kapua.get(work.path))["status"]


async def test_delete(kapua: Kapua, work: Work, site: Site) -> None:
    """A deleted operation is gone with its notifications; others stay."""
    one = await work.tell(5)
    other = await begin(site)

    answer = await kapua.ask("DELETE", work.path)

    assert (200, b"") == (answer.status, answer.body)
    assert "ENTITY_NOT_FOUND" == (await kapua.error("GET", work.path))["kapuaErrorCode"]
    assert [] == await kapua.ids(work.notifications)
    gone = await kapua.error("GET", f"{work.notifications}/{one}")
    assert "managementOperationNotification" == gone["entityType"]
    assert [other.id] == await kapua.ids(work.operations)


async def test_delete_keeps_results(kapua: Kapua, site: Site) -> None:
    """What the device answered to its steps stays when an operation is deleted."""
    wanted = {"deviceId": "478435", "resource": "users", "steps": [LOAD_USERS]}
    await site.api("PUT", "/devices/478435", {})
    made = (await site.api("POST", "/operations", wanted)).json()
    await site.push("deviceId=478435&uuid=u")
    await site.result(query="deviceId=478435&uuid=u")

    answer = await kapua.ask("DELETE", Work(site, int(made["id"]), 478435).path)

    assert 200 == answer.status
    assert 1 == len(await site.posted("deviceId=478435"))
