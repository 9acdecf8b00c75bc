"""Bearer tokens and what they may do."""

import enum
import secrets

import attrs

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


@attrs.frozen(kw_only=True)
class Token:
    """A token as it is stored, without its secret."""

    id: int
    scope_id: int
    hash: str
    name: str
    permissions: frozenset[Permission]
    created_at: int
    created_by: Actor = NOBODY

    def has_permission(self, permission: Permission) -> bool:
        """Tell whether it has *permission*."""
        return Permission.ADMIN in self.permissions or permission in self.permissions


def new_token_secret() -> str:
    """Make a token's secret: 256 random bits with a prefix for secret scanners."""
    return "pst_" + secrets.token_urlsafe(32)
