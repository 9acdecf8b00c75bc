"""The audit: written with the act or not at all, followed without a gap, kept."""

import asyncio
from collections.abc import Sequence
from functools import partial
from threading import Event

import attrs
import pytest

from pushserver.errors import Conflict, Unavailable
from pushserver.model.actor import Actor
from pushserver.model.audit import (
    AuditAction,
    AuditEntry,
    TargetKind,
    command_entry,
    device_entry,
)
from pushserver.model.changes import Changes
from pushserver.model.ids import MAX_INT64
from pushserver.model.lane import Lane
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.transitions import enqueue
from pushserver.storage.audit import AuditFilter
from pushserver.storage.base import Store
from pushserver.storage.commands import PriorState
from pushserver.storage.retention import PurgeCutoff
from pushserver.storage.scopes import Revocation
from pushserver.storage.sql.repeated_acts import MAX_KINDS
from tests.clock import ManualClock
from tests.model.factories import DEVICE, command
from tests.storage.cluster import ServerPair
from tests.storage.locations import failing_commits
from tests.storage.queue_actions import enqueue_commands, poll_command, try_cancel
from tests.storage.test_devices import device

pytestmark = pytest.mark.scopes(77)

ACTOR = Actor(7, "porter", "192.0.2.7", "req-1")
OTHER_SCOPE = 77


def entry(
    action: AuditAction = AuditAction.DEVICE_ADOPT, scope_id: int = DEFAULT_SCOPE_ID
) -> AuditEntry:
    """Return an entry about the device."""
    return device_entry(scope_id, ACTOR, action, DEVICE, {"fields": "name ☃"})


async def entries(
    store: Store, scope_id: int = DEFAULT_SCOPE_ID
) -> Sequence[AuditEntry]:
    """Return a scope's audit, newest first."""
    return await store.audit.newest_entries(scope_id, AuditFilter(), limit=1000)


def where_from(found: AuditEntry) -> tuple[str | None, str | None]:
    """Return the address and the request of an entry."""
    return found.actor.address, found.actor.request_id


async def test_round_trip(store: Store) -> None:
    """An entry comes back as it was given, with its id and its instant."""
    full = AuditEntry(
        scope_id=DEFAULT_SCOPE_ID,
        actor=ACTOR,
        action=AuditAction.COMMAND_CANCEL,
        target_kind=TargetKind.COMMAND,
        target_id=MAX_INT64,
        device_id=MAX_INT64,
        endpoint="reboot",
        detail={"commands": 3, "enforced": True, "name": "João"},
    )
    bare = AuditEntry(
        scope_id=DEFAULT_SCOPE_ID,
        actor=Actor(None, "server"),
        action=AuditAction.HISTORY_PURGE,
    )
    await store.audit.add_entries([full, bare])

    assert [bare, full] == await entries(store)
    assert [(None, None), where_from(full)] == [
        where_from(each) for each in await entries(store)
    ]
    assert full.at == bare.at > 0
    assert 0 < full.id < bare.id


async def test_a_command_is_an_entry(store: Store) -> None:
    """The creation of a command is an entry: by whom, and from where."""
    one = command(created_by=ACTOR, request_id=ACTOR.request_id)
    await enqueue_commands(store, one)

    (found,) = await entries(store)
    assert (one.id, one.created_at, ACTOR, AuditAction.COMMAND_CREATE) == (
        found.id,
        found.at,
        found.actor,
        found.action,
    )
    assert (TargetKind.COMMAND, one.id, DEVICE, "load_objects") == (
        found.target_kind,
        found.target_id,
        found.device_id,
        found.endpoint,
    )
    assert where_from(found) == (ACTOR.address, ACTOR.request_id)


@pytest.mark.parametrize(("above", "kept"), [(0, 1), (1, 0)])
async def test_a_purged_command_stays(store: Store, above: int, kept: int) -> None:
    """Of a command that is purged its entry stays, if it is not too old itself."""
    one = command(created_by=ACTOR, request_id=ACTOR.request_id)
    await enqueue_commands(store, one)
    await try_cancel(store, one)
    before = await entries(store)

    cutoff = PurgeCutoff(MAX_INT64, DEFAULT_SCOPE_ID, audit_from=one.id + above)
    purged = await store.retention.purge(cutoff, limit=10)
    assert 1 == purged["command"]
    assert before[:kept] == await entries(store)
    assert 0 == await store.retention.purge_audit(one.id, limit=10)
    assert kept == await store.retention.purge_audit(one.id + 1, limit=10)
    assert [] == await entries(store)


async def test_purged_in_pieces(store: Store) -> None:
    """No call deletes more than it may; what is younger stays."""
    await store.audit.add_entries([entry() for _ in range(5)])
    newest = (await entries(store))[0]

    oldest = (await entries(store))[-1]
    assert oldest.id == await store.retention.oldest_audit(newest.id)
    pieces = [await store.retention.purge_audit(newest.id, limit=3) for _ in range(3)]
    assert [3, 1, 0] == pieces
    assert [newest] == await entries(store)
    assert await store.retention.oldest_audit(newest.id) is None


async def test_of_its_scope(store: Store) -> None:
    """A scope's list has nothing of another's, not with any filter."""
    await store.audit.add_entries([entry(scope_id=OTHER_SCOPE)])
    await enqueue_commands(store, command(scope_id=OTHER_SCOPE, created_by=ACTOR))

    assert 2 == len(await entries(store, OTHER_SCOPE))
    for criteria in (
        AuditFilter(),
        AuditFilter(token_id=ACTOR.token_id),
        AuditFilter(device_id=DEVICE),
        AuditFilter(target_id=DEVICE),
        AuditFilter(action=AuditAction.DEVICE_CHANGE),
    ):
        list_newest = store.audit.newest_entries
        assert [] == await list_newest(DEFAULT_SCOPE_ID, criteria, limit=9)
        follow = store.audit.entries_after
        assert [] == await follow(DEFAULT_SCOPE_ID, criteria, after=0, limit=9)


async def test_nothing_done_nothing_written(store: Store) -> None:
    """What a transaction refuses to do leaves no entry."""
    await store.save_devices([device()])
    of_other = device(scope_id=OTHER_SCOPE)
    with pytest.raises(Conflict):
        await store.save_devices([of_other], [entry(scope_id=OTHER_SCOPE)])
    revoke = partial(store.revoke_token, 1, 99, now=1, keeps_admin=False)
    assert Revocation.NOT_FOUND is await revoke(audit=[entry()])

    def refuse(_lane: Lane, _changes: Changes, _prior: PriorState) -> None:
        raise Conflict("No.")

    with pytest.raises(Conflict):
        await store.change_lane(DEVICE, refuse)
    assert [] == [*await entries(store), *await entries(store, OTHER_SCOPE)]


async def test_followed_without_a_gap(store: Store) -> None:
    """
    Who follows the audit while many write to it gets each entry once, in order.
    """
    written, follower = 60, list[AuditEntry]()

    def decide(_lane: Lane, changes: Changes, _prior: PriorState) -> None:
        changes.audit(entry())

    async def write(number: int) -> None:
        if number % 3 == 0:
            await store.audit.add_entries([entry()])
        elif number % 3 == 1:
            await store.change_lane(number, decide)
        else:
            await enqueue_commands(store, command(device_id=number, created_by=ACTOR))

    async def follow() -> None:
        while len(follower) < written:
            after = follower[-1].id if follower else 0
            follower.extend(
                await store.audit.entries_after(
                    DEFAULT_SCOPE_ID, AuditFilter(), after=after, limit=7
                )
            )

    async with asyncio.timeout(30):
        await asyncio.gather(follow(), *map(write, range(written)))

    assert written == len({each.id for each in follower})
    assert sorted(each.id for each in follower) == [each.id for each in follower]


@pytest.mark.only_on("postgres")
async def test_followed_on_another_server(pair: ServerPair) -> None:
    """Who follows at one server gets each entry of both servers once, in order."""
    written, follower = 60, list[AuditEntry]()

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        # Its id is of the transaction, as those of commands that programs make.
        made = command(id=changes.new_id(), device_id=lane.device_id, created_by=ACTOR)
        enqueue(lane, made, changes)

    async def write(number: int) -> None:
        store = pair.a if number % 2 else pair.b
        if number % 3:
            await store.audit.add_entries([entry()])
        else:
            await store.change_lane(number, decide)

    async def follow() -> None:
        while len(follower) < written:
            after = follower[-1].id if follower else 0
            follower.extend(
                await pair.b.audit.entries_after(
                    DEFAULT_SCOPE_ID, AuditFilter(), after=after, limit=7
                )
            )

    # An entry waits for older transactions, also for those of other tests' databases.
    async with asyncio.timeout(90):
        await asyncio.gather(follow(), *map(write, range(written)))

    assert written == len({each.id for each in follower})
    assert sorted(each.id for each in follower) == [each.id for each in follower]


@pytest.mark.only_on("postgres")
async def test_followed_past_a_server_that_is_late(pair: ServerPair) -> None:
    """An entry that waited for a connection comes after those that others wrote."""
    released = Event()
    blocked = [
        asyncio.create_task(writer.run(lambda _: released.wait(30)))
        for writer in pair.a.group_commit.writers
    ]
    late = asyncio.create_task(pair.a.audit.add_entries([entry()]))
    await asyncio.sleep(0)
    await pair.b.audit.add_entries([entry()])

    (first,) = await followed(pair.b, after=0)
    released.set()
    await asyncio.gather(late, *blocked)

    assert 1 == len(await followed(pair.b, after=first.id))


async def followed(store: Store, after: int) -> Sequence[AuditEntry]:
    """Return the entries after one that was seen."""
    criteria = AuditFilter()
    return await store.audit.entries_after(
        DEFAULT_SCOPE_ID, criteria, after=after, limit=10
    )


SIGN_IN = AuditAction.SESSION_CREATE


async def act(
    store: Store,
    action: AuditAction = SIGN_IN,
    address: str = "192.0.2.7",
    *,
    session: int = 1,
) -> None:
    """Let the actor do something with a session."""
    await store.audit.add_entries(
        [
            AuditEntry(
                scope_id=DEFAULT_SCOPE_ID,
                actor=attrs.evolve(ACTOR, address=address),
                action=action,
                target_kind=TargetKind.SESSION,
                target_id=session,
            )
        ]
    )


async def test_repeated(store: Store, clock: ManualClock) -> None:
    """
    What an actor repeats from the same network within a minute is one entry with the
    number of times; another act, from elsewhere, or later has its own.
    """
    for n in range(5):
        await act(store, session=n)
    for address in ("2001:db8::1", "2001:db8::2"):
        await act(store, address=address)
    await act(store, AuditAction.SESSION_END)
    clock.tick(seconds=60)
    await act(store)

    assert [
        (SIGN_IN, None, "192.0.2.7"),
        (AuditAction.SESSION_END, None, "192.0.2.7"),
        (SIGN_IN, {"times": 2}, "2001:db8::1"),
        (SIGN_IN, {"times": 5}, "192.0.2.7"),
    ] == [(e.action, e.detail, e.actor.address) for e in await entries(store)]


async def test_repeated_after_a_failure(store: Store) -> None:
    """If the first time was not written, the next one is; nothing is lost."""
    async with failing_commits(store):
        with pytest.raises(Unavailable):
            await act(store)
    for n in range(3):
        await act(store, session=n)

    assert [{"times": 3}] == [each.detail for each in await entries(store)]


async def test_repeated_from_everywhere(store: Store) -> None:
    """Of what is repeated from ever other networks only so many have an entry."""
    for n in range(MAX_KINDS + 3):
        await act(store, address=f"198.51.{n % 2}.{n // 2}")

    found = await entries(store)
    assert MAX_KINDS == len(found)
    assert {"times": 4} == found[0].detail


async def test_new_keys_from_everywhere(store: Store) -> None:
    """Of keys that are made without a pause no more than so many have an entry."""
    for _ in range(MAX_KINDS + 3):
        await store.audit.add_entries([entry(AuditAction.DEVICE_KEY)])

    newest, *others = await entries(store)
    assert {"fields": "name ☃", "times": 4} == newest.detail
    assert MAX_KINDS - 1 == len(others)
    assert all(each.detail == {"fields": "name ☃"} for each in others)


async def test_cancels_of_a_device(store: Store) -> None:
    """Each entry that ended several commands of a device stays one of its own."""
    cancel = AuditAction.COMMAND_CANCEL
    several = [device_entry(1, ACTOR, cancel, DEVICE, {"commands": 2}) for _ in "12"]

    def decide(_lane: Lane, changes: Changes, _prior: PriorState) -> None:
        changes.audit(several.pop())

    for _ in "12":
        await store.change_lane(DEVICE, decide)

    assert [{"commands": 2}] * 2 == [each.detail for each in await entries(store)]


async def test_repeated_cancel(store: Store) -> None:
    """To withdraw a command in flight again and again is one entry."""
    one = command()
    await enqueue_commands(store, one)
    await poll_command(store)

    def decide(_lane: Lane, changes: Changes, _prior: PriorState) -> None:
        changes.audit(command_entry(ACTOR, AuditAction.COMMAND_CANCEL, one))

    for _ in range(3):
        await store.change_lane(DEVICE, decide)

    newest, _ = await entries(store)
    assert {"times": 3} == newest.detail


async def test_repeated_keeps_its_detail(store: Store) -> None:
    """The number of times stands beside what else is said."""
    for _ in range(2):
        await store.audit.add_entries([entry(AuditAction.DEVICE_CHANGE)])

    assert [{"fields": "name ☃", "times": 2}] == [
        each.detail for each in await entries(store)
    ]
