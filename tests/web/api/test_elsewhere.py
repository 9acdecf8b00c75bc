"""What one server was told counts at once at the others over the same database."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from pushserver.errors import Unavailable
from tests.clock import ManualClock
from tests.web.api.operations import STEP
from tests.web.api.tasks import ALL, ask, shown
from tests.web.site import LOAD_USERS, Site, standing

pytestmark = pytest.mark.only_on("postgres")
DOOR = 7


@pytest.fixture(name="there")
async def _there(database: str, clock: ManualClock) -> AsyncIterator[Site]:
    """Return a second server, which hears of the first one only when it asks."""
    async with standing(database, clock) as there:
        desk = cast("Any", there.services.store).desk
        desk._task.cancel()
        yield there


async def test_token(site: Site, there: Site) -> None:
    """A token is valid everywhere, and refused everywhere once it was revoked."""
    body = {"name": "x", "permissions": ["devices:read"]}
    made = (await site.api("POST", "/tokens", body)).json()
    secret = made["token"]
    valid = await there.api("GET", "/devices", token=secret)
    wrong = await there.api("GET", "/devices", token="pst_nobody")

    assert 200 == valid.status
    assert 401 == wrong.status


async def test_login_of_kapua(site: Site, there: Site) -> None:
    """So it is for the clients of Kapua."""
    body = {"name": "x", "permissions": ["devices:read"]}
    secret = (await site.api("POST", "/tokens", body)).json()["token"]
    login = "/v1/authentication/apikey"
    headers = {"Content-Type": "application/json"}
    data = f'{{"apiKey":"{secret}"}}'
    answer = await there.call("POST", login, data=data, headers=headers)

    assert 200 == answer.status


async def test_device(site: Site, there: Site) -> None:
    """A device is there for everybody; one that nobody made is not."""
    await site.api("PUT", f"/devices/{DOOR}", {"name": "door"})
    shown = await there.api("GET", f"/devices/{DOOR}")
    missing = await there.api("GET", f"/devices/{DOOR + 1}")

    assert "door" == shown.json()["name"]
    assert (404, "not-found", None) == missing.problem


async def test_deleted(site: Site, there: Site) -> None:
    """A device that is deleted is gone everywhere, also where it came by itself."""
    await there.push(f"deviceId={DOOR}")
    await site.api("PUT", f"/devices/{DOOR}", {})
    adopted = await there.api("GET", f"/devices/{DOOR + 1}")
    await site.api("DELETE", f"/devices/{DOOR}")
    await there.services.peers.catch_up()
    gone = await there.api("GET", f"/devices/{DOOR}")
    await there.services.fleet.flush()

    assert 404 == adopted.status == gone.status
    assert [] == await site.services.store.all_devices()


async def test_made_once(site: Site, there: Site) -> None:
    """Of two who make the same device one is told that it is new."""
    await site.api("PUT", f"/devices/{DOOR}", {})
    again = await there.api("PUT", f"/devices/{DOOR}", {"name": "door"})

    assert 200 == again.status


async def test_read_later(site: Site, there: Site, database: str) -> None:
    """What cannot be read when it is heard of is read when the database is back."""
    store, peers = cast("Any", there.services.store), there.services.peers
    await site.api("PUT", f"/devices/{DOOR}", {})
    for session in store.lists.sessions + store.workers.sessions + store.hot.sessions:
        await session.run(lambda link: link.close())
    known = store.desk.session.database
    known.url = "postgresql:///nowhere?host=/nowhere"
    with pytest.raises(Unavailable):
        await peers.catch_up()
    known.url, known.away_until = database, 0.0

    assert (True, False) == (await peers.refresh(), await peers.refresh())
    assert there.services.fleet.known(DOOR) is not None


async def test_command(site: Site, there: Site) -> None:
    """Who may not adopt devices has commands taken for one that was just adopted."""
    body = {"name": "x", "permissions": ["commands:write"]}
    secret = (await site.api("POST", "/tokens", body)).json()["token"]
    await there.api("GET", "/commands", token=secret)
    await site.api("PUT", f"/devices/{DOOR}", {})
    taken, refused = [
        await there.api("POST", f"/devices/{i}/commands", LOAD_USERS, token=secret)
        for i in (DOOR, DOOR + 1)
    ]

    assert (201, 404) == (taken.status, refused.status)


async def test_task(site: Site, there: Site) -> None:
    """A task reaches all devices that were there when it was asked for."""
    await site.api("PUT", f"/devices/{DOOR}", {})
    made = await ask(there)

    assert (201, 1) == (made.status, made.json()["devices"])


async def test_task_asked_for_twice(site: Site, there: Site) -> None:
    """Of a task that is asked for at two servers at once there is one."""
    await site.api("PUT", f"/devices/{DOOR}", {})
    wanted = {"targets": ALL, "steps": [STEP]}
    made = await asyncio.gather(
        *(
            each.api("POST", "/tasks", wanted, headers={"Idempotency-Key": "k"})
            for each in (site, there)
        )
    )

    assert [201, 201] == [each.status for each in made]
    assert 1 == len({each.json()["id"] for each in made})
    assert 1 == len((await site.api("GET", "/tasks")).json()["items"])


async def carried_out(site: Site, there: Site) -> tuple[int, int]:
    """Have a new device's task carried out there; return how many run, and failed."""
    await site.api("PUT", f"/devices/{DOOR}", {})
    await site.push(f"deviceId={DOOR}")
    await site.services.fleet.flush()
    made = (await ask(site)).json()
    await there.services.rollout.advance()
    counts = (await shown(site, made))["counts"]
    return counts["RUNNING"], counts["FAILED"]


async def test_step_of_a_task(site: Site, there: Site) -> None:
    """Whoever carries a task out knows its devices, also the newest."""
    assert (1, 0) == await carried_out(site, there)


async def test_step_for_who_came_before(site: Site, there: Site) -> None:
    """So it does if the device had come to it, when nobody had adopted it yet."""
    await there.push(f"deviceId={DOOR}")

    assert (1, 0) == await carried_out(site, there)
