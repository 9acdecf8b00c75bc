"""A newer command takes the place of waiting ones with the same key."""

from typing import Any

from tests.each_case import each_case
from tests.web.api.audit_log import audit
from tests.web.api.operations import create_operation
from tests.web.api.shadows import set_desired
from tests.web.local_server import DEVICE, LocalServer, Response

PATH = f"/devices/{DEVICE}/commands"
REBOOT = {"endpoint": "reboot", "supersede": "reboot"}
READ = {"endpoint": "load_objects", "supersede": "users"}


async def enqueue(server: LocalServer, body: Any, **headers: str) -> Response:
    """Put a command, or several, into the device's queue."""
    answer = await server.api("POST", PATH, body, headers=headers)
    assert 201 == answer.status, answer.body
    return answer


async def test_newer_replaces(server: LocalServer) -> None:
    """
    What waits with the key ends, and both say which the other is; the device gets one.
    """
    first = await server.enqueue(REBOOT)
    second = await server.enqueue(REBOOT)
    third = await server.enqueue(REBOOT)
    replaced = await server.get_command(second["id"])

    assert "superseded" not in first
    assert [first["id"]] == second["superseded"]
    assert [second["id"]] == third["superseded"]
    assert ("CANCELED", third["id"], "reboot") == (
        replaced["state"],
        replaced["replacedBy"],
        replaced["supersede"],
    )
    assert "reboot" == (await server.poll()).json()["endpoint"]
    await server.post_result()
    assert (await server.poll()).is_empty
    assert "SUCCESSFUL" == (await server.get_command(third["id"]))["state"]


async def test_only_its_own(server: LocalServer) -> None:
    """
    Another key, no key, another device and what was handed out are left alone.
    """
    given = await server.enqueue(READ)
    await server.poll(f"deviceId={DEVICE}&uuid=u1")
    server.clock.tick(seconds=181)
    await server.expire_overdue()
    others = [
        await server.enqueue({**READ, "supersede": "other"}),
        await server.enqueue({"endpoint": "load_objects"}),
        await server.enqueue(READ, DEVICE + 1),
    ]
    newer = await server.enqueue(READ)

    assert "superseded" not in newer
    for each in (given, *others):
        assert "PENDING" == (await server.get_command(each["id"]))["state"]


async def test_in_flight(server: LocalServer) -> None:
    """
    What is with the device runs to its end, and the newer one follows.
    """
    await server.enqueue(READ)
    await server.poll()
    newer = await server.enqueue(READ)
    await server.post_result()

    assert "superseded" not in newer
    assert "load_objects" == (await server.poll()).json()["endpoint"]


async def test_array(server: LocalServer) -> None:
    """
    Within an array the later one replaces the earlier.
    """
    waiting = await server.enqueue(READ)
    one, other, two = (await enqueue(server, [READ, REBOOT, READ])).json()["items"]

    assert ("CANCELED", two["id"], [waiting["id"]]) == (
        one["state"],
        one["replacedBy"],
        one["superseded"],
    )
    assert ("PENDING", [one["id"]]) == (two["state"], two["superseded"])
    assert "PENDING" == other["state"]
    for each in (one, other, two):
        shown = await server.get_command(each["id"])
        assert each["state"] == shown["state"]


async def test_raw(server: LocalServer) -> None:
    """
    Raw bytes have the key in their query.
    """
    path = f"{PATH}?endpoint=user_set_image&supersede=photo"
    kind = {"Content-Type": "application/octet-stream"}
    first = (await server.api("POST", path, b"1", headers=kind)).json()
    second = (await server.api("POST", path, b"2", headers=kind)).json()

    assert [first["id"]] == second["superseded"]


async def test_again(server: LocalServer) -> None:
    """
    The same call under an Idempotency-Key gets the same answer, and replaces once.
    """
    first = await server.enqueue(READ)
    one = await enqueue(server, READ, **{"Idempotency-Key": "k"})
    newest = await server.enqueue(READ)
    again = await enqueue(server, READ, **{"Idempotency-Key": "k"})

    assert one.body == again.body
    assert [first["id"]] == one.json()["superseded"]
    assert "PENDING" == (await server.get_command(newest["id"]))["state"]


async def test_wait(server: LocalServer) -> None:
    """
    An answer that waited for the outcome says it, too.
    """
    first = await server.enqueue(READ)
    answer = await enqueue(server, READ, Prefer="wait=1")

    assert [first["id"]] == answer.json()["superseded"]


async def test_list_and_cancel(server: LocalServer) -> None:
    """
    A list, and taking many back, choose by the key.
    """
    old = await server.enqueue(READ)
    new = await server.enqueue(READ)
    other = await server.enqueue(REBOOT)
    query = "supersede=users"
    listed = (await server.api("GET", f"/commands?{query}")).json()["items"]
    waiting = (await server.api("GET", f"{PATH}?{query}&state=PENDING")).json()["items"]
    cleared = (await server.api("DELETE", f"{PATH}?{query}")).json()
    body = {"supersede": "reboot"}
    canceled = (await server.api("POST", "/commands/cancel", body)).json()

    assert [new["id"], old["id"]] == [each["id"] for each in listed]
    assert [new["id"]] == [each["id"] for each in waiting]
    assert (1, 1) == (cleared["canceled"], canceled["canceled"])
    assert "CANCELED" == (await server.get_command(other["id"]))["state"]


async def test_retry(server: LocalServer) -> None:
    """
    A retry has the key of its command, and replaces what waits with it.
    """
    first = await server.enqueue(READ)
    second = await server.enqueue(READ)
    retried = (await server.api("POST", f"/commands/{first['id']}/retry")).json()

    assert [second["id"]] == retried["superseded"]


async def test_in_the_audit(server: LocalServer) -> None:
    """
    What took others' places has an entry besides its own, for all that it took back.
    """
    first = await enqueue(server, READ, **{"X-Request-Id": "first"})
    await enqueue(server, REBOOT, **{"X-Request-Id": "other"})
    await enqueue(server, READ, **{"X-Request-Id": "one"})
    await enqueue(server, [READ, REBOOT, READ], **{"X-Request-Id": "array"})
    array, one = await audit(server, "action=command.cancel")

    device, command = ("device", str(DEVICE)), ("command", first.json()["id"])
    assert ("array", device, {"commands": 3}) == (
        array["requestId"],
        (array["target"]["kind"], array["target"]["id"]),
        array["detail"],
    )
    assert ("one", command, "load_objects") == (
        one["requestId"],
        (one["target"]["kind"], one["target"]["id"]),
        one["endpoint"],
    )
    assert array["actor"] == one["actor"] != {"name": "server"}


async def test_shadow(server: LocalServer) -> None:
    """
    The write of a service takes the place of the one that waits, by the same rule.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await set_desired(server, {"general": {"language": "pt_BR"}})
    await set_desired(server, {"general": {"language": "en_US"}})
    new, old = (await server.api("GET", "/commands")).json()["items"]

    assert ("CANCELED", new["id"]) == (old["state"], old["replacedBy"])
    assert "PENDING" == new["state"]


@each_case("key", ["", "x" * 101, "a\nb", 1])
async def test_refused(server: LocalServer, key: object) -> None:
    """
    A key is a short printable text.
    """
    answer = await server.api("POST", PATH, {**READ, "supersede": key})

    assert (422, "invalid", "/supersede") == answer.problem


async def test_steps_have_none(server: LocalServer) -> None:
    """
    The step of an operation takes nobody's place.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await create_operation(server, {"endpoint": "reboot"})
    steps = {"deviceId": DEVICE, "steps": [REBOOT]}

    answer = await server.api("POST", "/operations", steps)

    assert (422, "invalid", "/steps/0/supersede") == answer.problem
