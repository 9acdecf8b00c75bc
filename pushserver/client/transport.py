"""Sends the client's requests over one HTTP session."""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import attrs
import msgspec

from pushserver.client.answers import ApiResponse
from pushserver.client.errors import ApiError, Unreachable
from pushserver.client.resending import Resender
from pushserver.client.server_address import BASE, server_address

# It is loaded by whoever calls a server: help and completion are there sooner for that.
if TYPE_CHECKING:
    import aiohttp

#: Query parameters; those that are None are left out, and a sequence repeats the name.
QueryParams = Mapping[str, str | int | bool | Sequence[str] | None]

#: Seconds without a byte after which the server counts as gone.
READ_TIMEOUT = 60
#: Seconds beyond that for the whole head of an answer, whatever comes before it.
HEAD_ALLOWANCE = 30.0
#: Bytes a second that a request takes at least to be sent.
_SLOWEST_UPLOAD = 4096
#: The most bytes of an answer that is not read as it comes, unpacked.
MAX_ANSWER = 256 * 1024 * 1024
_EMPTY: Mapping[str, Any] = MappingProxyType({})


@attrs.define
class Transport:
    """
    A session with one server, authenticated by one token, between open and close.

    `retry_for`: for how many seconds a call is sent again whose answer was lost.
    """

    server: str = attrs.field(converter=server_address)
    token: str | None = attrs.field(default=None, repr=False)
    retry_for: float = 0
    _session: "aiohttp.ClientSession | None" = attrs.field(default=None, init=False)
    _resend: Resender = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._resend = Resender(self.retry_for)

    def open(self) -> None:
        """Start the session."""
        import aiohttp  # noqa: PLC0415

        # A token that was read from a file ends with a line.
        token = (self.token or "").strip()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._session = aiohttp.ClientSession(headers=headers)

    async def close(self) -> None:
        """Close the session."""
        if self._session:
            await self._session.close()
            self._session = None

    async def call(self, method: str, *path: str, **options: Any) -> Any:
        """Send a request to a path of the API; return the JSON of its answer."""
        return (await self.request(method, *path, **options)).json()

    async def create(
        self,
        *path: str,
        method: str = "POST",
        idempotency_key: str | None = None,
        **options: Any,
    ) -> Any:
        """Do as `call` does, for what makes something: that always has a key."""
        key = self.key(idempotency_key)
        return await self.call(method, *path, idempotency_key=key, **options)

    def key(self, given: str | None) -> str | None:
        """Return *given*, or else a new key, under which a call may be sent again."""
        new = os.urandom(16).hex() if self.retry_for else None
        return given if given is not None else new

    async def request(
        self,
        method: str,
        *path: str,
        body: Any = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] = _EMPTY,
        **options: Any,
    ) -> ApiResponse:
        """
        Send *body* as JSON, or what the *options* of `send` say, to a path of the API.

        Reads, and what has a key, may be sent again.

        Raises:
            ApiError: the server refuses.
            Unreachable: the server cannot be reached.
        """
        if body is not None:
            options["content"] = msgspec.json.encode(body)
        if idempotency_key:
            headers = {**headers, "Idempotency-Key": idempotency_key}
        url_path = api_path(path)
        send = partial(self.send, method, url_path, headers=headers, **options)
        may_come_twice = method == "GET" or idempotency_key is not None
        return await (self._resend(send) if may_come_twice else self._resend.once(send))

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: QueryParams = _EMPTY,
        content: bytes | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] = _EMPTY,
        wait: int | None = None,
    ) -> ApiResponse:
        """
        Send a request and return the answer, whatever its status.

        The server may take *wait* seconds longer than usual to answer.

        Raises:
            Unreachable: the server cannot be reached.
        """
        content_headers = {"Content-Type": content_type} if content is not None else {}
        with translate_network_errors(self.server):
            response = await self.start_request(
                method,
                path,
                params=params,
                data=None if content is None else BytesIO(content),
                headers={**content_headers, **headers},
                read_timeout=READ_TIMEOUT + (wait or 0),
                upload_time=len(content or b"") / _SLOWEST_UPLOAD,
            )
            async with response:
                return await read_answer(response)

    async def start_request(
        self,
        method: str,
        path: str,
        *,
        params: QueryParams = _EMPTY,
        read_timeout: float = READ_TIMEOUT,
        upload_time: float = 0,
        **options: Any,
    ) -> "aiohttp.ClientResponse":
        """
        Send a request; return the response as soon as its headers are there.

        Interim answers, of which there may be any number, do not put its end off.
        """
        import aiohttp  # noqa: PLC0415
        from yarl import URL  # noqa: PLC0415

        if self._session is None:
            raise RuntimeError("Use the client in an `async with` block.")
        url = URL(self.server.rstrip("/") + path, encoded=True)
        async with asyncio.timeout(read_timeout + HEAD_ALLOWANCE + upload_time):
            return await self._session.request(
                method,
                url.update_query(_query_pairs(params)),
                timeout=aiohttp.ClientTimeout(sock_connect=10, sock_read=read_timeout),
                # A redirected POST would arrive as a GET, and elsewhere.
                allow_redirects=False,
                **options,
            )


async def read_answer(response: "aiohttp.ClientResponse") -> ApiResponse:
    """
    Read an answer whole.

    Raises:
        ApiError: it is longer than any of a pushserver.
    """
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > MAX_ANSWER:
            detail = f"The answer has more than {MAX_ANSWER >> 20} MiB."
            raise ApiError(response.status, {"detail": detail})
    return ApiResponse(response.status, response.headers.copy(), bytes(content))


@contextmanager
def translate_network_errors(server: str) -> Iterator[None]:
    """
    Translate network errors of the block.

    Raises:
        Unreachable: *server* cannot be reached, or went away.
    """
    import aiohttp  # noqa: PLC0415

    try:
        yield
    except (aiohttp.ClientError, OSError, ValueError) as error:
        not_connected = (
            aiohttp.ClientConnectorError,
            aiohttp.ConnectionTimeoutError,
            aiohttp.InvalidURL,
        )
        raise Unreachable(
            _unreachable_message(server, error),
            may_have_arrived=not isinstance(error, not_connected),
        ) from error


def api_path(path: Sequence[str]) -> str:
    """Return a path of the API; the server judges what its segments name."""
    return BASE + "".join(f"/{quote(str(segment), safe='')}" for segment in path)


def _query_pairs(params: QueryParams) -> list[tuple[str, str]]:
    """Return the names and values to send."""
    pairs: list[tuple[str, str]] = []
    for name, value in params.items():
        if isinstance(value, bool):
            pairs.append((name, str(value).lower()))
        elif isinstance(value, str | int):
            pairs.append((name, str(value)))
        else:
            pairs.extend((name, each) for each in value or ())
    return pairs


def _unreachable_message(server: str, error: Exception) -> str:
    """Say in one line why *server* cannot be reached."""
    reason = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.errno:
        known = error.errno > 0
        reason = os.strerror(error.errno) if known else str(error.strerror)
    return f"No answer from {server}: {reason}. Is the server running there?"
