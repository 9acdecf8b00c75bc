"""What bounds a token: until when, which devices, and what who makes it may do."""

from collections.abc import Iterable, Mapping

import attrs

from pushserver.clock import rfc3339
from pushserver.errors import Forbidden
from pushserver.model.ids import MAX_INT64
from pushserver.model.token import Permission, Token


@attrs.frozen(kw_only=True)
class TokenLimits:
    """
    Until when a token is valid, and which devices it concerns; None means any.

    `expires_wall` is what people called `expires_at`.
    """

    expires_at: int | None = None
    expires_wall: int | None = None
    device_ids: frozenset[int] | None = None
    tags: Mapping[str, str] | None = None


NO_LIMITS = TokenLimits()


def refuse_more(caller: Token | None, permissions: Iterable[Permission]) -> None:
    """
    Check that *caller* may do all that a token may that it makes or revokes.

    Raises:
        Forbidden: it may do less.
    """
    if caller is None:
        return
    excess = sorted(p for p in permissions if not caller.has_permission(p))
    if excess:
        raise Forbidden(f"Your own token may not do this: {', '.join(excess)}.")


def refuse_longer_life(caller: Token | None, limits: TokenLimits) -> None:
    """
    Check that a token would not be valid after the one that makes it.

    Raises:
        Forbidden: it would be.
    """
    latest = None if caller is None else caller.expires_at
    if caller is None or latest is None:
        return
    is_longer = limits.expires_at is None or limits.expires_at > latest
    if caller.expires_wall is not None:
        is_longer |= (limits.expires_wall or MAX_INT64) > caller.expires_wall
    if is_longer:
        raise Forbidden(f"Your own token is valid until {rfc3339(latest)}: no longer.")
