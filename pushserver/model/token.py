"""Bearer tokens and what they may do."""

import enum
import secrets
from collections.abc import Mapping

import attrs

from pushserver.clock import wall_time
from pushserver.model.actor import NOBODY, Actor


class Permission(enum.StrEnum):
    """One thing that a token may do."""

    ADMIN = "admin"  # everything in its scope
    DEVICES_READ = "devices:read"
    DEVICES_WRITE = "devices:write"
    COMMANDS_READ = "commands:read"
    COMMANDS_WRITE = "commands:write"
    COMMANDS_DOOR = "commands:door"  # besides one that writes: may open doors
    OPERATIONS_READ = "operations:read"
    OPERATIONS_WRITE = "operations:write"
    RESULTS_READ = "results:read"
    EVENTS_READ = "events:read"
    SUBSCRIPTIONS_READ = "subscriptions:read"
    SUBSCRIPTIONS_WRITE = "subscriptions:write"
    TOKENS_WRITE = "tokens:write"
    METRICS_READ = "metrics:read"


@attrs.frozen(kw_only=True)
class Token:
    """
    A token as it is stored, without its secret. Instants are microseconds.

    It is valid until `expires_at`, and only while the wall clock shows less than
    `expires_wall`, which is what people called that instant. It concerns devices with
    one of these ids that have all of these tags; None means for ever, and any.
    """

    id: int
    scope_id: int
    hash: str
    name: str
    permissions: frozenset[Permission]
    created_at: int
    created_by: Actor = NOBODY
    expires_at: int | None = None
    last_used_at: int | None = attrs.field(default=None, eq=False)
    device_ids: frozenset[int] | None = None
    tags: Mapping[str, str] | None = attrs.field(default=None, hash=False)
    expires_wall: int | None = None

    @property
    def is_restricted(self) -> bool:
        """Whether it concerns some devices alone."""
        return self.device_ids is not None or self.tags is not None

    @property
    def is_lasting_admin(self) -> bool:
        """Whether its scope can be administered with it, in whole and for ever."""
        is_admin = Permission.ADMIN in self.permissions
        return is_admin and not self.is_restricted and self.expires_at is None

    def has_expired(self, now: int) -> bool:
        """
        Tell whether it is not valid any more, by the time that passed or by the clock.

        One that was wrong when the token was made, or is now, makes it valid no longer.
        """
        if self.expires_at is None:
            return False
        is_over_by_name = (
            self.expires_wall is not None and self.expires_wall <= wall_time(now)
        )
        return self.expires_at <= now or is_over_by_name

    def has_permission(self, permission: Permission) -> bool:
        """Tell whether it has *permission*."""
        return Permission.ADMIN in self.permissions or permission in self.permissions


def new_token_secret() -> str:
    """Make a token's secret: 256 random bits with a prefix for secret scanners."""
    return "pst_" + secrets.token_urlsafe(32)
