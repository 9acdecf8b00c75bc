"""Which command a result belongs to, seen from the wire."""

from tests.web.local_server import DEVICE, LOAD_USERS, OPEN_DOOR, LocalServer

QUERY = f"deviceId={DEVICE}"


async def test_without_uuid(server: LocalServer) -> None:
    """
    Without uuid a result belongs to what is in flight.
    """
    command = await server.enqueue()
    await server.poll(QUERY)

    await server.post_result(query=QUERY)

    command = await server.get_command(command["id"])
    assert ("SUCCESSFUL", "inFlight") == (
        command["state"],
        command["result"]["matchedBy"],
    )


async def test_delivery_is_shown(server: LocalServer) -> None:
    """
    A delivery says when it was, with which uuid, to whom, and what came of it.
    """
    command = await server.enqueue()
    await server.poll(f"{QUERY}&uuid=u1")
    server.clock.tick(seconds=2)

    await server.post_result(b'{"error":"no"}', f"{QUERY}&uuid=u1")

    (delivery,) = (await server.get_command(command["id"]))["deliveries"]
    assert delivery == {
        "uuid": "u1",
        "address": "127.0.0.1",
        "sentAt": "2026-01-01T00:00:00.000000Z",
        "deliveredAt": "2026-01-01T00:00:00.000000Z",
        "endedAt": "2026-01-01T00:00:02.000000Z",
        "outcome": "failed",
    }


async def test_orphans(server: LocalServer) -> None:
    """
    Results that belong to nothing are stored and shown as orphans.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    alone = await server.post_result(b'{"response":1}', QUERY)
    command = await server.enqueue()
    await server.poll(f"{QUERY}&uuid=u1")
    stranger = await server.post_result(b'{"response":2}', f"{QUERY}&uuid=u2")

    assert alone.is_empty
    assert stranger.is_empty
    orphans = await server.list_results("orphan=true")
    assert [1, 2] == [result["response"] for result in orphans]
    assert all(result["orphan"] for result in orphans)
    assert not any("commandId" in result for result in orphans)
    assert (await server.get_command(command["id"]))["state"] in ("SENT", "DELIVERED")


async def test_endpoint_contradicts(server: LocalServer) -> None:
    """
    A result without uuid for another endpoint is an orphan.
    """
    command = await server.enqueue(LOAD_USERS)
    await server.poll(QUERY)

    await server.post_result(query=f"{QUERY}&endpoint=execute_actions")

    assert [True] == [result["orphan"] for result in await server.list_results()]
    assert "result" not in await server.get_command(command["id"])


async def test_second_result(server: LocalServer) -> None:
    """
    A second result for the same delivery is stored and changes nothing.
    """
    command = await server.enqueue()
    await server.poll(f"{QUERY}&uuid=u1")
    await server.post_result(b'{"response":1}', f"{QUERY}&uuid=u1")

    again = await server.post_result(b'{"error":"no"}', f"{QUERY}&uuid=u1")

    assert again.is_empty
    assert 2 == len(await server.list_results())
    command = await server.get_command(command["id"])
    assert ("SUCCESSFUL", 1) == (command["state"], command["result"]["response"])


async def test_late_result(server: LocalServer) -> None:
    """
    TIMEOUT means that nobody knows: a late result says what happened.
    """
    command = await server.enqueue(OPEN_DOOR)
    await server.poll(f"{QUERY}&uuid=u1")
    server.clock.tick(seconds=181)
    await server.expire_overdue()
    assert "TIMEOUT" == (await server.get_command(command["id"]))["state"]

    await server.post_result(query=f"{QUERY}&uuid=u1")

    assert "SUCCESSFUL" == (await server.get_command(command["id"]))["state"]


async def test_lost_answer(server: LocalServer) -> None:
    """
    After the grace a poll is given what may go out again, and never the door.
    """
    await server.enqueue(OPEN_DOOR)
    await server.enqueue(LOAD_USERS)

    polled = []
    for number in range(4):
        polled.append(await server.poll(f"{QUERY}&uuid=u{number}"))
        server.clock.tick(seconds=6)

    endpoints = [answer.json()["endpoint"] for answer in polled]
    assert ["execute_actions"] + ["load_objects"] * 3 == endpoints


async def test_within_the_grace(server: LocalServer) -> None:
    """
    A poll within the grace is answered empty; the command stays in flight.
    """
    await server.enqueue()
    await server.poll(f"{QUERY}&uuid=u1")
    server.clock.tick(seconds=4)

    assert (await server.poll(f"{QUERY}&uuid=u2")).is_empty
    assert 1 == (await server.get_device())["inFlight"].__contains__("commandId")


async def test_odd_uuids(server: LocalServer) -> None:
    """
    A uuid is opaque: whatever a device calls its poll, its result finds back.
    """
    for uuid in ("0", "%00", "%FF%FE", "a" * 2000, "%F0%9F%9A%AA", "%27%3B--"):
        command = await server.enqueue()
        await server.poll(f"{QUERY}&uuid={uuid}")
        assert (await server.post_result(query=f"{QUERY}&uuid={uuid}")).is_empty
        assert "SUCCESSFUL" == (await server.get_command(command["id"]))["state"]
