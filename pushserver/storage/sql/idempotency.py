"""Reads, claims and purges idempotency keys."""

from pushserver.clock import SECOND
from pushserver.model.idempotency import (
    KEY_TTL_SECONDS,
    IdempotencyKey,
    IdempotencyRecord,
)
from pushserver.storage.idempotency_rows import IDEMPOTENCY_KEYS
from pushserver.storage.sql.bulk import upsert
from pushserver.storage.sql.connection import SqlConnection

_KEY = ("token_id", "path", "value")
_FIND = (
    f"SELECT {IDEMPOTENCY_KEYS.column_list} FROM idempotency_key"
    " WHERE token_id = ? AND path = ? AND value = ?"
)
_PURGE = "DELETE FROM idempotency_key WHERE created_at < ?"
_RELEASE = "DELETE FROM idempotency_key WHERE token_id = ? AND path = ? AND value = ?"
UPSERT_IDEMPOTENCY_KEY = upsert(IDEMPOTENCY_KEYS, *_KEY)
#: The same, but nothing if the key is in use.
_CLAIM = upsert(
    IDEMPOTENCY_KEYS,
    *_KEY,
    where="idempotency_key.created_at"
    f" <= excluded.created_at - {KEY_TTL_SECONDS * SECOND}",
)


def find_idempotency_key(
    connection: SqlConnection, key: IdempotencyKey
) -> IdempotencyRecord | None:
    """Return how an idempotency key was used."""
    row = connection.execute(_FIND, (key.token_id, key.path, key.value)).fetchone()
    return IDEMPOTENCY_KEYS.find(row)


def claim_idempotency_key(connection: SqlConnection, record: IdempotencyRecord) -> bool:
    """Store a key's use; return False if the key is in use already."""
    return _CLAIM.execute(connection, [IDEMPOTENCY_KEYS.row(record)]) == 1


def claim_or_find_idempotency_key(
    connection: SqlConnection, record: IdempotencyRecord
) -> IdempotencyRecord | None:
    """Claim a key with *record*, and return None; or return how it is in use."""
    if claim_idempotency_key(connection, record):
        return None
    return find_idempotency_key(connection, record.key)


def save_idempotency_key(connection: SqlConnection, record: IdempotencyRecord) -> None:
    """Store the answer of a claimed key."""
    UPSERT_IDEMPOTENCY_KEY.execute(connection, [IDEMPOTENCY_KEYS.row(record)])


def release_idempotency_key(connection: SqlConnection, key: IdempotencyKey) -> None:
    """Forget a claimed key."""
    connection.execute(_RELEASE, (key.token_id, key.path, key.value))


def purge_idempotency_keys(connection: SqlConnection, before: int) -> int:
    """Delete keys that were used before the instant *before*; return how many."""
    return connection.execute(_PURGE, (before,)).rowcount
