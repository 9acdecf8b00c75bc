"""Scopes are made, and get tokens, from within the first one."""

import pytest

from pushserver.clock import SECOND
from pushserver.errors import Forbidden, NotFound, Unavailable
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.token import Permission
from pushserver.services.scopes import Scopes
from pushserver.services.token_limits import TokenLimits
from pushserver.services.tokens import Tokens
from pushserver.web.services import Services
from tests.services.driver import ServiceDriver


@pytest.fixture(name="tokens")
async def _tokens(services: Services) -> Tokens:
    """Return the tokens, among them that of the settings."""
    await services.tokens.load("secret")
    return services.tokens


@pytest.fixture(name="scopes")
def _scopes(services: Services) -> Scopes:
    """Return the scopes, of which there is the first."""
    return services.scopes


async def test_make(scopes: Scopes, tokens: Tokens) -> None:
    """A scope is made with a first token, which may do everything there."""
    admin = tokens.authenticate("Bearer secret")

    acme, secret = await scopes.create("acme", admin)

    first = tokens.authenticate(f"Bearer {secret}")
    assert (acme.id, True) == (first.scope_id, first.has_permission(Permission.ADMIN))
    assert ["default", "acme"] == [s.name for s in await scopes.visible_to(admin)]
    assert [acme] == await scopes.visible_to(first)
    assert [first] == tokens.in_scope(acme.id)
    assert [admin] == tokens.in_scope(DEFAULT_SCOPE_ID)


async def test_only_the_first_makes_others(scopes: Scopes, tokens: Tokens) -> None:
    """Neither another scope nor less than an administrator makes scopes or tokens."""
    admin = tokens.authenticate("Bearer secret")
    acme, secret = await scopes.create("acme", admin)
    most = set(Permission) - {Permission.ADMIN}
    clerk, _ = await tokens.create(DEFAULT_SCOPE_ID, "clerk", most)

    for by in (tokens.authenticate(f"Bearer {secret}"), clerk):
        with pytest.raises(Forbidden):
            await scopes.create("x", by)
        with pytest.raises(Forbidden):
            await scopes.create_token(acme.id, "x", [Permission.COMMANDS_READ], by)

    assert ["default"] == [s.name for s in await scopes.visible_to(clerk)]
    assert 2 == len(await scopes.visible_to(admin))
    assert 1 == len(tokens.in_scope(acme.id))


async def test_by_who_expires(
    driver: ServiceDriver, scopes: Scopes, tokens: Tokens
) -> None:
    """A token that expires makes no scope: that one's token would outlive it."""
    limits = TokenLimits(expires_at=driver.clock.now() + SECOND)
    guest, _ = await tokens.create(
        DEFAULT_SCOPE_ID, "guest", [Permission.ADMIN], limits=limits
    )

    with pytest.raises(Forbidden):
        await scopes.create("acme", guest)


async def test_token_for_who_lost_theirs(scopes: Scopes, tokens: Tokens) -> None:
    """The first scope's administrator makes a token for a scope, if there is one."""
    admin = tokens.authenticate("Bearer secret")
    acme, _ = await scopes.create("acme", admin)

    token, secret = await scopes.create_token(acme.id, "x", [Permission.ADMIN], admin)

    assert acme.id == tokens.authenticate(f"Bearer {secret}").scope_id
    with pytest.raises(NotFound):
        await tokens.revoke(DEFAULT_SCOPE_ID, token.id)
    await tokens.revoke(acme.id, token.id)
    with pytest.raises(NotFound):
        await scopes.create_token(99, "x", [Permission.ADMIN], admin)


async def test_first_scope_is_never_without(scopes: Scopes, tokens: Tokens) -> None:
    """Other scopes' tokens do not keep the first one's from being made."""
    admin = tokens.authenticate("Bearer secret")
    await scopes.create("acme", admin)

    secret = await tokens.load(None)

    assert secret is not None
    assert DEFAULT_SCOPE_ID == tokens.authenticate(f"Bearer {secret}").scope_id
    assert await tokens.load(None) is None


async def test_store_away(
    driver: ServiceDriver, scopes: Scopes, tokens: Tokens
) -> None:
    """A scope that could not be stored does not exist."""
    admin = tokens.authenticate("Bearer secret")
    async with driver.failing_commits():
        with pytest.raises(Unavailable):
            await scopes.create("acme", admin)

    assert 1 == len(await scopes.visible_to(admin))
