"""Subscriptions over the API: made, shown, changed, switched and deleted."""

from typing import Any

import pytest

from tests.clock import ManualClock
from tests.web.api.subscriptions.requests import (
    EVENT_NAMES,
    REQUEST,
    UNREACHABLE,
    create_subscription,
    get_subscription,
)
from tests.web.local_server import ADMIN, DEVICE, LocalServer, running_server


async def test_made(server: LocalServer) -> None:
    """
    A new subscription is shown whole, with its defaults.
    """
    created = await create_subscription(server)

    assert created.pop("secret").startswith("whsec_")
    assert created.pop("id").isdigit()
    assert {
        **REQUEST,
        "format": "native",
        "ordered": False,
        "headers": {},
        "include": [],
        "retryProfile": "standard",
        "appId": "1",
        "state": "active",
        "createdAt": "2026-01-01T00:00:00.000000Z",
        "createdBy": ADMIN,
        "failures": 0,
        "backlog": {"pending": 0, "dead": 0, "unread": 0, "dropped": 0},
    } == created


async def test_every_setting(server: LocalServer) -> None:
    """
    Every setting is stored, and shown again.
    """
    settings = {
        "format": "iotda",
        "deviceIds": ["7", str(DEVICE)],
        "tags": {"site": ["north"]},
        "ordered": False,
        "headers": {"X-Key": "secret"},
        "description": "doors",
        "include": ["result"],
        "retryProfile": "huawei",
        "resourceName": "device.commmad.status",
        "appId": "app-1",
    }
    created = await create_subscription(server, **settings)
    shown = await get_subscription(server, created)

    assert settings == {name: shown[name] for name in settings}


async def test_ordered_unless_native(server: LocalServer) -> None:
    """
    Formats of other platforms are ordered by default: their applications rely on it.
    """
    created = await create_subscription(server, format="iotda")

    assert created["ordered"] is True


async def test_secret_is_shown_once(server: LocalServer) -> None:
    """
    A secret is in the answer to making and to rotating, and in no other.
    """
    created = await create_subscription(server)
    path = f"/subscriptions/{created['id']}"
    rotated = (await server.api("POST", f"{path}/secret/rotate")).json()
    answers = [
        await server.api("GET", path),
        await server.api("GET", "/subscriptions"),
        await server.api("PATCH", path, {"description": "x"}),
        await server.api("POST", f"{path}/disable"),
        await server.api("POST", f"{path}/enable"),
    ]

    assert created["secret"] != rotated["secret"]
    assert [200] * 5 == [answer.status for answer in answers]
    assert not any(b"whsec_" in answer.body for answer in answers)


async def test_list(server: LocalServer) -> None:
    """
    Subscriptions are listed with the oldest first.
    """
    created = [
        await create_subscription(server, url=f"{UNREACHABLE}/{n}") for n in range(3)
    ]
    listed = (await server.api("GET", "/subscriptions")).json()["items"]

    assert [each["id"] for each in created] == [each["id"] for each in listed]


async def test_delete(server: LocalServer) -> None:
    """
    A subscription that was deleted is not there, and may be made again.
    """
    created = await create_subscription(server)
    path = f"/subscriptions/{created['id']}"
    answer = await server.api("DELETE", path)

    assert (204, b"") == (answer.status, answer.body)
    assert (404, "not-found", None) == (await server.api("GET", path)).problem
    assert [] == (await server.api("GET", "/subscriptions")).json()["items"]
    assert {} == server.services.store.event_interest
    await create_subscription(server)


async def test_switch(server: LocalServer) -> None:
    """
    Disabled, it has nothing written for it; enabled, it has again.
    """
    created = await create_subscription(server)
    path = f"/subscriptions/{created['id']}"
    off = (await server.api("POST", f"{path}/disable")).json()
    interest_off = dict(server.services.store.event_interest)
    on = (await server.api("POST", f"{path}/enable")).json()

    assert ["disabled", "active"] == [off["state"], on["state"]]
    assert {} == interest_off
    assert [1] == list(server.services.store.event_interest)


async def test_patch(server: LocalServer) -> None:
    """
    What is given is changed and null takes away; the rest, and the secret, stay.
    """
    created = await create_subscription(
        server, tags={"a": "b"}, deviceIds=["7"], description="old"
    )
    changes = {
        "url": f"{UNREACHABLE}/new",
        "events": ["device.online", "task.finished"],
        "tags": None,
        "headers": {"X-A": "1"},
        "description": None,
        "retryProfile": "huawei",
        "ordered": True,
    }
    path = f"/subscriptions/{created['id']}"
    changed = (await server.api("PATCH", path, changes)).json()

    assert {name: value for name, value in changes.items() if value} == {
        name: changed[name] for name, value in changes.items() if value
    }
    assert {"tags", "description"}.isdisjoint(changed)
    assert ["7"] == changed["deviceIds"]
    assert changed == await get_subscription(server, created)
    (subscription,) = server.services.subscription_registry
    assert created["secret"] == subscription.secret


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"site": "north"}, {"site": ["north"]}),
        ({"site": ["south", "north", "south"]}, {"site": ["north", "south"]}),
        ({"a": "b,c", "d": ["e"]}, {"a": ["b,c"], "d": ["e"]}),
    ],
)
async def test_values_of_tags(
    server: LocalServer, tags: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    """
    A key is given one value or several, and shown with all of them.
    """
    created = await create_subscription(server, tags=tags)

    assert expected == created["tags"]
    assert created["tags"] == (await get_subscription(server, created))["tags"]


async def test_native_tells_everything(server: LocalServer) -> None:
    """
    The native format has a body for each event.
    """
    created = await create_subscription(server, events=EVENT_NAMES)

    assert EVENT_NAMES == created["events"]


async def test_survives_a_restart(database: str, clock: ManualClock) -> None:
    """
    Subscriptions survive a restart, and so does their interest.
    """
    allowed = {"webhook_allow_networks": "127.0.0.0/8"}
    async with running_server(database, clock, **allowed) as server:
        created = await create_subscription(
            server, tags={"a": "b", "c": ["d", "e"]}, headers={"X-A": "1"}
        )
        before = await get_subscription(server, created)
        interest = dict(server.services.store.event_interest)
    async with running_server(database, clock, **allowed) as server:
        await server.services.subscription_registry.load()

        assert before == await get_subscription(server, created)
        assert interest == server.services.store.event_interest
