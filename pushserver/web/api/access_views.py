"""Tokens and scopes as programs read them."""

from msgspec import Raw

from pushserver.clock import from_datetime, utc_text
from pushserver.model.scope import Scope
from pushserver.model.token import Token
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.services.token_limits import TokenLimits
from pushserver.web.api.access_types import ScopeOut, TokenIn, TokenOut
from pushserver.web.api.command_parsing import parse_instant
from pushserver.web.api.device_fields import parse_device_ids
from pushserver.web.api.rendering import optional_instant, render


def token_out(
    protocols: DeviceProtocols, token: Token, secret: str | None = None
) -> TokenOut:
    """Render a token; its secret only when it is new."""
    ids, tags = token.device_ids, token.tags
    return render(
        TokenOut,
        token,
        permissions=sorted(token.permissions),
        device_ids=None if ids is None else Raw(protocols.display_ids(ids)),
        tags=None if tags is None else dict(tags),
        expires_at=_expiry(token),
        token=secret,
    )


def _expiry(token: Token) -> str | None:
    """Return when it ends as whoever made it said, whatever the clock showed then."""
    if token.expires_wall is not None:
        return utc_text(token.expires_wall)
    return optional_instant(token.expires_at)


def parse_token_limits(protocols: DeviceProtocols, body: TokenIn) -> TokenLimits:
    """
    Return until when a token is to be valid, and for which devices.

    Raises:
        Invalid: no device has such an id, or the instant is none.
    """
    given = body.expires_at
    expires_at = None if given is None else parse_instant(given, "/expiresAt")
    return TokenLimits(
        expires_at=expires_at,
        expires_wall=None if given is None else from_datetime(given),
        device_ids=parse_device_ids(protocols, body.device_ids),
        tags=body.tags,
    )


def scope_out(scope: Scope, secret: str | None = None) -> ScopeOut:
    """Render a scope; the secret of its first token only when it is new."""
    return render(ScopeOut, scope, token=secret)
