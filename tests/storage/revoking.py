"""Revoking tokens in a store."""

from pushserver.storage.base import Store
from pushserver.storage.scopes import Revocation
from tests.clock import START


async def revoke(
    store: Store, scope_id: int, token_id: int, *, keeps_admin: bool = False
) -> Revocation:
    """Revoke a token now."""
    return await store.revoke_token(
        scope_id, token_id, now=START, keeps_admin=keeps_admin
    )
