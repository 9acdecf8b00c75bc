"""Idempotency keys: the same request again gets the same answer."""

import hashlib
import secrets

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

    `fingerprint` tells whether a later request is the same one. An empty body: the key
    was claimed, and nobody knows yet what came of its request.
    """

    key: IdempotencyKey
    fingerprint: str
    response_body: bytes
    created_at: int


_NONCE_BYTES = 16


def seal(answer: bytes, secret: str) -> bytes:
    """
    Return *answer* unreadable without *secret*, which no store has.

    An answer may show what is shown once, and stored as a hash: a token, a key.
    """
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + _mask(answer, nonce, secret)


def unseal(sealed: bytes, secret: str) -> bytes:
    """Return what was sealed; with another secret it is noise."""
    return _mask(sealed[_NONCE_BYTES:], sealed[:_NONCE_BYTES], secret)


def _mask(text: bytes, nonce: bytes, secret: str) -> bytes:
    """Combine *text* with bytes that only nonce and secret give: its own inverse."""
    stream = hashlib.shake_256(nonce + secret.encode("utf-8", "replace"))
    mask = stream.digest(len(text))
    masked = int.from_bytes(text) ^ int.from_bytes(mask)
    return masked.to_bytes(len(text))
