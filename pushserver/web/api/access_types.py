"""Tokens, scopes and the server itself on the wire."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from pushserver.model.token import Permission
from pushserver.web.api.subscription_types import DeviceIdFilter, TagFilter
from pushserver.web.api.types import ActorOut, In, Instant, Out


class TokenIn(In):
    """A token to be made; of what is left out it may do all."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    permissions: Annotated[list[Permission], Meta(min_length=1)]
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    device_ids: DeviceIdFilter | None = None
    tags: TagFilter | None = None


class TokenOut(Out, kw_only=True):
    """A token; `token` is there once, when it is made."""

    id: str
    scope_id: str
    name: str
    permissions: list[Permission]
    created_at: Instant
    created_by: ActorOut | None = None
    expires_at: Instant | None = None
    last_used_at: Instant | None = None
    device_ids: list[str] | None = None
    tags: dict[str, str] | None = None
    token: str | None = None


class TokensOut(Out):
    """Every valid token."""

    items: list[TokenOut]


class RevokeQuery(In):
    """Whether also the last administrator's token is revoked."""

    force: bool = False


class ScopeIn(In):
    """A scope to be made."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]


class ScopeOut(Out, kw_only=True):
    """A scope; `token`, its first one, is there once, when it is made."""

    id: str
    name: str
    created_at: Instant
    token: str | None = None


class ScopesOut(Out):
    """Every scope that the token may know of, oldest first."""

    items: list[ScopeOut]


class IntegrityOut(Out):
    """What the last check of the database found."""

    checked_at: Instant
    faults: list[str]


class HostClockOut(Out):
    """
    By how many seconds the clock of a machine is `ahead` of the store's.

    The servers go by the store's: that of the database, or of the one machine. If a
    machine's is not `synchronized`, nobody keeps it right.
    """

    host: str
    ahead: float
    synchronized: bool


class ServerOut(Out, kw_only=True):
    """
    What this server is doing; in the first scope also what it has refused.

    `failing_workers`: how many rounds of work in the background failed in a row.
    `integrity` is there once the database was checked, before a restart, too.
    """

    version: str
    started_at: Instant
    now: Instant
    devices: int
    held_polls: int
    counts: dict[str, int] | None = None
    failing_workers: dict[str, int] | None = None
    integrity: IntegrityOut | None = None
    clocks: list[HostClockOut] | None = None
