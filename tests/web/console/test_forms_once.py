"""A form that is sent twice, by a doubled click, does what it does once."""

import asyncio

import pytest

from tests.web.console.test_access_pages import secret_in
from tests.web.console.visitor import Visitor
from tests.web.local_server import TOKEN


async def test_doubled_click(visitor: Visitor) -> None:
    """
    Of two equal forms at the same time one token is made, and both show its secret.
    """
    fields = {"name": "lift", "token": TOKEN, "permission.devices:read": "on"}
    first, second = await asyncio.gather(
        *(visitor.send("/tokens", **fields, key="k1") for _ in range(2))
    )
    listed = (await visitor.server.api("GET", "/tokens")).json()["items"]

    assert secret_in(first.body) == secret_in(second.body)
    assert ["lift"] == [each["name"] for each in listed if each["name"] == "lift"]


async def test_other_spelling(visitor: Visitor) -> None:
    """
    A form is the same however the address spells whose it is: `5`, `05`, `controlid:5`.
    """
    await visitor.server.api("PUT", "/devices/5", {})
    pages = [
        await visitor.send(f"/devices/{spelled}/key", key="k3")
        for spelled in ("5", "05", "controlid:5", "controlid%3A5")
    ]
    other = await visitor.send("/devices/5/key", key="k4")

    assert [200] * 5 == [each.status for each in (*pages, other)]
    assert 1 == len({each.body for each in pages})
    assert other.body != pages[0].body


async def test_refused_form(visitor: Visitor) -> None:
    """
    What was refused is not kept: corrected, the same form is done.
    """
    wrong = await visitor.send("/scopes", name="", token=TOKEN, key="k2")
    right = await visitor.send("/scopes", name="Annex", token=TOKEN, key="k2")

    assert (422, 200) == (wrong.status, right.status)


@pytest.mark.parametrize(
    "path", ["/tokens", "/scopes", "/subscriptions/new", "/devices/5/edit"]
)
async def test_each_form_has_a_key(visitor: Visitor, path: str) -> None:
    """
    What makes something has a key, another one each time.
    """
    await visitor.server.api("PUT", "/devices/5", {})
    pages = [(await visitor.get(path)).body.decode() for _ in range(2)]
    keys = {page.partition('name="key" value="')[2][:24] for page in pages}

    assert 2 == len(keys - {""})
