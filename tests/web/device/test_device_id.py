"""What a deviceId is, and what it is not."""

import pytest

from tests.each_case import each_case
from tests.web.local_server import LocalServer

#: No device sends these; a person with curl does.
BAD = (
    "",
    "uuid=u1",
    "deviceid=1",
    "deviceId",
    "deviceId=",
    "deviceId=1&deviceId=1",
    "deviceId=1&deviceId=2",
    "deviceId=1&x=2&deviceId=",
    "deviceId=1_2",
    "deviceId=%EF%BC%91%EF%BC%92",
    "deviceId=+1",
    "deviceId=%2B1",
    "deviceId=%201",
    "deviceId=1%20",
    "deviceId=1%00",
    "deviceId=1%0A",
    "deviceId=-1",
    "deviceId=9223372036854775808",
    "deviceId=99999999999999999999",
    "deviceId=0000000000000000000000001",
    "deviceId=1.0",
    "deviceId=1e3",
    "deviceId=0x10",
    "deviceId=true",
    "deviceId=0G0200/005B6D",
    "deviceId=%FF",
    "deviceId[]=1",
)
GOOD = ("0", "1", "478435", "3206485144263533", "9223372036854775807")


@each_case("query", BAD)
@each_case("prefix", ["", "/x/push", "/d/somekey"])
async def test_no_device_id(server: LocalServer, query: str, prefix: str) -> None:
    """
    What is no decimal int64, there exactly once, is refused for polls and results.
    """
    polled = await server.poll(query, path=f"{prefix}/push")
    posted = await server.post_result(query=query, path=f"{prefix}/result")

    assert (400, "malformed", None) == polled.problem
    assert (400, "malformed", None) == posted.problem
    assert [] == (await server.api("GET", "/devices")).json()["items"]
    assert [] == await server.list_results()


async def test_raw_wide_digits(server: LocalServer) -> None:
    """
    Full-width digits, unencoded on the wire, are refused like any other nonsense.
    """
    start = "GET /push?deviceId=\uff11\uff12 HTTP/1.1\r\n"

    answer = await server.send_raw(
        f"{start}Host: x\r\nConnection: close\r\n\r\n".encode()
    )

    assert b" 400 " == answer[len("HTTP/1.x") :][:5]


@pytest.mark.parametrize("device_id", GOOD)
async def test_device_id(server: LocalServer, device_id: str) -> None:
    """
    Every non-negative int64 is a device, shown to programs as a string.
    """
    await server.enqueue(device_id=int(device_id))

    polled = await server.poll(f"deviceId={device_id}")

    assert "load_objects" == polled.json()["endpoint"]
    assert device_id == (await server.get_device(int(device_id)))["deviceId"]
