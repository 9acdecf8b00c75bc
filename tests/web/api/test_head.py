"""HEAD, wherever there is a GET."""

import re
from collections.abc import Mapping

from pushserver.web.api import ROUTES
from pushserver.web.api.responses import encode_json
from pushserver.web.api.route import ApiRoute
from tests.each_case import each_case
from tests.web.local_server import DEVICE, TOKEN, LocalServer

READ_ROUTES = [route for route in ROUTES if route.method == "GET"]
#: What is not in the answer to HEAD, since it tells when or how a body is sent.
OF_THE_MOMENT = {"date", "transfer-encoding", "x-request-id"}


async def raw_answer(
    server: LocalServer, method: str, path: str
) -> tuple[str, Mapping[str, str], bytes]:
    """Return the status line, the headers and every byte after them."""
    answer = await server.send_raw(
        f"{method} /api/v1{path} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n".encode()
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return status, {k: headers[k] for k in headers.keys() - OF_THE_MOMENT}, body


@each_case(
    "route",
    [route for route in READ_ROUTES if route.name != "streamEvents"],
    ids=lambda route: route.name,
)
async def test_as_get(server: LocalServer, route: ApiRoute) -> None:
    """
    What is got can be asked for its head: the same status and headers, and no byte
    after them.
    """
    await server.enqueue(device_id=1)
    path = re.sub(r"\{\w+\}", "1", route.path)

    got = await raw_answer(server, "GET", path)
    head = await raw_answer(server, "HEAD", path)

    assert (*got[:2], b"") == head


async def test_large(server: LocalServer) -> None:
    """
    So it is with an answer of more than is kept in memory.
    """
    command = await server.enqueue()
    await server.poll()
    await server.post_result(encode_json({"response": "y" * 3_000_000}))

    got = await raw_answer(server, "GET", f"/commands/{command['id']}")
    head = await raw_answer(server, "HEAD", f"/commands/{command['id']}")

    assert (*got[:2], b"") == head
    assert 3_000_000 < int(head[1]["content-length"])


async def test_stream(server: LocalServer) -> None:
    """
    The head of a stream ends: nothing is streamed.
    """
    status, headers, body = await raw_answer(server, "HEAD", "/events")

    assert ("HTTP/1.1 200 OK", b"") == (status, body)
    assert "text/event-stream" == headers["content-type"]


async def test_permission(server: LocalServer) -> None:
    """
    HEAD needs the permission of its GET.
    """
    token = await server.create_token("events:read")

    answer = await server.api("HEAD", f"/devices/{DEVICE}", token=token)

    assert 403 == answer.status
