"""Shadows through stops of the server, and what is told of them."""

from collections.abc import Sequence
from typing import Any

import pytest

from pushserver.dialects.controlid import configuration
from pushserver.errors import NotFound
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.shadow import Service, Written
from pushserver.services.shadows import PIECE
from tests.clock import ManualClock
from tests.model.values import DEVICE
from tests.services.work import WorkDesk, at_work

WANTED: dict[str, Any] = {"general": {"language": "pt_BR"}}
OTHER: dict[str, Any] = {"general": {"language": "en_US"}}


async def desire(work: WorkDesk, desired: Any, **how: Any) -> Sequence[Service]:
    """Say what is desired of the device."""
    patch = work.services.shadows.patch
    return await patch(FIRST_SCOPE, DEVICE, desired, **how)


async def standings(work: WorkDesk) -> dict[str, str]:
    """Return how the device's services stand."""
    found = await work.services.shadows.get(FIRST_SCOPE, DEVICE)
    return {s.service_id: str(s.standing(configuration.text)) for s in found}


async def test_stopped_after_every_word(database: str, clock: ManualClock) -> None:
    """
    A server that stops after each thing it does gets to the same end.
    """
    async with at_work(database, clock) as work:
        await work.adopt(DEVICE)
        await desire(work, WANTED)
    async with at_work(database, clock) as work:
        assert {"general": "pending"} == await standings(work)
        await work.fly("u")
    async with at_work(database, clock) as work:
        await desire(work, OTHER)
    async with at_work(database, clock) as work:
        assert {"general": "pending"} == await standings(work)
        await work.report(uuid="u")
    async with at_work(database, clock) as work:
        assert 1 == await work.services.shadows.go_on()
        assert 0 == await work.services.shadows.go_on()
    async with at_work(database, clock) as work:
        assert "set_configuration" == await work.do()
        assert {"general": "delivered"} == await standings(work)
        assert await work.poll() is None


@pytest.mark.parametrize("late", [b'{"response":{}}', b'{"error":"no"}'])
async def test_late_result_after_a_restart(
    database: str, clock: ManualClock, late: bytes
) -> None:
    """
    A late result finds its service in the file.
    """
    async with at_work(database, clock) as work:
        await work.adopt(DEVICE)
        await desire(work, WANTED)
        await work.fly("u")
        # Beyond the life of the command: it is given up, and not handed out again.
        await work.upkeep(200_000)
        assert {"general": "failed"} == await standings(work)

    async with at_work(database, clock) as work:
        await work.report(late, uuid="u")

        expected = "failed" if b"error" in late else "delivered"
        assert {"general": expected} == await standings(work)


async def test_late_result_of_an_older_command(work: WorkDesk) -> None:
    """
    A late result of a command that is not the service's any more changes nothing.
    """
    await work.adopt(DEVICE)
    await desire(work, WANTED)
    await work.fly("u")
    await work.upkeep(200_000)
    await desire(work, OTHER)

    await work.report(uuid="u")

    (service,) = await work.services.shadows.get(FIRST_SCOPE, DEVICE)
    assert ({}, True) == (service.reported, service.is_writing)


async def test_late_result_while_it_is_read(work: WorkDesk) -> None:
    """
    A late result and a reading that waits tell of one and the same service.
    """
    await work.adopt(DEVICE)
    await desire(work, WANTED)
    await work.fly("u")
    await work.upkeep(200_000)
    shadows = work.services.shadows
    await shadows.refresh(FIRST_SCOPE, DEVICE, {}, lambda _: b"")

    await work.report(uuid="u")
    await work.fly("v")
    await work.report(b'{"response":{"general":{"language":"x"}}}', uuid="v")

    (service,) = await shadows.get(FIRST_SCOPE, DEVICE)
    assert (Written.DELIVERED, {"language": "x"}) == (service.outcome, service.reported)


async def test_deleted_while_in_flight(work: WorkDesk) -> None:
    """
    Who comes back has a new shadow, of which an old command knows nothing.
    """
    await work.adopt(DEVICE)
    await desire(work, WANTED)
    await work.fly("u")
    await work.services.fleet.delete(FIRST_SCOPE, DEVICE)
    await work.adopt(DEVICE)

    (service,) = await desire(work, OTHER)
    await work.report(uuid="u")

    (kept,) = await work.services.shadows.get(FIRST_SCOPE, DEVICE)
    assert (1, {}, True) == (service.version, kept.reported, kept.is_writing)


async def test_bell(work: WorkDesk) -> None:
    """
    The worker is called when a service is to be compared again, and only then.
    """
    shadows = work.services.shadows
    await work.adopt(DEVICE)
    await desire(work, WANTED)
    await work.fly()
    assert not shadows.wanted.is_set()
    await desire(work, OTHER)
    await work.report()

    assert shadows.wanted.is_set()
    assert 1 == await shadows.go_on()
    assert not shadows.wanted.is_set()


async def test_many_pieces(work: WorkDesk) -> None:
    """
    Of more devices than a piece has, each is told what is desired.
    """
    devices = range(1, PIECE + 3)
    await work.adopt(*devices)

    await work.services.shadows.desire_all(FIRST_SCOPE, WANTED, devices)

    for device in (devices[0], devices[-1]):
        (service,) = await work.services.shadows.get(FIRST_SCOPE, device)
        assert (WANTED["general"], True) == (service.desired, service.planned)
    assert 0 == await work.services.shadows.go_on()


async def test_many_lapsed(work: WorkDesk) -> None:
    """
    What expired is tried again on each device that came back.
    """
    for device in (1, 2, 3):
        await work.adopt(device)
        patch = work.services.shadows.patch
        await patch(FIRST_SCOPE, device, WANTED, expires_in=1_000_000)
    await work.upkeep(2)
    await work.come(1, 3)

    assert 2 == await work.services.shadows.go_on()
    assert [1, 0, 1] == [
        len(lane.waiting) if (lane := work.services.store.lane(device)) else 0
        for device in (1, 2, 3)
    ]


async def test_nobodys_device(work: WorkDesk) -> None:
    """
    A device that is not known has no shadow.
    """
    with pytest.raises(NotFound):
        await work.services.shadows.get(FIRST_SCOPE, 99)


async def test_taken_over(work: WorkDesk) -> None:
    """
    Who adopts a device that another scope has given up gets nothing of its shadow.
    """
    await work.adopt(DEVICE)
    await desire(work, WANTED)
    await work.fly("u")
    await work.services.fleet.delete(FIRST_SCOPE, DEVICE)
    other = FIRST_SCOPE + 1
    await work.services.fleet.adopt(other, DEVICE)
    patch = work.services.shadows.patch
    mine: Any = {"general": {"beep": 1}}

    (service,) = await patch(other, DEVICE, mine)
    await work.report(uuid="u")

    (kept,) = await work.services.shadows.get(other, DEVICE)
    assert (1, {"beep": 1}, {}) == (service.version, kept.desired, kept.reported)
