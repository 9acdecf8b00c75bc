"""Idempotency keys: the same request again gets the same answer."""

import attrs

#: How long a key is kept, in seconds.
KEY_TTL_SECONDS = 86_400


@attrs.frozen
class IdempotencyKey:
    """A key, within its token and path."""

    token_id: int
    path: str
    value: str


@attrs.frozen
class IdempotencyRecord:
    """
    The answer to the first request with a key.

    `fingerprint` tells whether a later request is the same one.
    """

    key: IdempotencyKey
    fingerprint: str
    response_body: bytes
    created_at: int
