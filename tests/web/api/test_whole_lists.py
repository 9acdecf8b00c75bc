"""Lists without pages are rendered in pieces, whatever their length."""

import asyncio
import json
from collections import Counter

import pytest

from pushserver.services import off_loop
from pushserver.web.api.responses import whole_list_response
from pushserver.web.spooled_response import LongResponse


@pytest.mark.parametrize("count", [0, 1, 2, 50])
async def test_in_pieces(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Each item is there, in its order, and others have their turns between any two.
    """
    monkeypatch.setattr(off_loop, "_PIECE", 0)
    turn, rendered_in = 0, Counter[int]()

    def render(number: int) -> dict[str, int]:
        rendered_in[turn] += 1
        return {"n": number}

    async def take_turns() -> None:
        nonlocal turn
        while True:
            await asyncio.sleep(0)
            turn += 1

    others = asyncio.create_task(take_turns())
    response = await whole_list_response(range(count), render)
    others.cancel()

    assert isinstance(response, LongResponse)
    assert {"items": [{"n": n} for n in range(count)]} == json.loads(response.body)
    assert count == len(rendered_in)
