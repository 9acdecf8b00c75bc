"""Where devices call: the two paths, and what people make of them."""

from tests.each_case import each_case
from tests.web.local_server import DEVICE, LocalServer

PREFIXES = (
    "",
    "/",
    "/api",
    "/api/v1",
    "/some/long/prefix",
    "/push",
    "/push/push",
    "/api/push",
    "//",
    "/x//",
    "/console",
    "/healthz",
    "/d",
    "/caf%C3%A9",
    "/a%0Ab",
    "/a.fcgi",
    "/v1",
    "/AQ/devices/AQ/operations",
    "/v1/AQ/devices/AQ/operations",
    "/AQ/devices/AQ/operations/AQ/notifications",
)
TAILS = ("", "/", "//")


@each_case("tail", TAILS)
@each_case("prefix", PREFIXES)
async def test_any_address(server: LocalServer, prefix: str, tail: str) -> None:
    """
    A command and its result find their way under any address that people type.
    """
    command = await server.enqueue()
    query = f"deviceId={DEVICE}&uuid=u1"

    polled = await server.poll(query, path=f"{prefix}/push{tail}")
    taken = await server.post_result(query=query, path=f"{prefix}/result{tail}")

    assert "load_objects" == polled.json()["endpoint"]
    assert taken.is_empty
    assert "SUCCESSFUL" == (await server.get_command(command["id"]))["state"]


@each_case("prefix", PREFIXES)
@each_case("tail", TAILS)
async def test_any_address_with_key(
    server: LocalServer, prefix: str, tail: str
) -> None:
    """
    The same holds below a key, with the forms doubled there, too.
    """
    command = await server.enqueue()
    key = (await server.api("POST", f"/devices/{DEVICE}/key")).json()["key"]

    polled = await server.poll(path=f"{prefix}/d/{key}/push/push{tail}")
    taken = await server.post_result(path=f"{prefix}/d/{key}//push/result{tail}")

    assert "load_objects" == polled.json()["endpoint"]
    assert taken.is_empty
    assert "SUCCESSFUL" == (await server.get_command(command["id"]))["state"]


async def test_parameters_in_any_order(server: LocalServer) -> None:
    """
    Parameters come in any order, percent-encoded, and with others beside them.
    """
    command = await server.enqueue()

    await server.poll(f"uuid=%7B1%2D2%7D&x=1&deviceId=%34{str(DEVICE)[1:]}&&y")
    taken = await server.post_result(
        query=f"endpoint=load%5Fobjects&uuid=%7b1-2%7d&deviceId={DEVICE}&z=%"
    )

    assert taken.is_empty
    result = (await server.get_command(command["id"]))["result"]
    assert "uuid" == result["matchedBy"]


async def test_other_methods(server: LocalServer) -> None:
    """
    A poll by POST and a result by GET are no such calls, but no error either.
    """
    await server.enqueue()
    query = f"deviceId={DEVICE}"

    answers = [
        await server.request("POST", f"/push?{query}", data=b"{}"),
        await server.request("GET", f"/result?{query}"),
        await server.request("PUT", f"/push?{query}"),
        await server.request("DELETE", f"/x/result?{query}"),
    ]

    assert all(answer.is_empty for answer in answers)
    assert 4 == (await server.get_device())["unknownCalls"]["count"]


async def test_head_hands_nothing_out(server: LocalServer) -> None:
    """
    HEAD, which has no body to carry a command, hands none out.
    """
    command = await server.enqueue()

    answer = await server.request("HEAD", f"/push?deviceId={DEVICE}")

    assert (200, b"") == (answer.status, answer.body)
    assert "PENDING" == (await server.get_command(command["id"]))["state"]
