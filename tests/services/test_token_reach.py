"""What a restricted token reaches."""

import asyncio

import pytest

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.token import Token
from pushserver.services import off_loop
from pushserver.web.services import Services
from tests.devices import terminal

MANY = 20


async def test_many_devices(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    While the devices with a token's tags are looked for, others have their turns.
    """
    monkeypatch.setattr(off_loop, "_PIECE", 0)
    for number in range(1, MANY + 1):
        tags = {"site": "north" if number > 2 else "south"}
        await services.fleet.put(DEFAULT_SCOPE_ID, terminal(number), {"tags": tags})
    token = Token(
        id=1,
        scope_id=DEFAULT_SCOPE_ID,
        hash="",
        name="north",
        permissions=frozenset(),
        created_at=0,
        tags={"site": "north"},
    )

    finding = asyncio.create_task(services.token_reach.device_ids(token))
    for _ in range(MANY):
        await asyncio.sleep(0)
        assert not finding.done()

    assert frozenset(range(3, MANY + 1)) == await finding
