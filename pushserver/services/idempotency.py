"""Idempotent requests: the same request under the same key gets the same answer."""

import attrs

from pushserver.clock import SECOND
from pushserver.errors import IdempotencyMismatch
from pushserver.model.changes import Changes
from pushserver.model.idempotency import (
    KEY_TTL_SECONDS,
    IdempotencyKey,
    IdempotencyRecord,
)
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
        """
        if use is None or use.created_at <= now - KEY_TTL_SECONDS * SECOND:
            return None
        if use.fingerprint != self.fingerprint:
            raise IdempotencyMismatch(
                "This Idempotency-Key was used with another request in the last 24"
                " hours; take a new key for a new request."
            )
        return use.response_body

    def record(self, answer: bytes, now: int) -> IdempotencyRecord:
        """Return the record of the request's answer."""
        return IdempotencyRecord(self.key, self.fingerprint, answer, now)


def replay_answer(
    request: IdempotentRequest, changes: Changes, prior: PriorState
) -> bytes | None:
    """
    Return, in a decision, the stored answer to the same request, if there is one.

    Raises:
        IdempotencyMismatch: the key was used with another request.
    """
    use = changes.idempotency_keys.get(request.key) or prior.key_use
    return request.stored_answer(use, changes.now)


def remember_answer(
    request: IdempotentRequest, answer: bytes, changes: Changes
) -> None:
    """Record, in a decision, the answer to repeat for the same request."""
    changes.idempotency_keys[request.key] = request.record(answer, changes.now)
