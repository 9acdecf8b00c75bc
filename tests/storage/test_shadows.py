"""Shadows are stored: every field, what is due, and what a restart finds."""

import attrs
import pytest

from pushserver.clock import SECOND
from pushserver.errors import Unavailable
from pushserver.model.actor import Actor
from pushserver.model.changes import Changes
from pushserver.model.ids import MAX_INT64
from pushserver.model.lane import Lane
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.shadow import Service, WriteOutcome
from pushserver.model.transitions import enqueue
from pushserver.storage.base import Store
from pushserver.storage.commands import Lookup, PriorState
from tests.clock import START, ManualClock
from tests.model.factories import DEVICE, command
from tests.model.shadow_scenario import service
from tests.storage.locations import StoreLocation, open_store
from tests.storage.queue_actions import get_lane, poll_command, post_result, prior_state
from tests.storage.test_devices import device

pytestmark = pytest.mark.scopes(2)

FULL = {
    "device_id": MAX_INT64,
    "service_id": "push_server",
    "scope_id": DEFAULT_SCOPE_ID,
    "desired": {"é": "\x00☃", "n": 9007199254740993, "f": 1.10, "on": True},
    "reported": {"é": "\x00☃", "n": "9007199254740993"},
    "desired_version": 7,
    "desired_at": START + 1,
    "reported_at": START + 2,
    "write_command_id": MAX_INT64,
    "sent_values": {"on": True, "one": 1},
    "sent_texts": {"on": "1", "one": "1"},
    "sent_version": 6,
    "write_outcome": WriteOutcome.FAILED,
    "verified": True,
    "write_error": b'{"code": 1.10}',
    "is_write_expired": True,
    "needs_reconcile": True,
    "awaits_step": True,
    "read_command_id": MAX_INT64 - 1,
    "read_keys": ("a", "é"),
    "desired_by": Actor(MAX_INT64, "João"),
}


async def save_services(store: Store, *services: Service) -> None:
    """Keep services as they are, all of one device."""

    def decide(_lane: Lane, changes: Changes, _prior: PriorState) -> None:
        for one in services:
            changes.record_service(one)

    await store.change_lane(services[0].device_id, decide)


async def get_services(store: Store, device_id: int = DEVICE) -> list[Service]:
    """Return the services of a device."""
    return list(await store.shadows.services(DEFAULT_SCOPE_ID, device_id))


def fields(one: Service) -> dict[str, object]:
    """Return a service's fields, but for the store's own mark."""
    return {k: v for k, v in attrs.asdict(one, recurse=False).items() if k != "stored"}


def test_every_field_is_tried() -> None:
    """
    No field of a service is left at its default in these tests.
    """
    assert {f.name for f in attrs.fields(Service)} - {"stored"} == set(FULL)


async def test_round_trip(store: Store) -> None:
    """
    A service is stored with every field, new or changed.
    """
    new = Service(**FULL)  # type: ignore[arg-type]
    later = service(device_id=MAX_INT64, service_id="z")
    await save_services(store, new, later)
    for name in {*FULL} - {"device_id", "service_id", "scope_id"}:
        setattr(later, name, FULL[name])
    await save_services(store, later)

    found = await get_services(store, MAX_INT64)
    assert [FULL, {**FULL, "service_id": "z"}] == [fields(one) for one in found]
    types = [type(value) for value in found[0].desired.values()]
    assert [str, int, float, bool] == types


async def test_scopes(store: Store) -> None:
    """
    Another scope's are not there.
    """
    await save_services(store, service(scope_id=2))

    assert [] == await get_services(store)


async def test_due(store: Store) -> None:
    """
    What is due is found, until it is not.
    """
    one, other = service("a", needs_reconcile=True), service("b")
    await save_services(store, one, other)

    found = await store.shadows.due_services(limit=9)
    assert [(DEVICE, "a")] == [(due.device_id, due.service_id) for due in found]
    one.needs_reconcile = False
    await save_services(store, one)
    assert [] == await store.shadows.due_services(limit=9)


@pytest.mark.parametrize(
    ("scope", "seconds", "there"),
    [(DEFAULT_SCOPE_ID, 10, True), (DEFAULT_SCOPE_ID, 31, False), (2, 10, False)],
)
async def test_startable(store: Store, scope: int, seconds: int, there: bool) -> None:
    """
    What has lapsed is found when its device is there again, in the same scope.
    """
    record = device(scope_id=scope, last_seen_at=START)
    await store.save_devices([record])
    await store.save_last_seen([record], [], keep=1)
    await save_services(store, service("a", is_write_expired=True), service("b"))

    now = START + seconds * SECOND
    found = await store.shadows.retryable_services(now=now, hold=0, limit=9)
    assert (["a"] if there else []) == [due.service_id for due in found]


async def write(store: Store, *names: str) -> None:
    """Let commands write and read services, of which nothing is known yet."""

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        for name in names:
            one, one_command = service(name), command(service_id=name)
            read = command(service_id=name)
            one.begin_write(one_command.id, {"a": 1}, str)
            one.begin_read(read.id, ["a"])
            one_command.service = read.service = one
            enqueue(lane, one_command, changes)
            enqueue(lane, read, changes)
            changes.record_service(one)

    await store.change_lane(DEVICE, decide)


async def test_follows_after_a_restart(
    location: StoreLocation, clock: ManualClock
) -> None:
    """
    A command that waits, or is in flight, is followed after a restart, too.
    """
    async with open_store(location, clock) as store:
        await write(store, "a", "b")
        await poll_command(store)
    async with open_store(location, clock) as store:

        def decide(
            lane: Lane, _changes: Changes, _prior: PriorState
        ) -> list[Service | None]:
            return [one.service for one in lane.commands]

        shadows = await store.change_lane(DEVICE, decide)
        assert ["a", "a", "b", "b"] == [s.service_id for s in shadows if s]
        assert shadows[0] is shadows[1]
        lane = await get_lane(store)
        assert lane.in_flight is not None
        await post_result(store, lane.in_flight)

        written, waiting = await get_services(store)
        assert (WriteOutcome.DELIVERED, {"a": "1"}) == (
            written.write_outcome,
            written.reported,
        )
        assert waiting.is_writing


async def test_looked_up(store: Store) -> None:
    """
    A decision that asks for the shadow gets all of it, as it is at work.
    """
    await write(store, "a", "b")

    prior = await prior_state(store, Lookup(services=True))
    assert ["a", "b"] == sorted(one.service_id for one in prior.services)
    assert () == (await prior_state(store, Lookup())).services

    def decide(lane: Lane, changes: Changes, prior: PriorState) -> bool:
        services = changes.live_services(lane, prior.services)
        shadows = {one.service for one in lane.commands}
        return set(services.values()) == shadows

    assert await store.change_lane(DEVICE, decide, Lookup(services=True))


async def test_two_decisions_in_a_round(store: Store) -> None:
    """
    The second sees what the first decided, also of what is new.
    """

    def first(_lane: Lane, changes: Changes, _prior: PriorState) -> None:
        changes.record_service(service("a", desired_version=1))

    def second(lane: Lane, changes: Changes, prior: PriorState) -> None:
        found = changes.live_services(lane, prior.services)["a"]
        found.desired_version += 1
        changes.record_service(found)

    for decide in (first, second, second):
        await store.change_lane(DEVICE, decide, Lookup(services=True))

    assert [3] == [one.desired_version for one in await get_services(store)]


async def test_forgotten_with_its_device(store: Store) -> None:
    """
    A device's shadow is deleted with it, and no command is followed any more.
    """
    await write(store, "a")
    in_flight = await poll_command(store)

    def decide(lane: Lane, changes: Changes, prior: PriorState) -> dict[str, Service]:
        changes.end_device(lane)
        return changes.live_services(lane, prior.services)

    assert {} == await store.change_lane(DEVICE, decide, Lookup(services=True))
    await post_result(store, in_flight)
    assert [] == await get_services(store)


async def test_store_away(location: StoreLocation, clock: ManualClock) -> None:
    """
    What could not be written is not there, in memory neither.
    """
    async with open_store(location, clock) as store:
        await write(store, "a")
        in_flight = await poll_command(store)
        async with location.failing_writer(store):
            with pytest.raises(Unavailable):
                await post_result(store, in_flight)

        def decide(lane: Lane, _changes: Changes, _prior: PriorState) -> list[bool]:
            return [
                c.service is not None and c.service.is_writing for c in lane.commands
            ]

        assert [True, True] == await store.change_lane(DEVICE, decide)
