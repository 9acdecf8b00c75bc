"""What lasts, and can be waited for: operations, tasks and upgrades."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import attrs
from aiohttp import web

from pushserver.services.end_waiting import wait_until_over
from pushserver.web.api.call import ApiCall
from pushserver.web.api.prefer import granted_wait, preference_applied
from pushserver.web.api.query import MAX_WAIT
from pushserver.web.api.reach import require_reach_of
from pushserver.web.api.responses import (
    created_id,
    created_response,
    encode_json,
    json_response,
)
from pushserver.web.api.types import Out

_Call: TypeAlias = ApiCall[Any, Any]


@attrs.frozen
class Lasting:
    """
    A kind of things that last, below `path` of the API, which has their id as `name`.

    `is_over` tells whether the one with an id has ended, and `show` renders it; both
    raise NotFound if there is none.
    """

    path: str
    name: str
    is_over: Callable[[_Call, int], Awaitable[bool]]
    show: Callable[[_Call, int], Awaitable[Out]]

    async def respond(self, call: _Call, subject_id: int) -> web.StreamResponse:
        """Show the one with this id, with `wait` once it has ended."""
        await self._wait(call, subject_id, min(call.query.wait, MAX_WAIT))
        return json_response(await self.show(call, subject_id))

    async def respond_created(
        self, call: _Call, answer: bytes, *, replayed: bool
    ) -> web.StreamResponse:
        """Return 201 and the new one; once it has ended, if the program prefers."""
        seconds = 0.0 if replayed else granted_wait(call)
        if not seconds:
            return created_response(call.request, self.path, answer, replayed=replayed)
        subject_id = int(created_id(answer))
        await self._wait(call, subject_id, seconds)
        await require_reach_of(call, self.name, str(subject_id))
        return created_response(
            call.request,
            self.path,
            encode_json(await self.show(call, subject_id)),
            headers=preference_applied(seconds),
        )

    async def _wait(self, call: _Call, subject_id: int, seconds: float) -> None:
        if not seconds:
            return
        services = call.services
        async with call.waiting(seconds):
            await wait_until_over(
                services.store,
                services.completion_waiters,
                subject_id,
                partial(self.is_over, call, subject_id),
                seconds,
            )
