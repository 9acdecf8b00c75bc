"""Scopes are apart, also while a device goes from one to another."""

import asyncio

import pytest

from pushserver.errors import Conflict, NotFound
from pushserver.model.command import MatchedBy
from pushserver.model.device import DeviceKeys, DeviceState
from pushserver.model.device_filter import DeviceFilter
from pushserver.model.import_summary import ImportSummary
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.web.services import Services
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.services.driver import ServiceDriver, render_ids

ACME, OTHER = 7, 8
HOME = "192.0.2.7"


async def move_device(services: Services) -> None:
    """Let the device go from one scope to another."""
    await services.device_removal.delete(ACME, DEVICE)
    await services.fleet.adopt(OTHER, terminal(DEVICE))


@pytest.mark.scopes(ACME, OTHER)
async def test_one_scope_at_a_time(services: Services) -> None:
    """A device that is adopted is another scope's business neither to see nor take."""
    device, _ = await services.fleet.put(ACME, terminal(DEVICE), {"name": "Porta"})

    for call in (
        services.fleet.adopt(OTHER, terminal(DEVICE)),
        services.fleet.put(OTHER, terminal(DEVICE), {}),
        services.device_import.run(
            OTHER, {terminal(5): {}, terminal(DEVICE): {"name": "x"}}
        ),
    ):
        with pytest.raises(Conflict, match=f"Device {DEVICE} is adopted in another"):
            await call
    for hidden in (
        services.fleet.patch(OTHER, DEVICE, {"name": "x"}),
        services.key_issuer.make_key(OTHER, DEVICE, enforce=True),
        services.device_removal.delete(OTHER, DEVICE),
        services.unknown_requests.list_newest(OTHER, DEVICE),
    ):
        with pytest.raises(NotFound):
            await hidden

    assert (None, []) == (
        services.devices.find(OTHER, DEVICE),
        [d async for d in services.devices.iter_matching(OTHER, DeviceFilter())],
    )
    assert [("Porta", ACME, None)] == [
        (d.name, d.scope_id, d.key_hash) for d in await services.store.all_devices()
    ]
    assert (
        [device]
        == [d for d in services.devices if d.scope_id == ACME]
        == [d async for d in services.devices.iter_matching(ACME, DeviceFilter())]
    )


@pytest.mark.scopes(ACME, OTHER)
async def test_of_two_who_adopt_one_wins(services: Services) -> None:
    """Of two scopes that adopt a device at once, one has it and one is refused."""
    done = await asyncio.gather(
        services.fleet.adopt(ACME, terminal(DEVICE)),
        services.fleet.put(OTHER, terminal(DEVICE), {"name": "x"}),
        return_exceptions=True,
    )

    assert [True, False] == [isinstance(d, tuple) for d in done]
    assert isinstance(done[1], Conflict)
    (device,) = await services.store.all_devices()
    assert (ACME, None) == (device.scope_id, device.name)


@pytest.mark.scopes(ACME, OTHER)
async def test_quarantined(services: Services) -> None:
    """A quarantined device is the first scope's to see, and anybody's to adopt."""
    services.admission.admit(terminal(DEVICE), None, HOME)
    await services.fleet.patch(
        DEFAULT_SCOPE_ID, DEVICE, {"name": "who?", "tags": {"a": "b"}}
    )
    await services.key_issuer.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=True)
    assert services.devices.find(ACME, DEVICE) is None

    device, new = await services.fleet.adopt(ACME, terminal(DEVICE))

    assert (True, DeviceState.ADOPTED, HOME) == (new, device.state, device.address)
    assert services.devices.find(DEFAULT_SCOPE_ID, DEVICE) is None
    assert (None, {}, None, False) == (
        device.name,
        device.tags,
        device.key_hash,
        device.key_enforced,
    )
    (stored,) = await services.store.all_devices()
    assert (ACME, None, {}, None) == (
        stored.scope_id,
        stored.name,
        stored.tags,
        stored.key_hash,
    )
    assert device is services.admission.admit(terminal(DEVICE), None, HOME)


@pytest.mark.scopes(ACME, OTHER)
async def test_imported_by_two(services: Services) -> None:
    """Each scope imports its own."""
    one = await services.device_import.run(
        ACME, {terminal(1): {}, terminal(2): {"name": "x"}}
    )
    two = await services.device_import.run(OTHER, {terminal(3): {}, terminal(4): {}})

    assert one == two == ImportSummary(created=2, updated=0, unchanged=0)
    assert [1, 2] == [d.device_id for d in services.devices if d.scope_id == ACME]
    assert [3, 4] == [d.device_id for d in services.devices if d.scope_id == OTHER]


@pytest.mark.scopes(ACME, OTHER)
async def test_comes_without_history(driver: ServiceDriver, services: Services) -> None:
    """A device comes without its settings, its key, or what waited for it."""
    await services.fleet.put(ACME, terminal(DEVICE), {"name": "Porta", "hold": 5})
    key, _ = await services.key_issuer.make_key(ACME, DEVICE, enforce=True)
    (waiting,) = await driver.enqueue("reboot", scope=ACME)

    await move_device(services)

    device = services.devices.get(OTHER, DEVICE)
    assert (None, None, None) == (device.name, device.hold, device.key_hash)
    assert CommandState.CANCELED is await driver.command_state(waiting)
    assert await driver.poll("u1") is None
    services.admission.key_policy = DeviceKeys.REQUIRED
    assert services.admission.admit(terminal(DEVICE), key, HOME) is None


@pytest.mark.scopes(ACME, OTHER)
async def test_nothing_is_handed_to_the_next_owner(
    driver: ServiceDriver, services: Services
) -> None:
    """
    A command in flight when its device left is not handed out again, but may be
    answered.
    """
    await services.fleet.adopt(ACME, terminal(DEVICE))
    (read,) = await driver.enqueue("load_objects", scope=ACME)
    await driver.receive_command("u1")

    await move_device(services)

    assert CommandState.TIMEOUT is await driver.command_state(read)
    (own,) = await driver.enqueue("reboot", scope=OTHER)
    in_flight = await driver.receive_command("u2")
    late = await driver.post_result(uuid="u1", scope_id=OTHER)
    orphan = await driver.post_result(uuid="u0", scope_id=OTHER)
    assert own.id == in_flight.command.id
    assert (ACME, MatchedBy.UUID, read.id) == (
        late.scope_id,
        late.matched_by,
        late.command_id,
    )
    assert (OTHER, None) == (orphan.scope_id, orphan.command_id)
    assert CommandState.SUCCESSFUL is await driver.command_state(read)


@pytest.mark.scopes(ACME, OTHER)
async def test_what_was_given_before_is_not_given_again(
    driver: ServiceDriver, services: Services
) -> None:
    """A device that comes back to its own scope is not given its old commands."""
    await services.fleet.adopt(ACME, terminal(DEVICE))
    (read,) = await driver.enqueue("load_objects", scope=ACME)
    await driver.receive_command("u1")
    await services.device_removal.delete(ACME, DEVICE)
    services.admission.admit(terminal(DEVICE), None, HOME)
    await driver.expire_overdue(180)
    await services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)

    await services.fleet.adopt(ACME, terminal(DEVICE))

    assert await driver.poll("u2") is None
    assert CommandState.TIMEOUT is await driver.command_state(read)


@pytest.mark.scopes(ACME, OTHER)
async def test_a_held_poll_ends_with_its_device(
    driver: ServiceDriver, services: Services
) -> None:
    """A poll that was held under one owner is not answered by the next."""
    await services.fleet.adopt(ACME, terminal(DEVICE))
    async with driver.held_poll() as poll:
        assert 1 == len(services.holds)

        await move_device(services)
        (own,) = await driver.enqueue("reboot", scope=OTHER)

        assert await poll is None
    assert CommandState.PENDING is await driver.command_state(own)


@pytest.mark.scopes(ACME, OTHER)
async def test_deleted_twice_at_once(services: Services) -> None:
    """The second of two deletions does not take the device from its next owner."""
    await services.fleet.adopt(ACME, terminal(DEVICE))

    done = await asyncio.gather(
        services.device_removal.delete(ACME, DEVICE),
        services.device_removal.delete(ACME, DEVICE),
        services.fleet.adopt(OTHER, terminal(DEVICE)),
        return_exceptions=True,
    )

    assert [None, NotFound, tuple] == [done[0], *map(type, done[1:])]
    assert [OTHER] == [d.scope_id for d in await services.store.all_devices()]


@pytest.mark.scopes(ACME, OTHER)
async def test_commands_are_apart(driver: ServiceDriver, services: Services) -> None:
    """A command is there for its own scope alone."""
    queue = services.queue
    (command,) = await driver.enqueue("reboot", scope=ACME)

    for call in (
        queue.get(OTHER, command.id),
        queue.wait_until_over(OTHER, command.id, 0),
        services.withdrawals.withdraw(OTHER, command.id),
        queue.retry(OTHER, command.id, render_ids),
    ):
        with pytest.raises(NotFound):
            await call

    assert CommandState.PENDING is await driver.command_state(command)
    assert (
        ACME == (await services.withdrawals.withdraw(ACME, command.id)).command.scope_id
    )
    (again,) = (await queue.retry(ACME, command.id, render_ids)).commands
    assert ACME == again.scope_id


async def test_waiters_are_apart(driver: ServiceDriver, services: Services) -> None:
    """A caller that waits for results is woken by those of its own scope."""
    with (
        services.completion_waiters.results_waiter(ACME) as ours,
        services.completion_waiters.results_waiter(OTHER) as theirs,
    ):
        await driver.post_result(scope_id=ACME)

    assert (True, False) == (ours.is_set(), theirs.is_set())
