"""Polls and results of adopted devices without their key: kept for people to see."""

from tests.web.local_server import DEVICE, LocalServer

QUERY = f"deviceId={DEVICE}"


async def require_key(server: LocalServer) -> None:
    """Adopt the device, and serve it with its key alone."""
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.api("POST", f"/devices/{DEVICE}/key", {"enforce": True})


async def test_last_requests(server: LocalServer) -> None:
    """
    The last 20 requests are stored, 4 kB of each; nothing is taken for a result.
    """
    await require_key(server)
    for number in range(25):
        answer = await server.post_result(b"%03d" % number + bytes(9000), QUERY)
        assert answer.is_empty

    assert [] == await server.list_results()
    calls = (await server.get_device())["unknownCalls"]
    assert 25 == calls["count"]
    assert [f"{n:03d}" for n in range(5, 25)] == [c["body"][:3] for c in calls["last"]]
    assert {4096} == {len(call["body"]) for call in calls["last"]}
    assert {("POST", f"/result?{QUERY}")} == {
        (call["method"], call["path"]) for call in calls["last"]
    }


async def test_last_requests_written(server: LocalServer) -> None:
    """
    The last 20 are the last 20 also when half of them were written in between.
    """
    await require_key(server)
    for number in range(30):
        await server.post_result(b"%03d" % number, QUERY)
        if number % 7 == 0:
            await server.services.write_behind.flush()

    calls = (await server.get_device())["unknownCalls"]
    assert [f"{n:03d}" for n in range(10, 30)] == [c["body"] for c in calls["last"]]


async def test_no_keys_shown(server: LocalServer) -> None:
    """
    A stored request does not show the key in its address.
    """
    await require_key(server)
    await server.poll(QUERY, path="/d/a-secret-key/push")
    await server.post_result(b"x", QUERY, path="/d//a-secret-key/result")

    device = await server.get_device()
    assert 2 == device["unknownCalls"]["count"]
    assert "a-secret-key" not in str(device)
