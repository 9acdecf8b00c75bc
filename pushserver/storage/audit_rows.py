"""Entries of the audit as rows."""

from typing import Any

from pushserver.model.actor import Actor
from pushserver.model.audit import AuditAction, AuditEntry, TargetKind
from pushserver.storage.table import Column, Table, enum_codec, json_codec


def _entry(
    token_id: int | None,
    name: str | None,
    address: str | None,
    request_id: str | None,
    **fields: Any,
) -> AuditEntry:
    return AuditEntry(actor=Actor(token_id, name, address, request_id), **fields)


AUDIT = Table(
    "audit",
    _entry,
    [
        "id, scope_id, at",
        Column("token_id", "actor.token_id"),
        Column("actor_name", "actor.name"),
        Column("action", codec=enum_codec(AuditAction)),
        Column("target_kind", codec=enum_codec(TargetKind)),
        "target_id, device_id",
        Column("address", "actor.address"),
        Column("request_id", "actor.request_id"),
        "endpoint",
        Column("detail", codec=json_codec(dict[str, str | int | bool])),
    ],
)
