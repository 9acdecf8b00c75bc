"""The audit on the wire."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from pushserver.model.audit import AuditAction, TargetKind
from pushserver.web.api.types import (
    DeviceIdText,
    In,
    Instant,
    Int64Text,
    Limit,
    Out,
    PageOut,
)


class AuditQuery(In, kw_only=True):
    """
    Which entries to list; `actor` is a token's id, or `server`.

    `after` lists those above an entry's id, oldest first, for who follows the audit.
    """

    actor: Annotated[str, Meta(pattern="^([0-9]{1,19}|server)$")] | None = None
    action: AuditAction | None = None
    target_kind: TargetKind | None = None
    target_id: DeviceIdText | None = None
    device_id: DeviceIdText | None = None
    created_after: Annotated[datetime, Meta(tz=True)] | None = None
    created_before: Annotated[datetime, Meta(tz=True)] | None = None
    limit: Limit = 50
    cursor: Int64Text | None = None
    after: Int64Text | None = None


class AuditActorOut(Out):
    """Who did it: a token, or the server itself; left out where that is not known."""

    token_id: str | None = None
    name: str | None = None


class AuditTargetOut(Out):
    """What it was done to."""

    kind: TargetKind
    id: str


class AuditEntryOut(Out, kw_only=True):
    """Who did what, to whom, when and from where."""

    id: str
    at: Instant
    action: AuditAction
    actor: AuditActorOut | UnsetType = UNSET
    target: AuditTargetOut | UnsetType = UNSET
    device_id: str | None = None
    endpoint: str | None = None
    detail: dict[str, str | int | bool] | None = None
    address: str | None = None
    request_id: str | None = None


class AuditOut(PageOut[AuditEntryOut], kw_only=True):
    """A page of the audit, newest first; with `after` oldest first."""
