"""The audit on the wire."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from pushserver.model.audit import AuditAction, TargetKind
from pushserver.web.api.types import (
    Cursor,
    DeviceIdText,
    In,
    Instant,
    Int64Text,
    Limit,
    Out,
    PageOut,
)
from pushserver.web.field_types import PATTERN_WORDS

ActorText = Annotated[
    str,
    Meta(
        pattern="^([0-9]{1,19}|server)$",
        extra={PATTERN_WORDS: "the digits of a token's id, or server"},
    ),
]


class AuditQuery(In, kw_only=True):
    """
    Which entries to list; `actor` is a token's id, or `server`.

    `after` lists those above an entry's id, oldest first, for who follows the audit.
    """

    actor: ActorText | None = None
    """What this token did; `server`: what the server did by itself."""
    action: AuditAction | None = None
    """Only this."""
    target_kind: TargetKind | None = None
    """What was done to things of this kind."""
    target_id: DeviceIdText | None = None
    """What was done to the thing with this id."""
    device_id: DeviceIdText | None = None
    """What concerns this device: itself, its commands and operations."""
    scope_id: Int64Text | None = None
    """What was done in this scope, which was deleted; left out, in the token's."""
    created_after: Annotated[datetime, Meta(tz=True)] | None = None
    """What was done after this instant."""
    created_before: Annotated[datetime, Meta(tz=True)] | None = None
    """What was done before this instant, which is later than `createdAfter`."""
    limit: Limit = 50
    cursor: Cursor | None = None
    after: Int64Text | None = None
    """What follows this entry, oldest first."""


class AuditActorOut(Out):
    """Who did it: a token, or the server itself; left out where that is not known."""

    token_id: str | None = None
    """The token's id; the server has none."""
    name: str | None = None
    """What the token was called then; or `server`."""


class AuditTargetOut(Out):
    """What it was done to."""

    kind: TargetKind
    """What kind of thing it is."""
    id: str
    """The thing's id."""


class AuditEntryOut(Out, kw_only=True):
    """Who did what, to whom, when and from where."""

    id: str
    """The entry's id."""
    at: Instant
    """When it was done."""
    action: AuditAction
    """What was done."""
    actor: AuditActorOut | UnsetType = UNSET
    """Who did it."""
    target: AuditTargetOut | UnsetType = UNSET
    """What it was done to."""
    device_id: str | None = None
    """The device that it concerns."""
    endpoint: str | None = None
    """The endpoint of the command."""
    detail: dict[str, str | int | bool] | None = None
    """What else is known, by name: texts, numbers, true or false."""
    address: str | None = None
    """From where it was done."""
    request_id: str | None = None
    """The id of the request in the server's log."""


class AuditOut(PageOut[AuditEntryOut], kw_only=True):
    """A page of the audit, newest first; with `after` oldest first."""
