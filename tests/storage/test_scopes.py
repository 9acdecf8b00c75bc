"""Scopes are stored, and keep everything else apart."""

from collections.abc import Sequence

import attrs
import pytest

from pushserver.errors import Unavailable
from pushserver.model.command import Command
from pushserver.model.scope import DEFAULT_SCOPE_ID, Scope
from pushserver.model.state import CommandState
from pushserver.model.token import Permission, Token
from pushserver.storage.base import Store
from pushserver.storage.history import CommandFilter
from tests.clock import START, ManualClock
from tests.model.factories import DEVICE, command, result
from tests.storage.locations import StoreLocation, open_store
from tests.storage.queue_actions import (
    add_results,
    command_record,
    enqueue_commands,
    poll_command,
    post_result,
)

ACME, OTHER = 7, 8
FIRST = Scope(id=DEFAULT_SCOPE_ID, name="default", created_at=START)


def token(number: int, scope_id: int = ACME) -> Token:
    """Return a token."""
    return Token(
        id=number,
        scope_id=scope_id,
        hash=f"hash{number}",
        name="x",
        permissions=frozenset({Permission.ADMIN}),
        created_at=START,
    )


async def test_first(location: StoreLocation, clock: ManualClock) -> None:
    """The first scope is there from the first opening, and made once."""
    for _ in range(2):
        async with open_store(location, clock) as store:
            assert [FIRST] == await store.all_scopes()
        clock.tick(seconds=5)


async def test_kept(location: StoreLocation, clock: ManualClock) -> None:
    """
    A scope is stored with its first token, and no id exceeds what the store knows.
    """
    acme = Scope(id=ACME, name="Açmé ☃", created_at=START + 1)
    async with open_store(location, clock) as store:
        await store.add_scope(acme, token(5))

    async with open_store(location, clock) as store:
        assert [FIRST, acme] == await store.all_scopes()
        assert [token(5)] == await store.all_tokens()
        assert ACME < store.new_id()


async def test_both_or_neither(store: Store) -> None:
    """A scope whose token cannot be stored is not stored either."""
    await store.add_token(token(5))
    acme = Scope(id=ACME, name="acme", created_at=START)

    with pytest.raises(Unavailable):
        await store.add_scope(acme, attrs.evolve(token(6), hash="hash5"))

    assert [FIRST] == await store.all_scopes()
    assert [token(5)] == await store.all_tokens()


async def test_revoked_by_its_own(store: Store) -> None:
    """A token is revoked in its own scope alone."""
    await store.add_token(token(5))

    assert not await store.revoke_token(OTHER, 5, now=START)
    assert [token(5)] == await store.all_tokens()
    assert await store.revoke_token(ACME, 5, now=START)


@pytest.fixture(name="history")
async def _history(store: Store) -> Sequence[Command]:
    """Return commands of two scopes, in turn, for one device; each has a result."""
    created = []
    for n in range(8):
        one = command(scope_id=(ACME, OTHER)[n % 2], operation_id=(None, 77)[n // 4])
        await enqueue_commands(store, one)
        in_flight = await poll_command(store, uuid=f"u{n}")
        await post_result(store, in_flight, failed=n >= 6)
        await add_results(store, result(scope_id=one.scope_id))
        created.append((await command_record(store, one)).command)
    return created


@pytest.mark.parametrize(
    "filters",
    [
        CommandFilter(),
        CommandFilter(states=frozenset({CommandState.SUCCESSFUL})),
        CommandFilter(states=frozenset({CommandState.SUCCESSFUL, CommandState.FAILED})),
        CommandFilter(states=frozenset({CommandState.FAILED}), endpoint="load_objects"),
        CommandFilter(states=frozenset(CommandState), endpoint="load_objects"),
        CommandFilter(endpoint="load_objects"),
        CommandFilter(device_id=DEVICE),
        CommandFilter(device_id=DEVICE, states=frozenset({CommandState.SUCCESSFUL})),
        CommandFilter(operation_id=77),
        CommandFilter(operation_id=77, endpoint="load_objects"),
    ],
)
@pytest.mark.parametrize("scope_id", [ACME, OTHER, 9])
async def test_commands(
    store: Store, history: Sequence[Command], filters: CommandFilter, scope_id: int
) -> None:
    """A list has the scope's own commands alone, whatever else is asked for."""
    listed = await store.commands(scope_id, filters, before=None, limit=99)

    expected = [
        one.id
        for one in reversed(history)
        if one.scope_id == scope_id
        and (not filters.states or one.state in filters.states)
        and filters.operation_id in (None, one.operation_id)
    ]
    assert expected == [record.command.id for record in listed]


async def test_one_command(store: Store, history: Sequence[Command]) -> None:
    """A command and its result are found in their scope alone."""
    for one in history:
        found = await store.find_command(one.scope_id, one.id)
        assert found is not None
        assert found.result == await store.find_result(one.scope_id, one.id)
        for scope_id in {ACME, OTHER, 9} - {one.scope_id}:
            assert await store.find_command(scope_id, one.id) is None
            assert await store.find_result(scope_id, one.id) is None


@pytest.mark.parametrize("device_id", [None, DEVICE])
@pytest.mark.parametrize("orphan", [None, True, False])
async def test_results(
    store: Store,
    history: Sequence[Command],
    device_id: int | None,
    orphan: bool | None,
) -> None:
    """A list of results has the scope's own alone."""
    for scope_id, count in ((ACME, 4), (OTHER, 4), (9, 0)):
        found = await store.results(
            scope_id, after=0, limit=99, device_id=device_id, orphan=orphan
        )
        assert {scope_id} >= {one.scope_id for one in found}
        assert count * (2 if orphan is None else 1) == len(found)
    assert 8 == len(history)
