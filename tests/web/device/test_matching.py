"""Which command a result belongs to, seen from the wire."""

from tests.web.site import DEVICE, LOAD_USERS, OPEN_DOOR, Site

QUERY = f"deviceId={DEVICE}"


async def test_without_uuid(site: Site) -> None:
    """
    Without uuid a result belongs to what is in flight.
    """
    command = await site.enqueue()
    await site.push(QUERY)

    await site.result(query=QUERY)

    command = await site.command(command["id"])
    assert ("SUCCESSFUL", "inFlight") == (
        command["state"],
        command["result"]["matchedBy"],
    )


async def test_delivery_is_shown(site: Site) -> None:
    """
    A delivery says when it was, with which uuid, to whom, and what came of it.
    """
    command = await site.enqueue()
    await site.push(f"{QUERY}&uuid=u1")
    site.clock.tick(seconds=2)

    await site.result(b'{"error":"no"}', f"{QUERY}&uuid=u1")

    (delivery,) = (await site.command(command["id"]))["deliveries"]
    assert delivery == {
        "uuid": "u1",
        "address": "127.0.0.1",
        "sentAt": "2026-01-01T00:00:00.000000Z",
        "deliveredAt": "2026-01-01T00:00:00.000000Z",
        "endedAt": "2026-01-01T00:00:02.000000Z",
        "outcome": "failed",
    }


async def test_orphans(site: Site) -> None:
    """
    Results that belong to nothing are kept and shown as orphans.
    """
    await site.api("PUT", f"/devices/{DEVICE}", {})
    alone = await site.result(b'{"response":1}', QUERY)
    command = await site.enqueue()
    await site.push(f"{QUERY}&uuid=u1")
    stranger = await site.result(b'{"response":2}', f"{QUERY}&uuid=u2")

    assert alone.is_empty
    assert stranger.is_empty
    orphans = await site.posted("orphan=true")
    assert [1, 2] == [result["response"] for result in orphans]
    assert all(result["orphan"] for result in orphans)
    assert not any("commandId" in result for result in orphans)
    assert (await site.command(command["id"]))["state"] in ("SENT", "DELIVERED")


async def test_endpoint_contradicts(site: Site) -> None:
    """
    A result without uuid for another endpoint is an orphan.
    """
    command = await site.enqueue(LOAD_USERS)
    await site.push(QUERY)

    await site.result(query=f"{QUERY}&endpoint=execute_actions")

    assert [True] == [result["orphan"] for result in await site.posted()]
    assert "result" not in await site.command(command["id"])


async def test_second_result(site: Site) -> None:
    """
    A second result for the same delivery is kept and changes nothing.
    """
    command = await site.enqueue()
    await site.push(f"{QUERY}&uuid=u1")
    await site.result(b'{"response":1}', f"{QUERY}&uuid=u1")

    again = await site.result(b'{"error":"no"}', f"{QUERY}&uuid=u1")

    assert again.is_empty
    assert 2 == len(await site.posted())
    command = await site.command(command["id"])
    assert ("SUCCESSFUL", 1) == (command["state"], command["result"]["response"])


async def test_late_result(site: Site) -> None:
    """
    TIMEOUT means that nobody knows: a late result says what happened.
    """
    command = await site.enqueue(OPEN_DOOR)
    await site.push(f"{QUERY}&uuid=u1")
    site.clock.tick(seconds=181)
    await site.deadlines()
    assert "TIMEOUT" == (await site.command(command["id"]))["state"]

    await site.result(query=f"{QUERY}&uuid=u1")

    assert "SUCCESSFUL" == (await site.command(command["id"]))["state"]


async def test_lost_answer(site: Site) -> None:
    """
    After the grace a poll is given what may go out again, and never the door.
    """
    await site.enqueue(OPEN_DOOR)
    await site.enqueue(LOAD_USERS)

    told = []
    for number in range(4):
        told.append(await site.push(f"{QUERY}&uuid=u{number}"))
        site.clock.tick(seconds=6)

    endpoints = [answer.json()["endpoint"] for answer in told]
    assert ["execute_actions"] + ["load_objects"] * 3 == endpoints


async def test_within_the_grace(site: Site) -> None:
    """
    A poll within the grace is answered empty; the command stays in flight.
    """
    await site.enqueue()
    await site.push(f"{QUERY}&uuid=u1")
    site.clock.tick(seconds=4)

    assert (await site.push(f"{QUERY}&uuid=u2")).is_empty
    assert 1 == (await site.device())["inFlight"].__contains__("commandId")


async def test_odd_uuids(site: Site) -> None:
    """
    A uuid is opaque: whatever a device calls its poll, its result finds back.
    """
    for uuid in ("0", "%00", "%FF%FE", "a" * 2000, "%F0%9F%9A%AA", "%27%3B--"):
        command = await site.enqueue()
        await site.push(f"{QUERY}&uuid={uuid}")
        assert (await site.result(query=f"{QUERY}&uuid={uuid}")).is_empty
        assert "SUCCESSFUL" == (await site.command(command["id"]))["state"]
