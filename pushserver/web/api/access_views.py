"""Tokens and scopes as programs read them."""

from pushserver.model.scope import Scope
from pushserver.model.token import Token
from pushserver.web.api.access_types import ScopeOut, TokenOut
from pushserver.web.api.rendering import render


def token_out(token: Token, secret: str | None = None) -> TokenOut:
    """Render a token; its secret only when it is new."""
    permissions = sorted(token.permissions)
    return render(TokenOut, token, permissions=permissions, token=secret)


def scope_out(scope: Scope, secret: str | None = None) -> ScopeOut:
    """Render a scope; the secret of its first token only when it is new."""
    return render(ScopeOut, scope, token=secret)
