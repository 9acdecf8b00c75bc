"""Idempotency keys, and how they were used, as rows."""

from typing import Any

from pushserver.model.idempotency import IdempotencyKey, IdempotencyRecord
from pushserver.storage.table import BLOB, Column, Table


def _record(token_id: int, path: str, value: str, **fields: Any) -> IdempotencyRecord:
    return IdempotencyRecord(IdempotencyKey(token_id, path, value), **fields)


IDEMPOTENCY_KEYS = Table(
    "idempotency_key",
    _record,
    [
        Column("token_id", "key.token_id"),
        Column("path", "key.path"),
        Column("value", "key.value"),
        "fingerprint",
        Column("response_body", codec=BLOB),
        "created_at",
    ],
)
