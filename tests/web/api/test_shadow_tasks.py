"""Shadows of many devices: what is desired is there at once, and sent by a task."""

from typing import Any

from tests.web.api.shadows import desire, do, shadow
from tests.web.api.tasks import counted, shown
from tests.web.site import DEVICE, Site

WANTED = {"general": {"language": "pt_BR"}, "ntp": {"enabled": True}}


async def ask(site: Site, **given: Any) -> Any:
    """Say what is desired of all devices."""
    wanted = {"targets": {"all": True}, "desired": WANTED, **given}
    answer = await site.api("PATCH", "/shadows", wanted)
    assert answer.status in (200, 201), answer.body
    return answer


async def make(site: Site, **given: Any) -> dict[str, Any]:
    """Say what is desired of all devices; the task begins."""
    task: dict[str, Any] = (await ask(site, **given)).json()
    await site.services.rollout.advance()
    return task


async def of(site: Site, device: int) -> dict[str, Any]:
    """Return how a device's services stand."""
    answer = await site.api("GET", f"/devices/{device}/shadow")
    services = answer.json()["services"]
    return {name: one["status"] for name, one in services.items()}


async def test_task(fleet: Site) -> None:
    """
    Each device that is there is told, a service after the other, and the task counts.
    """
    task = await make(fleet)

    for device in (1, 2):
        assert [{"general": {"language": "pt_BR"}}, {"ntp": {"enabled": "1"}}] == [
            await do(fleet, device=device),
            await do(fleet, device=device),
        ]
        assert {"general": "delivered", "ntp": "delivered"} == await of(fleet, device)
    assert (2, 2, 0, 0, 2) == counted(await shown(fleet, task))


async def test_desired_at_once(fleet: Site) -> None:
    """
    What is desired of a device that is away is there, and pending; nothing waits.
    """
    await make(fleet)

    assert {"general": "pending", "ntp": "pending"} == await of(fleet, 3)
    pending = await fleet.api("GET", "/devices/3/commands")
    assert [] == pending.json()["items"]


async def test_dry_run(fleet: Site) -> None:
    """
    A dry run tells who would be hit, and changes nothing.
    """
    answer = await ask(fleet, dryRun=True)

    assert (200, 4) == (answer.status, answer.json()["devices"])
    assert {} == await of(fleet, 1)


async def test_failure(fleet: Site) -> None:
    """
    A service that a device refuses stops no other, and the operation has failed.
    """
    task = await make(fleet, targets={"deviceIds": [1]})

    await do(fleet, b'{"error":"no"}', device=1)
    await do(fleet, device=1)

    assert {"general": "failed", "ntp": "delivered"} == await of(fleet, 1)
    assert (0, 0, 1, 0, 0) == counted(await shown(fleet, task))


async def test_nothing_differs(fleet: Site) -> None:
    """
    A device that has it all is told once more, so that the task can count it.
    """
    await make(fleet, targets={"deviceIds": [1]})
    await do(fleet, device=1)
    await do(fleet, device=1)

    task = await make(fleet, targets={"deviceIds": [1]})

    assert {"general": {"language": "pt_BR"}} == await do(fleet, device=1)
    assert {"ntp": {"enabled": "1"}} == await do(fleet, device=1)
    assert (0, 1, 0, 0, 0) == counted(await shown(fleet, task))


async def test_newer_value_first(fleet: Site) -> None:
    """
    A newer value, sent before the step's turn, is what the step confirms.
    """
    await fleet.api("PUT", f"/devices/{DEVICE}", {})
    await ask(fleet, targets={"deviceIds": [str(DEVICE)]})
    await desire(fleet, {"general": {"language": "es_SP"}})
    assert {"general": {"language": "es_SP"}} == await do(fleet)

    await fleet.push()
    while not fleet.services.fleet.is_flushed:
        await fleet.services.fleet.flush()
    await fleet.services.rollout.advance()

    assert {"general": {"language": "es_SP"}} == await do(fleet)
    assert {"ntp": {"enabled": "1"}} == await do(fleet)


async def test_newer_value_replaces_the_step(fleet: Site) -> None:
    """
    A newer value replaces the step's queued command, and the operation says so.
    """
    await fleet.api("PUT", f"/devices/{DEVICE}", {})
    await fleet.push()
    while not fleet.services.fleet.is_flushed:
        await fleet.services.fleet.flush()
    task = await make(fleet, targets={"deviceIds": [str(DEVICE)]})

    await desire(fleet, {"general": {"language": "es_SP"}})
    await fleet.services.operations.go_on()

    assert {"general": {"language": "es_SP"}} == await do(fleet)
    assert {"ntp": {"enabled": "1"}} == await do(fleet)
    assert (0, 0, 1, 0, 0) == counted(await shown(fleet, task))


async def test_step_waits_for_what_is_in_flight(fleet: Site) -> None:
    """
    While another write of the service is with the device, the step waits its turn.
    """
    await desire(fleet, {"general": {"language": "en_US"}})
    await fleet.push()
    while not fleet.services.fleet.is_flushed:
        await fleet.services.fleet.flush()
    task = await make(fleet, targets={"deviceIds": [str(DEVICE)]})
    assert (1, 0, 0, 0, 1) == counted(await shown(fleet, task))

    await fleet.result(b'{"response":{}}')
    await fleet.services.shadows.go_on()
    await fleet.services.rollout.advance()

    assert {"general": {"language": "pt_BR"}} == await do(fleet)
    assert {"ntp": {"enabled": "1"}} == await do(fleet)
    assert (0, 1, 0, 0, 0) == counted(await shown(fleet, task))


async def test_one_is_full(fleet: Site) -> None:
    """
    A device that cannot take it is named, and no task is made.
    """
    full = {f"s{n}": {"a": 1} for n in range(64)}
    assert 200 == (await fleet.api("PATCH", "/devices/3/shadow", full)).status
    wanted = {"targets": {"all": True}, "desired": WANTED}

    answer = await fleet.api("PATCH", "/shadows", wanted)
    await fleet.services.rollout.advance()

    assert (422, "invalid", "/targets") == answer.problem
    assert "Device 3" in answer.json()["detail"]
    assert [] == (await fleet.api("GET", "/tasks")).json()["items"]


async def test_retried(fleet: Site) -> None:
    """
    What failed is tried again with the task, and nothing else.
    """
    task = await make(fleet, targets={"deviceIds": [1]})
    await do(fleet, b'{"error":"no"}', device=1)
    await do(fleet, device=1)

    await fleet.api("POST", f"/tasks/{task['id']}/retry")
    await fleet.services.rollout.advance()
    await do(fleet, device=1)
    await do(fleet, device=1)

    assert {"general": "delivered", "ntp": "delivered"} == await of(fleet, 1)
    assert (0, 1, 0, 0, 0) == counted(await shown(fleet, task))


async def test_canceled(fleet: Site) -> None:
    """
    When the task is canceled, what is desired stays, and is sent when it is named.
    """
    task = await make(fleet, targets={"deviceIds": [3]})
    await fleet.api("POST", f"/tasks/{task['id']}/cancel")
    assert {"general": "pending", "ntp": "pending"} == await of(fleet, 3)

    await fleet.api("PATCH", "/devices/3/shadow", {"general": {}})

    assert {"general": {"language": "pt_BR"}} == await do(fleet, device=3)
    assert {"general": "delivered", "ntp": "pending"} == await of(fleet, 3)


async def test_replayed(fleet: Site) -> None:
    """
    The same request under the same key gets the same answer, and makes nothing.
    """
    key = {"Idempotency-Key": "k"}
    wanted = {"targets": {"deviceIds": [1]}, "desired": WANTED}
    one = await fleet.api("PATCH", "/shadows", wanted, headers=key)
    other = await fleet.api("PATCH", "/shadows", wanted, headers=key)

    assert (201, 201, one.body) == (one.status, other.status, other.body)
    assert "true" == other.headers["Idempotency-Replayed"]
    assert 1 == len((await fleet.api("GET", "/tasks")).json()["items"])


async def test_unchanged_elsewhere(fleet: Site) -> None:
    """
    What was desired of other services, and other properties, stays.
    """
    await desire(fleet, {"general": {"beep": 1}, "alarm": {"siren": 0}})

    await ask(fleet, targets={"deviceIds": [str(DEVICE)]})

    desired = {name: one["desired"] for name, one in (await shadow(fleet)).items()}
    assert {
        "general": {"beep": 1, "language": "pt_BR"},
        "ntp": {"enabled": True},
        "alarm": {"siren": 0},
    } == desired
