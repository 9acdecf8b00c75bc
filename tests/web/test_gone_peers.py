"""Peers that leave: no failure of the server, whatever they had asked for."""

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from pushserver.web.fast_connection import FastLaneConnection
from tests.each_case import each_case
from tests.web.console.visitor import SAME_SITE, Visitor
from tests.web.local_server import (
    TOKEN,
    LocalServer,
    reset_connection,
    wait_until,
)
from tests.web.test_request_starts import held

#: A count of the connections that the server has seen end.
LostCount = Callable[[], int]
API = "/api/v1"
FORM = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n"
STREAMS = [
    f"GET {API}/devices/export HTTP/1.1\r\n\r\n",
    f"GET {API}/devices/export?format=csv HTTP/1.1\r\n\r\n",
    f"GET {API}/events HTTP/1.1\r\n\r\n",
    f"GET {API}/blobs/{{blob}} HTTP/1.1\r\n\r\n",
    "GET /console/live?topics=commands HTTP/1.1\r\n\r\n",
    f"POST /console/commands/export HTTP/1.1\r\n{FORM}\r\nformat=csv",
]
OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture(name="lost_count")
def _lost_count(monkeypatch: pytest.MonkeyPatch) -> LostCount:
    """Return what counts the connections that the server has seen end from now on."""
    lost: list[BaseException | None] = []
    lose = FastLaneConnection.connection_lost

    def record(connection: FastLaneConnection, error: BaseException | None) -> None:
        lose(connection, error)
        lost.append(error)

    monkeypatch.setattr(FastLaneConnection, "connection_lost", record)
    return lambda: len(lost)


@each_case("request_text", STREAMS)
async def test_gone_before_the_answer(
    server: LocalServer, lost_count: LostCount, request_text: str
) -> None:
    """
    What is sent in pieces breaks off when its peer has left before the first of them:
    that is in the log, and nothing of a failure is.
    """
    visitor = Visitor(server)
    await visitor.sign_in()
    blob = await server.api("POST", "/blobs", b"x" * 9, headers=OCTETS)
    line, _, rest = request_text.format(blob=blob.json()["id"]).partition("\r\n")
    head = [line, "Host: x", f"Authorization: Bearer {TOKEN}"]
    head += [f"Cookie: {visitor.cookie}", *map(": ".join, SAME_SITE.items()), rest]
    starts, before = server.services.request_starts, lost_count()
    with capture_logs() as logs:
        with held(starts):
            async with server.connect() as (_, writer):
                writer.write("\r\n".join(head).encode())
                await wait_until(lambda: starts._waiting == 1)
                reset_connection(writer)
                await wait_until(lambda: lost_count() > before)
        await wait_until(lambda: "request" in [each["event"] for each in logs])

    answers = [(each["event"], each.get("status")) for each in logs]
    assert [("request", 200)] == answers
    assert logs[0]["broken_off"] is True
