"""Idempotency keys: the same request again gets the same answer."""

import attrs

#: How long a key is kept, in seconds.
KEPT = 86_400


@attrs.frozen
class Key:
    """A key is its token's and its path's own."""

    token_id: int
    path: str
    value: str


@attrs.frozen
class KeyUse:
    """
    What was answered to the first request with a key.

    `fingerprint` tells whether a later request is the same; `answer` is the body.
    """

    key: Key
    fingerprint: str
    answer: bytes
    created_at: int
