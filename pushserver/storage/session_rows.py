"""Sessions as rows."""

from pushserver.model.session import Session
from pushserver.storage.table import Table

SESSIONS = Table(
    "session",
    Session,
    [
        "id, hash, token_hash, refresh_hash",
        "created_at, refreshed_at, expires_at, refresh_until",
    ],
)
