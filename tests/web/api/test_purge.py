"""Deleting old history over the API."""

import pytest

from tests.web.site import Site

LATER = "2999-01-01T00:00:00Z"


async def test_purge(site: Site) -> None:
    """
    Ended commands and their results go; what is left is told, and when it is done.
    """
    await site.enqueue()
    await site.push()
    await site.result()
    await site.enqueue()

    answer = await site.api("POST", "/purge", {"before": LATER})
    again = await site.api("POST", "/purge", {"before": LATER})

    assert {"deleted": 2, "left": 1, "done": True} == answer.json()
    assert {"deleted": 0, "left": 1, "done": True} == again.json()
    assert 1 == len((await site.api("GET", "/commands")).json()["items"])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/before"),
        ({"before": "yesterday"}, "/before"),
        ({"before": "1815-01-01T00:00:00Z"}, "/before"),
        ({"before": LATER, "after": LATER}, "/after"),
    ],
)
async def test_refused(site: Site, body: object, pointer: str) -> None:
    """
    A body without an instant that makes sense is refused, and nothing is deleted.
    """
    answer = await site.api("POST", "/purge", body)

    assert (422, "invalid", pointer) == answer.problem
