"""A wall clock that jumps: a session is valid for the seconds that were said."""

import pytest

from pushserver.model.actor import Actor
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.token import Permission
from tests.clock import ManualClock
from tests.services.driver import ServiceDriver
from tests.services.test_clock_watch import JUMPS

ACTOR = Actor(7, "porter", "192.0.2.7", "req-1")


@JUMPS
@pytest.mark.parametrize("is_console", [True, False])
async def test_lifetime(
    driver: ServiceDriver, clock: ManualClock, jump: int, *, is_console: bool
) -> None:
    """
    Half an hour of a Kapua client, and twelve of somebody at the console, are as long
    whatever the wall shows meanwhile, and so is the time to refresh.
    """
    services = driver.services
    sessions = services.console_sessions if is_console else services.sessions
    seconds = 12 * 3600 if is_console else 1800
    token, _ = services.tokens.generate(
        DEFAULT_SCOPE_ID, "porter", [Permission.ADMIN], ACTOR
    )
    opened = await sessions.open(token, ACTOR)
    clock.tick(60)
    clock.jump(jump)
    assert 1 == await driver.follow_wall_clock()

    clock.tick(seconds - 61)
    assert await sessions.find(opened.secret) is not None
    clock.tick(1)
    assert await sessions.find(opened.secret) is None
    assert is_console == (await services.sessions.purge())
