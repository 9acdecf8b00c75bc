"""Scopes are stored, and keep everything else apart."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import attrs
import psycopg
import pytest

from pushserver.errors import NotFound, Unavailable
from pushserver.model.actor import SERVER
from pushserver.model.audit import AuditAction, AuditEntry
from pushserver.model.blob import Blob
from pushserver.model.command import Command
from pushserver.model.ids import MAX_INT64
from pushserver.model.scope import DEFAULT_SCOPE_ID, Scope
from pushserver.model.state import CommandState
from pushserver.model.token import Permission, Token
from pushserver.storage.base import Store
from pushserver.storage.history import CommandFilter
from pushserver.storage.retention import PurgeCutoff
from pushserver.storage.scopes import Revocation
from tests.clock import START, ManualClock
from tests.model.factories import DEVICE, command, result
from tests.scopes import add_scopes
from tests.storage.locations import StoreLocation, open_store
from tests.storage.operations import task
from tests.storage.queue_actions import (
    add_results,
    command_record,
    enqueue_commands,
    poll_command,
    post_result,
)
from tests.storage.revoking import revoke
from tests.storage.subscriptions import subscription
from tests.storage.test_devices import device

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


@pytest.mark.scopes(OTHER)
async def test_both_or_neither(store: Store) -> None:
    """A scope whose token cannot be stored is not stored either."""
    await store.add_token(token(5, OTHER))
    before = await store.all_scopes()
    acme = Scope(id=ACME, name="acme", created_at=START)

    with pytest.raises(Unavailable):
        await store.add_scope(acme, attrs.evolve(token(6), hash="hash5"))

    assert before == await store.all_scopes()
    assert [token(5, OTHER)] == await store.all_tokens()


@pytest.mark.scopes(ACME)
async def test_revoked_by_its_own(store: Store) -> None:
    """A token is revoked in its own scope alone."""
    await store.add_token(token(5))

    assert Revocation.NOT_FOUND is await revoke(store, OTHER, 5)
    assert [token(5)] == await store.all_tokens()
    assert Revocation.DONE is await revoke(store, ACME, 5)


LIMITED: Mapping[str, Any] = {
    "expires_at": START + 9,
    "device_ids": frozenset({1, DEVICE}),
    "tags": {"door": "mine"},
}


async def test_limits_are_kept(location: StoreLocation, clock: ManualClock) -> None:
    """Until when a token is valid, and what for, is stored with it."""
    limited = attrs.evolve(token(5), **LIMITED, expires_wall=START + 10)
    async with open_store(location, clock) as store:
        await add_scopes(store, [ACME], clock)
        await store.add_token(limited)

    async with open_store(location, clock) as store:
        assert [limited] == await store.all_tokens()


@pytest.mark.scopes(ACME, OTHER)
async def test_uses(store: Store) -> None:
    """The last use is stored for many at once, and never goes back."""
    for number in (5, 6):
        await store.add_token(token(number))

    await store.record_token_uses({5: START + 60, 6: START + 60, 7: START})
    await store.record_token_uses({5: START, 6: START + 120})

    assert [START + 60, START + 120] == [
        each.last_used_at for each in await store.all_tokens()
    ]


@pytest.mark.scopes(ACME, OTHER)
@pytest.mark.parametrize("limits", [{}, *({k: v} for k, v in LIMITED.items())])
async def test_last_admin(store: Store, limits: Mapping[str, Any]) -> None:
    """
    The last token that administers its scope, in whole and for ever, is kept.
    """
    await store.add_token(token(5))
    await store.add_token(attrs.evolve(token(6), **limits))
    await store.add_token(token(7, OTHER))
    reader = frozenset({Permission.RESULTS_READ})
    await store.add_token(attrs.evolve(token(8), permissions=reader))

    first = await revoke(store, ACME, 5, keeps_admin=True)
    other = await revoke(store, ACME, 6, keeps_admin=True)
    reading = await revoke(store, ACME, 8, keeps_admin=True)

    expected = {first, other}
    assert {Revocation.DONE, Revocation.LAST_ADMIN} == expected
    assert (Revocation.LAST_ADMIN is first) == bool(limits)
    assert Revocation.DONE is reading
    assert Revocation.DONE is await revoke(store, ACME, 5 if limits else 6)


@pytest.mark.scopes(ACME, OTHER)
async def test_two_admins_revoke_each_other(store: Store) -> None:
    """Of two administrators who revoke each other's token at once, one stays."""
    for number in (5, 6):
        await store.add_token(token(number))

    outcomes = await asyncio.gather(
        *(revoke(store, ACME, number, keeps_admin=True) for number in (5, 6))
    )

    assert {Revocation.DONE, Revocation.LAST_ADMIN} == {*outcomes}
    assert 1 == len(await store.all_tokens())


async def test_names_are_unique(store: Store) -> None:
    """A scope is not added under the name of another, and neither is its token."""
    acme = Scope(id=ACME, name="acme", created_at=START)

    assert await store.add_scope(acme, token(5))
    assert not await store.add_scope(attrs.evolve(acme, id=OTHER), token(6, OTHER))

    assert [FIRST, acme] == await store.all_scopes()
    assert [token(5)] == await store.all_tokens()


BLOB = Blob(
    id=9, scope_id=ACME, sha256="0" * 64, size=1, created_at=START, used_at=START
)
UPLOAD = AuditEntry(scope_id=ACME, actor=SERVER, action=AuditAction.BLOB_CREATE)
#: How each thing comes into a scope that no device of it has brought.
NEW_IN_SCOPE: Mapping[str, Callable[[Store], Awaitable[None]]] = {
    "device": lambda store: store.save_devices([device(scope_id=ACME)]),
    "token": lambda store: store.add_token(token(6)),
    "subscription": lambda store: store.subscriptions.add_subscription(
        subscription(scope_id=ACME)
    ),
    "task": lambda store: store.tasks.add_task(task(scope_id=ACME), []),
    "blob": lambda store: store.blobs.add(BLOB, UPLOAD),
}


@pytest.mark.scopes(ACME)
@pytest.mark.parametrize("kind", NEW_IN_SCOPE)
async def test_nothing_new_in_a_deleted_scope(store: Store, kind: str) -> None:
    """Whoever has not heard yet that a scope was deleted puts nothing into it."""
    await store.delete_scope(ACME)

    with pytest.raises(NotFound):
        await NEW_IN_SCOPE[kind](store)

    assert 0 == (await store.blobs.unused(ACME)).count
    assert [[], [], [], []] == [
        list(found)
        for found in (
            await store.all_devices(),
            await store.all_tokens(),
            await store.subscriptions.all_subscriptions(),
            await store.tasks.active_tasks(),
        )
    ]


@pytest.mark.only_on("postgres")
@pytest.mark.scopes(ACME)
@pytest.mark.parametrize("kind", NEW_IN_SCOPE)
async def test_deleted_at_the_last_moment(
    store: Store, database: str, kind: str
) -> None:
    """While another server deletes a scope, what is new waits, and is refused."""
    with psycopg.connect(database) as other:
        other.execute("UPDATE scope SET name = name WHERE id = %s", [ACME])
        other.execute("DELETE FROM scope WHERE id = %s", [ACME])
        adding = asyncio.ensure_future(NEW_IN_SCOPE[kind](store))
        done, _ = await asyncio.wait([adding], timeout=0.1)
        other.commit()

    assert not done
    with pytest.raises(NotFound):
        await adding


@pytest.mark.scopes(OTHER)
async def test_deleted_when_empty(store: Store) -> None:
    """A scope is deleted with its tokens when there is nothing else in it."""
    acme = Scope(id=ACME, name="acme", created_at=START)
    await store.add_scope(acme, token(5))
    await store.add_token(token(7, OTHER))
    await enqueue_commands(store, command(scope_id=ACME))

    refused = await store.delete_scope(ACME)
    await store.retention.purge(PurgeCutoff(MAX_INT64, OTHER), limit=9)
    still = await store.delete_scope(ACME)
    await post_result(store, await poll_command(store))
    await store.retention.purge(PurgeCutoff(MAX_INT64, ACME), limit=9)
    done = await store.delete_scope(ACME)

    assert ("command", "command", None) == (refused, still, done)
    assert ACME not in {scope.id for scope in await store.all_scopes()}
    assert [token(7, OTHER)] == await store.all_tokens()


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
async def test_commands(
    store: Store, history: Sequence[Command], filters: CommandFilter
) -> None:
    """A list has the scope's own commands alone, whatever else is asked for."""
    for scope_id in (ACME, OTHER, 9):
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
