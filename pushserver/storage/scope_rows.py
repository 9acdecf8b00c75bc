"""Scopes and tokens as rows."""

from pushserver.model.scope import Scope
from pushserver.model.token import Permission, Token
from pushserver.storage.actor_rows import actor_columns, with_actors
from pushserver.storage.table import Codec, Column, Table, json_codec

#: Permissions as text.
PERMISSIONS = Codec(
    lambda names: " ".join(sorted(names)),
    lambda text: frozenset(map(Permission, text.split())),
)
SCOPES = Table("scope", Scope, ["id", "name", "created_at"])
TOKENS = Table(
    "token",
    with_actors(Token, "created_by"),
    [
        "id, hash, name",
        Column("permissions", codec=PERMISSIONS),
        "created_at, scope_id",
        *actor_columns("created_by"),
        "expires_at, last_used_at",
        Column("device_ids", codec=json_codec(frozenset[int])),
        Column("tags", codec=json_codec(dict[str, str])),
        "expires_wall",
    ],
)
