"""Tokens: who calls, and what they may do."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import cast

import attrs
import pytest

from pushserver.clock import SECOND
from pushserver.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Unauthorized,
    Unavailable,
)
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.token import Permission, Token
from pushserver.services.token_limits import TokenLimits
from pushserver.services.tokens import Tokens, _hash_again
from pushserver.storage.base import Store
from pushserver.web.services import Services
from tests.database_rows import open_reader
from tests.services.driver import ServiceDriver

READ, WRITE = Permission.COMMANDS_READ, Permission.COMMANDS_WRITE


@pytest.fixture(name="tokens")
def _tokens(services: Services) -> Tokens:
    """Return the tokens, of which there are none yet."""
    return services.tokens


async def restarted(tokens: Tokens, admin: str | None = None) -> str | None:
    """Load the tokens as a start does; return a first one's secret."""
    return await tokens.load(admin)


def authenticate(tokens: Tokens, secret: str) -> Token:
    """Return whose secret this is."""
    return tokens.authenticate(f"Bearer {secret}")


async def test_first(tokens: Tokens) -> None:
    """The first start makes one token that may do everything; the next makes none."""
    secret = await restarted(tokens)
    assert secret is not None
    assert secret.startswith("pst_")

    assert await restarted(tokens) is None
    assert all(authenticate(tokens, secret).has_permission(one) for one in Permission)


async def test_from_the_settings(tokens: Tokens) -> None:
    """The token of the settings is valid for as long as it is set, and never stored."""
    assert await restarted(tokens, "secret") is None
    assert authenticate(tokens, "secret").has_permission(Permission.TOKENS_WRITE)

    first = await restarted(tokens)

    assert first is not None
    with pytest.raises(Unauthorized):
        authenticate(tokens, "secret")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "secret",
        "Basic secret",
        "Bearer Secret",
        "Bearer secret2",
        "Bearer secre",
        "Bearer \ud800",
        "Bearer é☃",
    ],
)
async def test_refused(tokens: Tokens, header: str | None) -> None:
    """A caller without a valid token is refused."""
    await restarted(tokens, "secret")

    with pytest.raises(Unauthorized):
        tokens.authenticate(header)


@pytest.mark.parametrize(
    "header", ["Bearer secret", "bearer secret", "BEARER  secret "]
)
async def test_accepted(tokens: Tokens, header: str) -> None:
    """The scheme is taken in any case."""
    await restarted(tokens, "secret")

    assert tokens.authenticate(header).has_permission(READ)


async def test_make(tokens: Tokens) -> None:
    """A token may do what it was made for, and survives a restart."""
    token, secret = await tokens.create(DEFAULT_SCOPE_ID, "reader", [READ])
    await restarted(tokens)

    assert token == authenticate(tokens, secret)
    assert (True, False, False) == (
        token.has_permission(READ),
        token.has_permission(WRITE),
        token.has_permission(Permission.ADMIN),
    )
    assert secret not in repr(token)


async def test_nobody_gives_what_he_has_not(tokens: Tokens) -> None:
    """A token cannot make one that may do more."""
    maker, _ = await tokens.create(
        DEFAULT_SCOPE_ID, "maker", [Permission.TOKENS_WRITE, READ]
    )

    _, secret = await tokens.create(DEFAULT_SCOPE_ID, "child", [READ], caller=maker)
    assert authenticate(tokens, secret).has_permission(READ)

    for beyond in (WRITE, Permission.ADMIN):
        with pytest.raises(Forbidden, match=beyond.value):
            await tokens.create(DEFAULT_SCOPE_ID, "child", [READ, beyond], caller=maker)

    admin, _ = await tokens.create(
        DEFAULT_SCOPE_ID, "admin", [Permission.ADMIN], caller=None
    )
    await tokens.create(
        DEFAULT_SCOPE_ID, "child", [WRITE, Permission.ADMIN], caller=admin
    )


async def test_revoke(tokens: Tokens) -> None:
    """A token that was revoked is invalid at once and for good."""
    await restarted(tokens, "secret")
    token, secret = await tokens.create(DEFAULT_SCOPE_ID, "x", [READ])

    await tokens.revoke(DEFAULT_SCOPE_ID, token.id)

    with pytest.raises(Unauthorized):
        authenticate(tokens, secret)
    with pytest.raises(NotFound):
        await tokens.revoke(DEFAULT_SCOPE_ID, token.id)
    await restarted(tokens, "secret")
    with pytest.raises(Unauthorized):
        authenticate(tokens, secret)


async def test_what_stays_of_a_revoked_one(tokens: Tokens, database: str) -> None:
    """Of a token that was revoked nothing stays that may be long."""
    limits = TokenLimits(device_ids=frozenset(range(1000)), tags={"a": "b" * 1000})
    token, _ = await tokens.create(DEFAULT_SCOPE_ID, "x", [READ], limits=limits)

    await tokens.revoke(DEFAULT_SCOPE_ID, token.id)

    with open_reader(database) as read:
        stored = read("SELECT name, hash, permissions, device_ids, tags FROM token")
    assert [("x", token.hash, "", None, None)] == stored


async def test_revoke_that_of_the_settings(tokens: Tokens) -> None:
    """The token of the settings is revoked by changing the settings."""
    await restarted(tokens, "secret")

    with pytest.raises(NotFound):
        await tokens.revoke(DEFAULT_SCOPE_ID, 0)
    assert authenticate(tokens, "secret").has_permission(READ)


async def test_list(tokens: Tokens) -> None:
    """All valid tokens are listed, oldest first."""
    created = [
        (await tokens.create(DEFAULT_SCOPE_ID, f"n{n}", [READ]))[0] for n in range(4)
    ]
    await tokens.revoke(DEFAULT_SCOPE_ID, created[1].id)

    assert [created[0], created[2], created[3]] == list(
        tokens.in_scope(DEFAULT_SCOPE_ID)
    )


async def test_store_away(driver: ServiceDriver, tokens: Tokens) -> None:
    """
    A token that could not be stored is not valid; one whose revoking failed still is.
    """
    token, secret = await tokens.create(DEFAULT_SCOPE_ID, "x", [READ])
    async with driver.failing_commits():
        with pytest.raises(Unavailable):
            await tokens.create(DEFAULT_SCOPE_ID, "y", [READ])
        with pytest.raises(Unavailable):
            await tokens.revoke(DEFAULT_SCOPE_ID, token.id)

    assert [token] == list(tokens.in_scope(DEFAULT_SCOPE_ID))
    assert token == authenticate(tokens, secret)


async def test_expiry(driver: ServiceDriver, tokens: Tokens) -> None:
    """A token is valid until its instant, and not in it; it is listed all the same."""
    limits = TokenLimits(expires_at=driver.clock.now() + SECOND)
    token, secret = await tokens.create(DEFAULT_SCOPE_ID, "x", [READ], limits=limits)

    driver.clock.tick(seconds=0.999999)
    assert token == authenticate(tokens, secret)
    assert tokens.is_valid(token)
    driver.clock.tick(seconds=0.000001)

    assert not tokens.is_valid(token)
    with pytest.raises(Unauthorized):
        authenticate(tokens, secret)
    assert [token] == tokens.in_scope(DEFAULT_SCOPE_ID)


async def test_no_longer_than_its_maker(driver: ServiceDriver, tokens: Tokens) -> None:
    """A token that expires makes none that is valid for longer."""
    until, make = driver.clock.now() + SECOND, [Permission.TOKENS_WRITE, READ]
    maker, _ = await tokens.create(
        DEFAULT_SCOPE_ID, "maker", make, limits=TokenLimits(expires_at=until)
    )
    create = partial(tokens.create, DEFAULT_SCOPE_ID, "child", [READ], maker)

    await create(limits=TokenLimits(expires_at=until))
    for longer in (None, until + 1):
        with pytest.raises(Forbidden):
            await create(limits=TokenLimits(expires_at=longer))


@pytest.mark.parametrize("name", ["", "  ", "a\x00b"])
async def test_name(tokens: Tokens, name: str) -> None:
    """A token has a name that people can read."""
    with pytest.raises(Invalid) as refused:
        await tokens.create(DEFAULT_SCOPE_ID, name, [READ])

    assert "/name" == refused.value.pointer


async def test_last_use(driver: ServiceDriver, tokens: Tokens) -> None:
    """
    The last use is known to the minute, and written for all together: once for each
    minute in which there was one.
    """
    _, secret = await tokens.create(DEFAULT_SCOPE_ID, "x", [READ])
    unused = tokens.in_scope(DEFAULT_SCOPE_ID)[0].last_used_at

    written = []
    for seconds in (0, 1, 60, 600):
        driver.clock.tick(seconds=seconds)
        authenticate(tokens, secret)
        written.append(await tokens.uses.save())
    written.append(await tokens.uses.save())
    await tokens.load(None)

    minute = driver.clock.now() // (60 * SECOND) * 60 * SECOND
    assert unused is None
    assert [1, 0, 1, 1, 0] == written
    assert minute == tokens.in_scope(DEFAULT_SCOPE_ID)[0].last_used_at
    (stored,) = [t for t in await tokens.store.all_tokens() if t.name == "x"]
    assert minute == stored.last_used_at


async def test_last_use_while_the_store_is_away(
    driver: ServiceDriver, tokens: Tokens
) -> None:
    """What could not be written is written by the next run."""
    _, secret = await tokens.create(DEFAULT_SCOPE_ID, "x", [READ])
    authenticate(tokens, secret)
    async with driver.failing_commits():
        with pytest.raises(Unavailable):
            await tokens.uses.save()

    assert 1 == await tokens.uses.save()


async def test_last_admin(tokens: Tokens) -> None:
    """
    The last administrator's token is revoked by force alone, unless one is in the
    settings.
    """
    await restarted(tokens)
    (first,) = tokens.in_scope(DEFAULT_SCOPE_ID)

    with pytest.raises(Conflict):
        await tokens.revoke(DEFAULT_SCOPE_ID, first.id)
    assert [first] == tokens.in_scope(DEFAULT_SCOPE_ID)
    await tokens.revoke(DEFAULT_SCOPE_ID, first.id, force=True)
    assert [] == tokens.in_scope(DEFAULT_SCOPE_ID)

    await restarted(tokens)
    (second,) = tokens.in_scope(DEFAULT_SCOPE_ID)
    await restarted(tokens, "secret")
    await tokens.revoke(DEFAULT_SCOPE_ID, second.id)


@attrs.define(eq=False)
class PausedTokenStore:
    """A store whose first list of tokens takes until `may_return` to arrive."""

    store: Store
    has_read: asyncio.Event = attrs.Factory(asyncio.Event)
    may_return: asyncio.Event = attrs.Factory(asyncio.Event)

    async def all_tokens(self) -> Sequence[Token]:
        """Return the tokens as they were when they were read."""
        found = await self.store.all_tokens()
        self.has_read.set()
        await self.may_return.wait()
        return found


async def test_changed_while_read(tokens: Tokens) -> None:
    """A token that is revoked or created during a refresh stays so."""
    revoked, old = await tokens.create(DEFAULT_SCOPE_ID, "old", [READ])
    store, slow = tokens.store, PausedTokenStore(tokens.store)
    tokens.store = cast("Store", slow)
    refreshing = asyncio.create_task(tokens.refresh())
    await slow.has_read.wait()
    tokens.store = store
    await tokens.revoke(DEFAULT_SCOPE_ID, revoked.id)
    token, new = await tokens.create(DEFAULT_SCOPE_ID, "new", [READ])
    slow.may_return.set()
    await refreshing

    assert token == authenticate(tokens, new)
    with pytest.raises(Unauthorized):
        authenticate(tokens, old)


def test_long_secrets(tokens: Tokens) -> None:
    """Of a secret no more is kept than the 1024 characters that it may have."""
    kept = list[int]()
    for length in (1024, 1025):
        _hash_again.cache_clear()
        with pytest.raises(Unauthorized):
            authenticate(tokens, "x" * length)
        kept.append(_hash_again.cache_info().currsize)

    assert [1, 0] == kept
