"""Long patches of shadows: few of them are in memory, decoded, at a time."""

import asyncio
from contextlib import AsyncExitStack

from pushserver.services.off_loop import MAX_INLINE
from pushserver.services.shadows import MAX_LARGE
from tests.web.api.shadows import patch_shadow, set_desired
from tests.web.local_server import LocalServer


async def test_large_patches(server: LocalServer) -> None:
    """
    Of long patches a few are done at a time, and the next waits; short ones do not.
    """
    large = {"general": {f"p{n:02}": "x" * 990 for n in range(40)}}
    shadows = server.services.shadows
    async with AsyncExitStack() as stack:
        for _ in range(MAX_LARGE):
            await stack.enter_async_context(shadows.turn(MAX_INLINE + 1))
        waiting = asyncio.create_task(patch_shadow(server, large))
        async with shadows.turn(MAX_INLINE):
            # As many calls as leave the long one time enough, if it did not wait.
            for _ in range(20):
                assert {} == (await set_desired(server, {"ntp": {}}))["services"]
        assert not waiting.done()

    assert 200 == (await waiting).status
