"""What is written for somebody is written only while they may still ask for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from pushserver.authority import AUTHORITY, Authority, authority_of_the_server
from pushserver.errors import NoLongerValid, Unauthorized
from pushserver.model.changes import Changes
from pushserver.model.idempotency import IdempotencyKey
from pushserver.model.lane import Lane
from pushserver.model.session import Session
from pushserver.model.token import Token
from pushserver.services.idempotency import IdempotencyKeys, IdempotentRequest
from pushserver.storage.base import Store
from pushserver.storage.commands import PriorState
from tests.clock import START, ManualClock

DEVICE = 5
REQUEST = IdempotentRequest(IdempotencyKey(7, "/tokens", "k"), "fingerprint")


class Revocable:
    """Somebody's right, until it is revoked."""

    is_revoked = False

    def require(self) -> None:
        """Refuse it."""
        if self.is_revoked:
            raise Unauthorized("It was revoked.")


@pytest.fixture(name="right")
def _right(store: Store) -> Iterator[Revocable]:  # noqa: ARG001 - opened before
    """Return the right of whoever the test runs for."""
    right = Revocable()
    before = AUTHORITY.set(Authority(right.require))
    yield right
    AUTHORITY.reset(before)


def new_session(number: int) -> Session:
    """Return a session of one token."""
    return Session(
        id=number,
        hash=f"hash{number}",
        token_hash="token",
        refresh_hash="",
        created_at=START,
        refreshed_at=START,
        expires_at=START + 1,
        refresh_until=START + 1,
    )


def new_token(name: str) -> Token:
    """Return a token."""
    return Token(
        id=len(name),
        scope_id=1,
        hash=name,
        name=name,
        permissions=frozenset(),
        created_at=1,
    )


async def test_a_decision(store: Store, right: Revocable) -> None:
    """
    A decision that waits is not made once its caller has lost the right to it.
    """
    decided: list[int] = []

    def decide(lane: Lane, _changes: Changes, _prior: PriorState) -> None:
        decided.append(lane.device_id)

    await store.change_lane(DEVICE, decide)
    waiting = store.change_lane(DEVICE, decide)
    right.is_revoked = True

    with pytest.raises(Unauthorized):
        await waiting
    assert [DEVICE] == decided


async def test_it_ends_with_another_decision(store: Store, right: Revocable) -> None:
    """
    Nor is one that shares a round with the one by which it lost the right.
    """
    decided: list[int] = []

    def decide(lane: Lane, _changes: Changes, _prior: PriorState) -> None:
        decided.append(lane.device_id)
        right.is_revoked = True

    first, second = (store.change_lane(DEVICE, decide) for _ in range(2))
    await first

    with pytest.raises(Unauthorized):
        await second
    assert [DEVICE] == decided


@pytest.fixture(name="session")
async def _session(store: Store) -> AsyncIterator[Session]:
    """Return the stored session that the test runs in."""
    session = new_session(1)
    await store.add_session(session, keep=1, audit=[])
    before = AUTHORITY.set(Authority(Revocable().require, session.hash))
    yield session
    AUTHORITY.reset(before)


#: What ends the first session in the store, here or at another server.
ENDINGS: dict[str, Callable[[Store], Awaitable[Any]]] = {
    "logged out": lambda s: s.end_session(new_session(1), audit=[]),
    "refreshed": lambda s: s.replace_session(new_session(1), new_session(2), audit=[]),
    "pushed out": lambda s: s.add_session(new_session(2), keep=1, audit=[]),
    "purged": lambda s: s.purge_sessions(START + 1, limit=9),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.usefixtures("session")
async def test_in_a_session(store: Store, ending: str) -> None:
    """
    Nothing more is decided or written in a session that is over, wherever it ended;
    what others want in the same round, is.
    """
    decided: list[str] = []

    def decide(as_whom: str) -> asyncio.Future[None]:
        return store.change_lane(DEVICE, lambda *_: decided.append(as_whom))

    await asyncio.gather(decide("before"), store.add_token(new_token("a"), []))
    with authority_of_the_server():
        await ENDINGS[ending](store)
    late = [decide("late"), asyncio.ensure_future(store.add_token(new_token("bb"), []))]
    with authority_of_the_server():
        await asyncio.gather(decide("other"), store.add_token(new_token("ccc"), []))
    errors = await asyncio.gather(*late, return_exceptions=True)

    assert [NoLongerValid] * 2 == [type(each) for each in errors]
    assert ["before", "other"] == decided
    assert ["a", "ccc"] == sorted(each.name for each in await store.all_tokens())


async def test_a_row(store: Store, right: Revocable) -> None:
    """
    Nor is a row written; what others write in the same round, is.
    """
    await store.add_token(new_token("a"), [])
    right.is_revoked = True
    with pytest.raises(Unauthorized):
        await store.add_token(new_token("bb"), [])
    AUTHORITY.set(None)
    await store.add_token(new_token("ccc"), [])

    assert ["a", "ccc"] == sorted(each.name for each in await store.all_tokens())


@pytest.mark.parametrize("answer", [None, b"done"])
async def test_its_key(
    store: Store, clock: ManualClock, right: Revocable, answer: bytes | None
) -> None:
    """
    Its Idempotency-Key is settled all the same: with the answer, or given back.
    """
    keys = IdempotencyKeys(store, clock)
    await keys.claim(REQUEST)
    right.is_revoked = True
    if answer is None:
        await keys.release(REQUEST)
    else:
        await keys.settle(REQUEST, answer)
    right.is_revoked = False

    assert answer == await keys.claim(REQUEST)


async def test_who_is_told(store: Store, right: Revocable) -> None:
    """
    What a commit gives rise to is nobody's: it is not refused with who asked first.
    """
    seen: list[Any] = []

    def decide(_lane: Lane, _changes: Changes, _prior: PriorState) -> None:
        return None

    await store.change_lane(
        DEVICE, decide, on_done=lambda *_: seen.append(AUTHORITY.get())
    )

    assert [None] == seen
    assert Authority(right.require) == AUTHORITY.get()
