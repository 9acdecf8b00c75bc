"""One operation: how it shows, how it ends, and what is left when it is deleted."""

from pushserver.model.operation import OperationStatus
from tests.web.kapua.client import KapuaClient, KapuaOperation, create_operation
from tests.web.local_server import ADMIN, LOAD_USERS, LocalServer


async def test_running(kapua: KapuaClient, operation: KapuaOperation) -> None:
    """An operation that runs has no end."""
    assert {
        "type": "deviceManagementOperation",
        "id": operation.id,
        "scopeId": "AQ",
        "createdOn": "2026-01-01T00:00:01.000Z",
        "createdBy": "Ag",
        "modifiedOn": "2026-01-01T00:00:01.000Z",
        "modifiedBy": "Ag",
        "optlock": 0,
        "action": "EXECUTE",
        "appId": "DEPLOY",
        "deviceId": "D6nIAAN2xg",
        "operationId": operation.id,
        "operationProperties": [],
        "resource": "DOWNLOAD",
        "startedOn": "2026-01-01T00:00:01.000Z",
        "status": "RUNNING",
    } == await kapua.get(operation.path)


async def test_completed(kapua: KapuaClient, operation: KapuaOperation) -> None:
    """When it has ended, it says so, and its notifications stay."""
    one = await operation.post_notification(100, status=OperationStatus.COMPLETED)

    shown = await kapua.get(operation.path)

    assert ("COMPLETED", "2026-01-01T00:00:02.000Z") == (
        shown["status"],
        shown["endedOn"],
    )
    assert shown["optlock"] > 0
    assert [one] == await kapua.ids(operation.notifications)


async def test_properties(kapua: KapuaClient, server: LocalServer) -> None:
    """Properties are shown with their type, which is text."""
    operation = await create_operation(server, properties='{"name":"heater"}')

    assert [{"name": "name", "propertyType": "string", "propertyValue": "heater"}] == (
        await kapua.get(operation.path)
    )["operationProperties"]


async def test_steps(kapua: KapuaClient, server: LocalServer) -> None:
    """A client follows an operation that was created over the API, step by step."""
    body = {
        "deviceId": "478435",
        "resource": "users",
        "steps": [{**LOAD_USERS, "resource": "load"}],
    }
    await server.api("PUT", "/devices/478435", {})
    created = (await server.api("POST", "/operations", body)).json()
    operation = KapuaOperation(server, int(created["id"]), 478435)
    await server.poll("deviceId=478435&uuid=u")
    await server.post_result(query="deviceId=478435&uuid=u")

    items = (await kapua.get(operation.notifications))["items"]

    assert [("RUNNING", "load")] * 2 == [
        (item["status"], item["resource"]) for item in items[:2]
    ]
    assert ("COMPLETED", 100) == (items[-1]["status"], items[-1]["progress"])
    assert "COMPLETED" == (await kapua.get(operation.path))["status"]


async def test_delete(
    kapua: KapuaClient, operation: KapuaOperation, server: LocalServer
) -> None:
    """A deleted operation is gone with its notifications; others stay."""
    one = await operation.post_notification(5)
    other = await create_operation(server)

    answer = await kapua.request("DELETE", operation.path)

    assert (200, b"") == (answer.status, answer.body)
    assert (
        "ENTITY_NOT_FOUND"
        == (await kapua.error("GET", operation.path))["kapuaErrorCode"]
    )
    assert [] == await kapua.ids(operation.notifications)
    gone = await kapua.error("GET", f"{operation.notifications}/{one}")
    assert "managementOperationNotification" == gone["entityType"]
    assert [other.id] == await kapua.ids(operation.operations)


async def test_delete_keeps_results(kapua: KapuaClient, server: LocalServer) -> None:
    """What the device answered to its steps stays when an operation is deleted."""
    body = {"deviceId": "478435", "resource": "users", "steps": [LOAD_USERS]}
    await server.api("PUT", "/devices/478435", {})
    created = (await server.api("POST", "/operations", body)).json()
    await server.poll("deviceId=478435&uuid=u")
    await server.post_result(query="deviceId=478435&uuid=u")

    answer = await kapua.request(
        "DELETE", KapuaOperation(server, int(created["id"]), 478435).path
    )

    assert 200 == answer.status
    assert 1 == len(await server.list_results("deviceId=478435"))


async def test_who_deleted_it(
    kapua: KapuaClient, operation: KapuaOperation, server: LocalServer
) -> None:
    """The audit says which token deleted an operation."""
    await kapua.request("DELETE", operation.path)

    audit = await server.api("GET", "/audit?action=operation.delete")
    (entry,) = audit.json()["items"]
    assert ADMIN == entry["actor"]
    assert str(operation.operation_id) == entry["target"]["id"]
