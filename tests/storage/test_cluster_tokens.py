"""What servers that start at the same time over one database write of tokens."""

import asyncio

import psycopg
import pytest

from tests.storage.cluster import ServerPair, waits_for_a_lock
from tests.storage.test_devices import token
from tests.web.local_server import wait_until

pytestmark = pytest.mark.only_on("postgres")


async def test_first_token_at_once(pair: ServerPair, database: str) -> None:
    """
    Of two servers that find no token at the same time, one makes the first.
    """
    async with await psycopg.AsyncConnection.connect(database) as other:
        # Tokens can be looked for meanwhile, and none is written.
        await other.execute("LOCK TABLE token IN SHARE MODE")
        adding = asyncio.gather(
            pair.a.add_first_token(token(1)), pair.b.add_first_token(token(2))
        )
        await wait_until(lambda: waits_for_a_lock(pair.a, 2))

    assert [False, True] == sorted(await adding)
    assert 1 == len(await pair.b.all_tokens())
