"""Shadows, kept: every field, what is due, and what a restart finds."""

import attrs
import pytest

from pushserver.clock import SECOND
from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.ids import MAX_INT64
from pushserver.model.lane import Lane
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.shadow import Service, Written
from pushserver.model.turns import add
from pushserver.storage.base import Store
from pushserver.storage.deciding import Past, Recall
from tests.clock import START, ManualClock
from tests.model.mirrored import service
from tests.model.values import DEVICE, command
from tests.storage.deeds import fly, lane_of, recall, report
from tests.storage.places import Place, opened
from tests.storage.test_fleet import device

FULL = {
    "device_id": MAX_INT64,
    "service_id": "push_server",
    "scope_id": FIRST_SCOPE,
    "desired": {"é": "\x00☃", "n": 9007199254740993, "f": 1.10, "on": True},
    "reported": {"é": "\x00☃", "n": "9007199254740993"},
    "version": 7,
    "desired_at": START + 1,
    "reported_at": START + 2,
    "command_id": MAX_INT64,
    "sent": {"on": True, "one": 1},
    "carried": {"on": "1", "one": "1"},
    "sent_version": 6,
    "outcome": Written.FAILED,
    "verified": True,
    "error": b'{"code": 1.10}',
    "lapsed": True,
    "due": True,
    "planned": True,
    "read_id": MAX_INT64 - 1,
    "asked": ("a", "é"),
}


async def keep(store: Store, *services: Service) -> None:
    """Keep services as they are, all of one device."""

    def decide(_lane: Lane, changes: Changes, _past: Past) -> None:
        for one in services:
            changes.track_service(one)

    await store.change(services[0].device_id, decide)


async def kept(store: Store, device_id: int = DEVICE) -> list[Service]:
    """Return the services of a device."""
    return list(await store.shadows.services(FIRST_SCOPE, device_id))


def fields(one: Service) -> dict[str, object]:
    """Return a service's fields, but for the store's own mark."""
    return {k: v for k, v in attrs.asdict(one).items() if k != "stored"}


def test_every_field_is_tried() -> None:
    """
    No field of a service is left at its default in these tests.
    """
    assert {f.name for f in attrs.fields(Service)} - {"stored"} == set(FULL)


async def test_round_trip(store: Store) -> None:
    """
    A service is kept with every field, new or changed.
    """
    new = Service(**FULL)  # type: ignore[arg-type]
    later = service(device_id=MAX_INT64, service_id="z")
    await keep(store, new, later)
    for name in {*FULL} - {"device_id", "service_id", "scope_id"}:
        setattr(later, name, FULL[name])
    await keep(store, later)

    found = await kept(store, MAX_INT64)
    assert [FULL, {**FULL, "service_id": "z"}] == [fields(one) for one in found]
    types = [type(value) for value in found[0].desired.values()]
    assert [str, int, float, bool] == types


async def test_scopes(store: Store) -> None:
    """
    Another scope's are not there.
    """
    await keep(store, service(scope_id=2))

    assert [] == await kept(store)


async def test_due(store: Store) -> None:
    """
    What is due is found, until it is not.
    """
    one, other = service("a", due=True), service("b")
    await keep(store, one, other)

    found = await store.shadows.due(limit=9)
    assert [(DEVICE, "a")] == [(due.device_id, due.service_id) for due in found]
    one.due = False
    await keep(store, one)
    assert [] == await store.shadows.due(limit=9)


@pytest.mark.parametrize(
    ("scope", "seconds", "there"),
    [(FIRST_SCOPE, 10, True), (FIRST_SCOPE, 31, False), (2, 10, False)],
)
async def test_startable(store: Store, scope: int, seconds: int, there: bool) -> None:
    """
    What has lapsed is found when its device is there again, in the same scope.
    """
    known = device(scope_id=scope, last_seen_at=START)
    await store.save_devices([known])
    await store.save_seen([known], [], keep=1)
    await keep(store, service("a", lapsed=True), service("b"))

    now = START + seconds * SECOND
    found = await store.shadows.startable(now=now, hold=0, limit=9)
    assert (["a"] if there else []) == [due.service_id for due in found]


async def write(store: Store, *names: str) -> None:
    """Let commands write and read services, of which nothing is known yet."""

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        for name in names:
            one, made = service(name), command(service_id=name)
            read = command(service_id=name)
            one.begin_write(made.id, {"a": 1}, str)
            one.begin_read(read.id, ["a"])
            made.shadow = read.shadow = one
            add(lane, made, changes)
            add(lane, read, changes)
            changes.track_service(one)

    await store.change(DEVICE, decide)


async def test_follows_after_a_restart(place: Place, clock: ManualClock) -> None:
    """
    A command that waits, or is in flight, is followed after a restart, too.
    """
    async with opened(place, clock) as store:
        await write(store, "a", "b")
        await fly(store)
    async with opened(place, clock) as store:
        lane = await lane_of(store)
        assert lane.flight is not None
        shadows = [one.shadow for one in lane.commands]
        assert ["a", "a", "b", "b"] == [s.service_id for s in shadows if s]
        assert shadows[0] is shadows[1]
        await report(store, lane.flight)

        written, waiting = await kept(store)
        assert (Written.DELIVERED, {"a": "1"}) == (written.outcome, written.reported)
        assert waiting.is_writing


async def test_recalled(store: Store) -> None:
    """
    A decision that asks for the shadow gets all of it, as it is at work.
    """
    await write(store, "a", "b")

    past = await recall(store, Recall(shadow=True))
    assert ["a", "b"] == sorted(one.service_id for one in past.services)
    assert () == (await recall(store, Recall())).services

    def decide(lane: Lane, changes: Changes, past: Past) -> bool:
        services = changes.shadow(lane, past.services)
        shadows = {one.shadow for one in lane.commands}
        return set(services.values()) == shadows

    assert await store.change(DEVICE, decide, Recall(shadow=True))


async def test_two_decisions_in_a_round(store: Store) -> None:
    """
    The second sees what the first decided, also of what is new.
    """

    def first(_lane: Lane, changes: Changes, _past: Past) -> None:
        changes.track_service(service("a", version=1))

    def second(lane: Lane, changes: Changes, past: Past) -> None:
        found = changes.shadow(lane, past.services)["a"]
        found.version += 1
        changes.track_service(found)

    for decide in (first, second, second):
        await store.change(DEVICE, decide, Recall(shadow=True))

    assert [3] == [one.version for one in await kept(store)]


async def test_forgotten_with_its_device(store: Store) -> None:
    """
    A device's shadow is deleted with it, and no command is followed any more.
    """
    await write(store, "a")
    flight = await fly(store)

    def decide(lane: Lane, changes: Changes, past: Past) -> dict[str, Service]:
        changes.desert(lane)
        return changes.shadow(lane, past.services)

    assert {} == await store.change(DEVICE, decide, Recall(shadow=True))
    await report(store, flight)
    assert [] == await kept(store)

    await keep(store, service("a"))
    await store.forget_device(DEVICE)
    assert [] == await kept(store)


async def test_store_away(place: Place, clock: ManualClock) -> None:
    """
    What could not be written is not there, in memory neither.
    """
    async with opened(place, clock) as store:
        await write(store, "a")
        flight = await fly(store)
        async with place.dead(store):
            with pytest.raises(Unavailable):
                await report(store, flight)
        lane = store.lane(DEVICE)
        assert lane is not None
        (shadow, _) = [one.shadow for one in lane.commands]
        assert shadow is not None
        assert shadow.is_writing
