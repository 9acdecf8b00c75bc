"""Tokens, scopes and the server itself on the wire."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from pushserver.model.token import Permission
from pushserver.web.api.subscription_types import DeviceIdFilter
from pushserver.web.api.types import MAX_ITEMS, ActorOut, In, Instant, Out, Tags


class TokenIn(In):
    """A token to be made; without devices, tags or an end it has no such limit."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    """What the token is for."""
    permissions: Annotated[list[Permission], Meta(min_length=1, max_length=MAX_ITEMS)]
    """What it may do."""
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    """From this instant on it is not valid any more."""
    device_ids: DeviceIdFilter | None = None
    """The devices that it concerns; left out, any."""
    tags: Annotated[Tags, Meta(min_length=1)] | None = None
    """It concerns devices that have all of these; left out, any."""


class TokenOut(Out, kw_only=True):
    """A token; `token` is there once, when it is made."""

    id: str
    """The token's id."""
    scope_id: str
    """The scope in which it reads and writes."""
    name: str
    """What it is for."""
    permissions: list[Permission]
    """What it may do."""
    created_at: Instant
    """When it was made."""
    created_by: ActorOut | None = None
    """Who made it."""
    expires_at: Instant | None = None
    """From this instant on it is not valid any more."""
    last_used_at: Instant | None = None
    """When it was used last."""
    device_ids: list[str] | None = None
    """The devices that it concerns; left out, any."""
    tags: dict[str, str] | None = None
    """It concerns devices that have all of these; left out, any."""
    token: str | None = None
    """The secret, which is sent as `Authorization: Bearer …`."""


class TokensOut(Out):
    """Every valid token."""

    items: list[TokenOut]
    """The tokens."""


class RevokeQuery(In):
    """Whether also the last administrator's token is revoked."""

    force: bool = False
    """Whether also the last token of an administrator is revoked."""


class ScopeIn(In):
    """A scope to be made."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    """What people call it."""


class ScopeOut(Out, kw_only=True):
    """A scope; `token`, its first one, is there once, when it is made."""

    id: str
    """The scope's id."""
    name: str
    """What people call it."""
    created_at: Instant
    """When it was made."""
    token: str | None = None
    """The secret of its first token."""


class ScopesOut(Out):
    """Every scope that the token may know of, oldest first."""

    items: list[ScopeOut]
    """The scopes."""


class IntegrityOut(Out):
    """What the last check of the database found."""

    checked_at: Instant
    """When the database was checked."""
    faults: list[str]
    """What was found; nothing if all is well."""


class HostClockOut(Out):
    """
    By how many seconds the clock of a machine is `ahead` of the store's.

    The servers go by the store's: that of the database, or of the one machine. If a
    machine's is not `synchronized`, nobody keeps it right.
    """

    host: str
    """The machine."""
    ahead: float
    """Seconds by which its clock is ahead."""
    synchronized: bool
    """Whether somebody keeps it right."""


class StorageOut(Out):
    """The SQLite file of a server, and the disk that it is on."""

    size: int
    """How many bytes it has, with the files beside it."""
    free: int
    """How many bytes are free on its disk."""
    readable_by_others: bool
    """Whether users of the machine may read it who should not."""


class ServerOut(Out, kw_only=True):
    """
    What this server is doing; in the first scope also what it has refused.

    `failing_workers`: how many rounds of work in the background failed in a row.
    `integrity` is there once the database was checked, before a restart, too.
    """

    version: str
    """The server's version."""
    started_at: Instant
    """When it was started."""
    now: Instant
    """What time it is for the server."""
    devices: int
    """How many devices the scope has."""
    held_polls: int
    """How many of their polls are held."""
    counts: dict[str, int] | None = None
    """What happened since the start, and how often."""
    failing_workers: dict[str, int] | None = None
    """Which work failed, and how many rounds in a row."""
    integrity: IntegrityOut | None = None
    """What the last check of the database found."""
    clocks: list[HostClockOut] | None = None
    """The clocks of the machines that serve."""
    storage: StorageOut | None = None
    """The SQLite file, if it is one."""
