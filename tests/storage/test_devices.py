"""The fleet and the tokens are stored."""

import attrs
import pytest

from pushserver.errors import Unavailable
from pushserver.model.device import Device, DeviceState
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.token import Permission, Token
from pushserver.model.unknown_request import UnknownRequest
from pushserver.storage.base import Store
from pushserver.storage.scopes import Revocation
from tests.clock import START
from tests.devices import terminal
from tests.model.factories import DEVICE, command, result
from tests.storage.queue_actions import add_results, command_record, enqueue_commands
from tests.storage.revoking import revoke


def device(device_id: int = DEVICE, **fields: object) -> Device:
    """Return an adopted device."""
    usual = {
        **terminal(device_id)._asdict(),
        "scope_id": DEFAULT_SCOPE_ID,
        "state": DeviceState.ADOPTED,
        "created_at": START,
    }
    return Device(**{**usual, **fields})


def unknown_request(number: int, device_id: int = DEVICE) -> UnknownRequest:
    """Return an unknown request."""
    return UnknownRequest(
        id=number,
        device_id=device_id,
        at=START,
        method="GET",
        path=f"/{number}",
        address=None,
        body=b"",
    )


def token(number: int) -> Token:
    """Return a token."""
    return Token(
        id=number,
        scope_id=DEFAULT_SCOPE_ID,
        hash=f"hash{number}",
        name="x",
        permissions=frozenset({Permission.ADMIN}),
        created_at=START,
    )


async def names(store: Store) -> list[tuple[int, str | None]]:
    """Return every device with its name."""
    return [(d.device_id, d.name) for d in await store.all_devices()]


async def test_saved_again(store: Store) -> None:
    """A device that is saved again is replaced; what was seen of it stays."""
    seen = device(name="old", last_seen_at=START, address="192.0.2.7")
    await store.save_devices([seen])
    await store.save_last_seen([seen], [], keep=20)

    await store.save_devices([device(name="new")])

    (stored,) = await store.all_devices()
    assert ("new", START, "192.0.2.7") == (
        stored.name,
        stored.last_seen_at,
        stored.address,
    )


async def test_many(store: Store) -> None:
    """Thousands of devices are stored in one call."""
    await store.save_devices([device(n, name=f"n{n}") for n in range(3500)])

    assert [(n, f"n{n}") for n in range(3500)] == await names(store)


async def test_all_or_nothing(store: Store) -> None:
    """When one device cannot be stored none of the call is."""
    many = [device(n) for n in range(1500)]
    many[1400].name = "\ud800"

    with pytest.raises(Unavailable):
        await store.save_devices(many)

    assert [] == await store.all_devices()


async def test_none(store: Store) -> None:
    """Saving nobody is no work."""
    await store.save_devices([])
    await store.save_last_seen([], [], keep=20)

    assert [] == await store.all_devices()


async def test_forgotten(store: Store) -> None:
    """A device that is forgotten is gone with what was seen; its history stays."""
    gone, stays = device(), device(5)
    queued, came = command(), result()
    await store.save_devices([gone, stays])
    await store.save_last_seen(
        [gone, stays], [unknown_request(1), unknown_request(2, 5)], keep=20
    )
    await enqueue_commands(store, queued)
    await add_results(store, came)

    await store.delete_device(DEVICE)
    await store.delete_device(DEVICE)

    assert [(5, None)] == await names(store)
    assert ([], [unknown_request(2, 5)]) == (
        await store.unknown_requests(DEVICE),
        await store.unknown_requests(5),
    )
    assert queued.id == (await command_record(store, queued)).command.id
    assert [came] == await store.results(
        DEFAULT_SCOPE_ID, after=0, limit=9, device_id=DEVICE, orphan=None
    )


async def test_seen_of_one_who_comes_back(store: Store) -> None:
    """What was seen of a deleted device does not come back with it."""
    seen = device(last_seen_at=START, unknown_request_count=9)
    await store.save_devices([seen])
    await store.save_last_seen([seen], [], keep=20)
    await store.delete_device(DEVICE)

    await store.save_devices([device()])

    (stored,) = await store.all_devices()
    assert (None, 0) == (stored.last_seen_at, stored.unknown_request_count)


async def test_unknown_are_bounded(store: Store) -> None:
    """
    Of each device's unknown requests the newest are stored, in the order they came.
    """
    await store.add_devices([device(), device(5)])
    await store.save_last_seen([], [unknown_request(n) for n in range(1, 31)], keep=20)
    assert list(range(11, 31)) == [s.id for s in await store.unknown_requests(DEVICE)]

    await store.save_last_seen(
        [], [unknown_request(31), unknown_request(32, 5)], keep=20
    )

    assert list(range(12, 32)) == [s.id for s in await store.unknown_requests(DEVICE)]
    assert [32] == [s.id for s in await store.unknown_requests(5)]


async def test_devices_that_are_seen_change(store: Store) -> None:
    """The last time seen replaces the one before."""
    one = device(last_seen_at=START)
    await store.save_devices([one])
    await store.save_last_seen([one], [], keep=20)
    one.last_seen_at, one.poll_period = START + 5, 5

    await store.save_last_seen([one], [], keep=20)

    assert [attrs.asdict(one)] == [attrs.asdict(d) for d in await store.all_devices()]


async def test_revoked(store: Store) -> None:
    """A token is revoked once, and listed no more."""
    await store.add_token(token(1))
    await store.add_token(token(2))

    assert Revocation.DONE is await revoke(store, DEFAULT_SCOPE_ID, 1)
    assert Revocation.NOT_FOUND is await revoke(store, DEFAULT_SCOPE_ID, 1)
    assert Revocation.NOT_FOUND is await revoke(store, DEFAULT_SCOPE_ID, 3)
    assert [token(2)] == await store.all_tokens()


async def test_same_token(store: Store) -> None:
    """Two tokens with one secret cannot be; the first one stays."""
    await store.add_token(token(1))

    with pytest.raises(Unavailable):
        await store.add_token(attrs.evolve(token(2), hash="hash1"))

    assert [token(1)] == await store.all_tokens()
    await store.check_writable()


async def test_unknown_are_numbered(store: Store) -> None:
    """
    How many unknown requests are stored is told of each device that has any.
    """
    await store.add_devices([device(), device(5)])
    await store.save_last_seen(
        [], [unknown_request(1), unknown_request(2), unknown_request(3, 5)], keep=20
    )

    assert {DEVICE: 2, 5: 1} == await store.unknown_request_numbers()


async def test_unknown_are_purged(store: Store) -> None:
    """
    Old unknown requests are deleted, the oldest first, so many at once.
    """
    await store.add_devices([device()])
    await store.save_last_seen([], [unknown_request(n) for n in range(1, 9)], keep=20)

    purged = [await store.purge_unknown_requests(6, limit=3) for _ in range(3)]

    assert [3, 2, 0] == purged
    assert [6, 7, 8] == [each.id for each in await store.unknown_requests(DEVICE)]


@pytest.mark.scopes(77)
async def test_unknown_of_a_scope_are_purged(store: Store) -> None:
    """
    Those of another scope's devices stay.
    """
    await store.add_devices([device(), device(5, scope_id=77)])
    requests = [unknown_request(1), unknown_request(2, 5), unknown_request(3)]
    await store.save_last_seen([], requests, keep=20)

    purged = await store.purge_unknown_requests(9, DEFAULT_SCOPE_ID, limit=9)

    assert 2 == purged
    assert {5: 1} == await store.unknown_request_numbers()


async def test_unknown_are_cleared(store: Store) -> None:
    """
    The unknown requests of some devices are deleted, and what was counted of them.
    """
    cleared, other = device(unknown_request_count=9), device(5, unknown_request_count=4)
    await store.save_devices([cleared, other])
    await store.save_last_seen(
        [cleared, other], [unknown_request(1), unknown_request(2, 5)], keep=20
    )

    await store.clear_unknown_requests([DEVICE, 6, 7])
    await store.clear_unknown_requests([])

    assert {5: 1} == await store.unknown_request_numbers()
    stored = {each.device_id: each for each in await store.all_devices()}
    counts = {i: each.unknown_request_count for i, each in stored.items()}
    assert {DEVICE: 0, 5: 4} == counts


async def test_seen_after_it_was_deleted(store: Store) -> None:
    """What was collected of a device that is deleted meanwhile is not written."""
    await store.add_devices([device(1), device(2)])
    await store.delete_device(1)
    seen = [attrs.evolve(device(n), last_seen_at=START + n) for n in (1, 2)]
    requests = [unknown_request(n, device_id=n) for n in (1, 2)]
    await store.save_last_seen(seen, requests, keep=20)
    await store.add_devices([device(1)])

    successor, other = await store.all_devices()
    assert (None, START + 2) == (successor.last_seen_at, other.last_seen_at)
    assert {2: 1} == dict(await store.unknown_request_numbers())


async def test_trimmed(store: Store) -> None:
    """As much is kept as is said: the newest, and those of adopted devices first."""
    await store.save_devices([device(), device(5, state=DeviceState.QUARANTINED)])
    requests = [unknown_request(n, DEVICE if n < 4 else 5) for n in range(1, 7)]
    await store.save_last_seen([], requests, keep=20)
    size = requests[0].size

    deleted = [await store.trim_unknown_requests(5 * size + extra) for extra in (0, -1)]

    assert [1, 1] == deleted
    assert ([1, 2, 3], [6]) == (
        [each.id for each in await store.unknown_requests(DEVICE)],
        [each.id for each in await store.unknown_requests(5)],
    )
    assert 3 == await store.trim_unknown_requests(size)
    assert [3] == [each.id for each in await store.unknown_requests(DEVICE)]
