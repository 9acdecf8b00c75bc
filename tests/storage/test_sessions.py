"""Sessions are stored as hashes, and end once."""

import asyncio

import attrs

from pushserver.model.session import Session
from pushserver.services.session_lookup import SessionLookup
from pushserver.storage.base import Store
from tests.clock import START
from tests.storage.read_counts import count_reads


def session(number: int, *, is_other: bool = False) -> Session:
    """Return a session that can be refreshed for so many microseconds."""
    return Session(
        id=number,
        hash=f"hash{number}",
        token_hash="another" if is_other else "hash",
        refresh_hash=f"refresh{number}",
        created_at=START,
        refreshed_at=START + 1,
        expires_at=START + 2,
        refresh_until=START + number,
    )


async def add(store: Store, *sessions: Session, keep: int = 9) -> None:
    """Store sessions."""
    for each in sessions:
        await store.add_session(each, keep=keep, audit=[])


async def left(store: Store, *sessions: Session) -> list[int]:
    """Return the ids of those that are stored, and as they were."""
    found = [await store.find_session(each.hash) for each in sessions]
    some = await store.find_sessions([each.hash for each in sessions])
    assert {each for each in found if each} == {*some}
    assert all(each in (None, one) for each, one in zip(found, sessions, strict=True))
    return [each.id for each in found if each is not None]


async def test_kept(store: Store) -> None:
    """A session is found by its hash, as it was stored, and by no other."""
    await add(store, session(5))

    assert session(5) == await store.find_session("hash5")
    assert None is await store.find_session("refresh5")


async def test_looked_up_together(store: Store) -> None:
    """
    What is asked for at a time is read with one statement, and as it is by then.
    """
    lookup, hashes = SessionLookup(store), ["hash1", "hash2", "hash1", "other"]
    await add(store, session(1), session(2))
    async with count_reads(store) as count:
        found = await asyncio.gather(*map(lookup.find, hashes))
    await store.end_session(session(1), audit=[])

    assert [session(1), session(2), session(1), None] == found
    assert 1 == len(count.statements)
    assert None is await lookup.find("hash1")


async def test_newest_stay(store: Store) -> None:
    """Of one token's sessions the newest stay, and all of others'."""
    own, other = [session(n) for n in (1, 2, 3)], session(4, is_other=True)
    await add(store, other, *own, keep=2)

    assert [2, 3, 4] == await left(store, *own, other)


async def test_replaced_once(store: Store) -> None:
    """Of many who refresh a session at the same time one does, and it ends once."""
    old = session(5)
    await add(store, old)
    new = [attrs.evolve(old, hash=f"new{n}") for n in range(20)]
    won = await asyncio.gather(
        *(store.replace_session(old, each, audit=[]) for each in new)
    )
    (winner,) = (each for each, is_winner in zip(new, won, strict=True) if is_winner)
    ended = await asyncio.gather(
        *(store.end_session(each, audit=[]) for each in (old, winner, winner))
    )

    assert 1 == sum(won)
    assert [False, 1] == [ended[0], sum(ended)]
    assert None is await store.find_session(winner.hash)


async def test_purged(store: Store) -> None:
    """What cannot be refreshed any more is purged, in batches."""
    all_of_them = [session(n) for n in (1, 2, 3, 4)]
    await add(store, *all_of_them)

    assert 2 == await store.purge_sessions(START + 3, limit=2)
    assert 1 == await store.purge_sessions(START + 3, limit=2)
    assert 0 == await store.purge_sessions(START + 3, limit=2)
    assert [4] == await left(store, *all_of_them)
