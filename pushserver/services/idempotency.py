"""Idempotent requests: the same request under the same key gets the same answer."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import attrs

from pushserver.authority import authority_of_the_server
from pushserver.clock import SECOND, Clock
from pushserver.errors import (
    Busy,
    IdempotencyMismatch,
    IdempotencyRunning,
    IdempotencyUnknown,
    PushServerError,
    Unavailable,
)
from pushserver.model.changes import Changes
from pushserver.model.idempotency import (
    KEY_TTL_SECONDS,
    IdempotencyKey,
    IdempotencyRecord,
)
from pushserver.storage.base import Store
from pushserver.storage.commands import PriorState


@attrs.frozen
class IdempotentRequest:
    """A request that must not be executed twice."""

    key: IdempotencyKey
    fingerprint: str

    def stored_answer(self, use: IdempotencyRecord | None, now: int) -> bytes | None:
        """
        Return the stored answer of *use*, None if it has none or is too old.

        Raises:
            IdempotencyMismatch: the key was used with another request.
            IdempotencyUnknown: the key was claimed, and there is no answer, or no more.
        """
        if use is None or use.created_at <= now - KEY_TTL_SECONDS * SECOND:
            return None
        if use.fingerprint != self.fingerprint:
            raise IdempotencyMismatch(
                "This Idempotency-Key was used with another request in the last 24"
                " hours; take a new key for a new request."
            )
        if not use.response_body:
            raise IdempotencyUnknown(
                "The first request is being answered elsewhere, was cut off, or its"
                " answer was purged: look what became of it before you send another"
                " one under a new key."
            )
        return use.response_body

    def record(self, answer: bytes, now: int) -> IdempotencyRecord:
        """Return the record of the request's answer."""
        return IdempotencyRecord(self.key, self.fingerprint, answer, now)


def replay_answer(
    request: IdempotentRequest | None, changes: Changes, prior: PriorState
) -> bytes | None:
    """
    Return, in a decision, the stored answer to the same request, if there is one.

    A request without a key has none.

    Raises:
        IdempotencyMismatch: the key was used with another request.
    """
    if request is None:
        return None
    use = changes.idempotency_keys.get(request.key) or prior.key_use
    return request.stored_answer(use, changes.now)


def remember_answer(
    request: IdempotentRequest | None, answer: bytes, changes: Changes
) -> None:
    """Record, in a decision, the answer to repeat for the same key and request."""
    if request is not None:
        changes.idempotency_keys[request.key] = request.record(answer, changes.now)


@attrs.define(eq=False, repr=False)
class IdempotencyKeys:
    """
    Locks and claims keys.

    What changes a lane or makes a task stores its answer with its change. For anything
    else the key is claimed before, and the answer is stored after: if the server dies
    in between, the request is not executed again, and its outcome is unknown.
    """

    store: Store
    clock: Clock
    _locked: set[IdempotencyKey] = attrs.field(factory=set, init=False)

    @contextmanager
    def lock(self, key: IdempotencyKey) -> Iterator[None]:
        """
        Lock the key while its request is being answered by this server.

        Raises:
            IdempotencyRunning: another request with this key is being answered.
        """
        if key in self._locked:
            raise IdempotencyRunning("Try again when the first request was answered.")
        self._locked.add(key)
        try:
            yield
        finally:
            self._locked.discard(key)

    def is_locked(self, key: IdempotencyKey) -> bool:
        """Tell whether a request with the key is being answered by this server."""
        return key in self._locked

    async def claim(self, request: IdempotentRequest) -> bytes | None:
        """
        Claim the key; return the stored answer if it was used before.

        Raises:
            IdempotencyMismatch: the key was used with another request.
            IdempotencyUnknown: it was claimed before, and there is no answer.
            Unavailable: the store is away.
        """
        now = self.clock.now()
        use = await self.store.claim_idempotency_key(request.record(b"", now))
        return request.stored_answer(use, now)

    @asynccontextmanager
    async def kept_if_in_doubt(self, request: IdempotentRequest) -> AsyncIterator[None]:
        """
        Forget the claim if the block refuses the request: it may be sent again.

        If the store was away in between, perhaps it was done all the same.

        Raises:
            Unavailable: the store is away; the key stays claimed.
        """
        try:
            yield
        except PushServerError as error:
            if isinstance(error, Busy) or not isinstance(error, Unavailable):
                await self.release(request)
            raise

    async def settle(self, request: IdempotentRequest, answer: bytes) -> None:
        """
        Store the answer to the request that claimed the key.

        Raises:
            Unavailable: the store is away.
        """
        record = request.record(answer, self.clock.now())
        # It was done, whatever has become of the caller since.
        with authority_of_the_server():
            await self.store.save_idempotency_key(record)

    async def release(self, request: IdempotentRequest) -> None:
        """
        Forget the claim of a request that was refused.

        Raises:
            Unavailable: the store is away.
        """
        with authority_of_the_server():
            await self.store.release_idempotency_key(request.key)
