"""Subscriptions over the API: made, shown, changed, switched and deleted."""

from tests.clock import ManualClock
from tests.web.api.subscriptions.subscriber import ALL, PLAIN, URL, make, shown
from tests.web.site import DEVICE, Site, standing


async def test_made(site: Site) -> None:
    """
    A new subscription is told whole, with what nobody said by default.
    """
    made = await make(site)

    assert made.pop("secret").startswith("whsec_")
    assert made.pop("id").isdigit()
    assert {
        **PLAIN,
        "format": "native",
        "ordered": False,
        "headers": {},
        "include": [],
        "retryProfile": "standard",
        "appId": "1",
        "state": "active",
        "createdAt": "2026-01-01T00:00:00.000000Z",
        "failures": 0,
        "backlog": {"pending": 0, "dead": 0, "unread": 0, "dropped": 0},
    } == made


async def test_every_wish(site: Site) -> None:
    """
    All that is wished for is kept, and shown again.
    """
    wishes = {
        "format": "iotda",
        "deviceIds": ["7", str(DEVICE)],
        "tags": {"site": "north"},
        "ordered": False,
        "headers": {"X-Key": "secret"},
        "description": "doors",
        "include": ["result"],
        "retryProfile": "huawei",
        "resourceName": "device.commmad.status",
        "appId": "app-1",
    }
    made = await make(site, **wishes)
    told = await shown(site, made)

    assert wishes == {name: told[name] for name in wishes}


async def test_ordered_unless_native(site: Site) -> None:
    """
    Formats of others are told in order, which their applications count on.
    """
    made = await make(site, format="iotda")

    assert made["ordered"] is True


async def test_secret_is_shown_once(site: Site) -> None:
    """
    A secret is in the answer to making and to rotating, and in no other.
    """
    made = await make(site)
    path = f"/subscriptions/{made['id']}"
    rotated = (await site.api("POST", f"{path}/secret/rotate")).json()
    answers = [
        await site.api("GET", path),
        await site.api("GET", "/subscriptions"),
        await site.api("PATCH", path, {"description": "x"}),
        await site.api("POST", f"{path}/disable"),
        await site.api("POST", f"{path}/enable"),
    ]

    assert made["secret"] != rotated["secret"]
    assert [200] * 5 == [answer.status for answer in answers]
    assert not any(b"whsec_" in answer.body for answer in answers)


async def test_list(site: Site) -> None:
    """
    Subscriptions are listed with the oldest first.
    """
    made = [await make(site, url=f"{URL}/{n}") for n in range(3)]
    listed = (await site.api("GET", "/subscriptions")).json()["items"]

    assert [each["id"] for each in made] == [each["id"] for each in listed]


async def test_delete(site: Site) -> None:
    """
    A subscription that was deleted is not there, and may be made again.
    """
    made = await make(site)
    path = f"/subscriptions/{made['id']}"
    answer = await site.api("DELETE", path)

    assert (204, b"") == (answer.status, answer.body)
    assert (404, "not-found", None) == (await site.api("GET", path)).problem
    assert [] == (await site.api("GET", "/subscriptions")).json()["items"]
    assert {} == site.services.store.interest
    await make(site)


async def test_switch(site: Site) -> None:
    """
    Disabled, it has nothing written for it; enabled, it has again.
    """
    made = await make(site)
    path = f"/subscriptions/{made['id']}"
    off = (await site.api("POST", f"{path}/disable")).json()
    interest_off = dict(site.services.store.interest)
    on = (await site.api("POST", f"{path}/enable")).json()

    assert ["disabled", "active"] == [off["state"], on["state"]]
    assert {} == interest_off
    assert [1] == list(site.services.store.interest)


async def test_patch(site: Site) -> None:
    """
    What is given is changed and null takes away; the rest, and the secret, stay.
    """
    made = await make(site, tags={"a": "b"}, deviceIds=["7"], description="old")
    changes = {
        "url": f"{URL}/new",
        "events": ["device.online", "task.finished"],
        "tags": None,
        "headers": {"X-A": "1"},
        "description": None,
        "retryProfile": "huawei",
        "ordered": True,
    }
    path = f"/subscriptions/{made['id']}"
    changed = (await site.api("PATCH", path, changes)).json()

    assert {name: value for name, value in changes.items() if value} == {
        name: changed[name] for name, value in changes.items() if value
    }
    assert {"tags", "description"}.isdisjoint(changed)
    assert ["7"] == changed["deviceIds"]
    assert changed == await shown(site, made)
    (kept,) = site.services.subscriptions
    assert made["secret"] == kept.secret


async def test_native_tells_everything(site: Site) -> None:
    """
    The native format has a body for each event.
    """
    made = await make(site, events=ALL)

    assert ALL == made["events"]


async def test_survives_a_restart(database: str, clock: ManualClock) -> None:
    """
    Subscriptions are there after a restart, and so is what they want to hear of.
    """
    allowed = {"webhook_allow_networks": "127.0.0.0/8"}
    async with standing(database, clock, **allowed) as site:
        made = await make(site, tags={"a": "b"}, headers={"X-A": "1"})
        before = await shown(site, made)
        wanted = dict(site.services.store.interest)
    async with standing(database, clock, **allowed) as site:
        await site.services.subscriptions.load()

        assert before == await shown(site, made)
        assert wanted == site.services.store.interest
