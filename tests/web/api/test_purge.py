"""Deleting old history over the API."""

import pytest

from tests.web.local_server import LocalServer

LATER = "2999-01-01T00:00:00Z"


async def test_purge(server: LocalServer) -> None:
    """
    Ended commands and their results go; the answer says what is left, and when it is
    done.
    """
    await server.enqueue()
    await server.poll()
    await server.post_result()
    await server.enqueue()

    answer = await server.api("POST", "/purge", {"before": LATER})
    again = await server.api("POST", "/purge", {"before": LATER})

    assert {"deleted": 2, "left": 1, "done": True} == answer.json()
    assert {"deleted": 0, "left": 1, "done": True} == again.json()
    assert 1 == len((await server.api("GET", "/commands")).json()["items"])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/before"),
        ({"before": "yesterday"}, "/before"),
        ({"before": "1815-01-01T00:00:00Z"}, "/before"),
        ({"before": LATER, "after": LATER}, "/after"),
    ],
)
async def test_refused(server: LocalServer, body: object, pointer: str) -> None:
    """
    A body without an instant that makes sense is refused, and nothing is deleted.
    """
    answer = await server.api("POST", "/purge", body)

    assert (422, "invalid", pointer) == answer.problem
