"""Idempotency keys: the same request again gets the same answer."""

import attrs

#: How long a key is kept, in seconds.
KEY_TTL_SECONDS = 86_400


@attrs.frozen
class IdempotencyKey:
    """A key is its token's and its path's own."""

    token_id: int
    path: str
    value: str


@attrs.frozen
class IdempotencyRecord:
    """
    What was answered to the first request with a key.

    `fingerprint` tells whether a later request is the same; `response_body` is the
    body.
    """

    key: IdempotencyKey
    fingerprint: str
    response_body: bytes
    created_at: int
