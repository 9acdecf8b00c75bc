"""Answers that are read as they come."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from pushserver.client.transport import (
    Transport,
    api_path,
    read_answer,
    translate_network_errors,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import aiohttp

T = TypeVar("T")


@attrs.define
class OpenStream(Generic[T]):
    """
    An answer to a GET that is read as it comes, in an `async with` block.

    No generator: when a loop ends, it closes all of those at once, also one in which
    another one waits for its own end.
    """

    api: Transport
    path: Sequence[str]
    read: Callable[[aiohttp.ClientResponse], T]
    options: Mapping[str, Any]
    _response: aiohttp.ClientResponse | None = attrs.field(default=None, init=False)

    async def __aenter__(self) -> T:
        """
        Return what reads the answer.

        Raises:
            ApiError: the server refuses.
            Unreachable: the server cannot be reached.
        """
        url_path = api_path(self.path)
        with translate_network_errors(self.api.server):
            response = await self.api.start_request("GET", url_path, **self.options)
            self._response = response
            if response.status != HTTPStatus.OK:
                (await read_answer(response)).raise_for_status()
        return self.read(response)

    async def __aexit__(self, *exc: object) -> None:
        """Leave the rest unread."""
        if self._response is not None:
            self._response.close()
