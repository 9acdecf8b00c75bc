"""No token gives, or takes away, what it may not do itself."""

from pushserver.errors import Forbidden
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.token import Permission, Token
from pushserver.services.tokens import Tokens
from pushserver.web.services import Services


async def may_make(tokens: Tokens, caller: Token, permission: Permission) -> bool:
    """Tell whether *caller* makes a token with *permission*."""
    try:
        await tokens.create(DEFAULT_SCOPE_ID, "made", [permission], caller)
    except Forbidden:
        return False
    return True


async def may_revoke(tokens: Tokens, caller: Token, permission: Permission) -> bool:
    """Tell whether *caller* revokes one with *permission*, be it by force."""
    token, _ = await tokens.create(DEFAULT_SCOPE_ID, "there", [permission])
    try:
        await tokens.revoke(DEFAULT_SCOPE_ID, token.id, caller, force=True)
    except Forbidden:
        return False
    return True


async def test_each_pair(services: Services) -> None:
    """Who may do everything that a token may makes and revokes it; nobody else does."""
    tokens, write = services.tokens, Permission.TOKENS_WRITE
    for own in Permission:
        caller, _ = await tokens.create(DEFAULT_SCOPE_ID, "caller", [write, own])
        for other in Permission:
            has_more = own is Permission.ADMIN or other in (write, own)
            may = (
                await may_make(tokens, caller, other),
                await may_revoke(tokens, caller, other),
            )
            assert (has_more, has_more) == may, (own, other)


async def test_oneself(services: Services) -> None:
    """A token may give itself up."""
    tokens = services.tokens
    token, _ = await tokens.create(DEFAULT_SCOPE_ID, "x", [Permission.TOKENS_WRITE])

    await tokens.revoke(DEFAULT_SCOPE_ID, token.id, token)

    assert [] == tokens.in_scope(DEFAULT_SCOPE_ID)
