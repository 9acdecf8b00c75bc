"""Where devices call: the two paths, and what people make of them."""

import pytest

from tests.web.site import DEVICE, Site

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


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("prefix", PREFIXES)
async def test_any_address(site: Site, prefix: str, tail: str) -> None:
    """
    A command and its result find their way under any address that people type.
    """
    command = await site.enqueue()
    query = f"deviceId={DEVICE}&uuid=u1"

    polled = await site.push(query, at=f"{prefix}/push{tail}")
    taken = await site.result(query=query, at=f"{prefix}/result{tail}")

    assert "load_objects" == polled.json()["endpoint"]
    assert taken.is_empty
    assert "SUCCESSFUL" == (await site.command(command["id"]))["state"]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("tail", TAILS)
async def test_any_address_with_key(site: Site, prefix: str, tail: str) -> None:
    """
    The same holds below a key, with the forms doubled there, too.
    """
    command = await site.enqueue()
    key = (await site.api("POST", f"/devices/{DEVICE}/key")).json()["key"]

    polled = await site.push(at=f"{prefix}/d/{key}/push/push{tail}")
    taken = await site.result(at=f"{prefix}/d/{key}//push/result{tail}")

    assert "load_objects" == polled.json()["endpoint"]
    assert taken.is_empty
    assert "SUCCESSFUL" == (await site.command(command["id"]))["state"]


async def test_parameters_in_any_order(site: Site) -> None:
    """
    Parameters come in any order, percent-encoded, and with others beside them.
    """
    command = await site.enqueue()

    await site.push(f"uuid=%7B1%2D2%7D&x=1&deviceId=%34{str(DEVICE)[1:]}&&y")
    taken = await site.result(
        query=f"endpoint=load%5Fobjects&uuid=%7b1-2%7d&deviceId={DEVICE}&z=%"
    )

    assert taken.is_empty
    result = (await site.command(command["id"]))["result"]
    assert "uuid" == result["matchedBy"]


async def test_other_methods(site: Site) -> None:
    """
    A poll by POST and a result by GET are no such calls, but no error either.
    """
    await site.enqueue()
    query = f"deviceId={DEVICE}"

    answers = [
        await site.call("POST", f"/push?{query}", data=b"{}"),
        await site.call("GET", f"/result?{query}"),
        await site.call("PUT", f"/push?{query}"),
        await site.call("DELETE", f"/x/result?{query}"),
    ]

    assert all(answer.is_empty for answer in answers)
    assert 4 == (await site.device())["unknownCalls"]["count"]


async def test_head_hands_nothing_out(site: Site) -> None:
    """
    HEAD, which has no body to carry a command, hands none out.
    """
    command = await site.enqueue()

    answer = await site.call("HEAD", f"/push?deviceId={DEVICE}")

    assert (200, b"") == (answer.status, answer.body)
    assert "PENDING" == (await site.command(command["id"]))["state"]
