"""HTTP for the client: the session, responses and errors."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from io import BytesIO
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import attrs
import msgspec
from yarl import URL

Json = dict[str, Any]
QueryParams = Mapping[str, str | int | bool | Sequence[str] | None]

BASE = "/api/v1"
#: Seconds without a byte after which the server counts as gone.
READ_TIMEOUT = 60
_EMPTY: Mapping[str, Any] = MappingProxyType({})


class ClientError(Exception):
    """Base of the errors of a call."""


class Unreachable(ClientError):
    """The server cannot be reached, or disconnected before it had answered."""


class ApiError(ClientError):
    """The server refused; the fields are those of its problem document."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.type = str(problem.get("type", "about:blank"))
        self.title = str(problem.get("title", f"HTTP {status}"))
        self.detail = str(problem.get("detail", ""))
        self.pointer: str | None = problem.get("pointer")
        location = f" ({self.pointer})" if self.pointer else ""
        super().__init__((self.detail or self.title) + location)

    @property
    def is_transient(self) -> bool:
        """Whether the same call may succeed a moment later."""
        busy = HTTPStatus.TOO_MANY_REQUESTS
        return self.status == busy or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


@attrs.frozen
class ApiResponse:
    """A response: the status, the headers and the body's bytes."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Json:
        """Return the decoded body; one without JSON is an ApiError."""
        try:
            return msgspec.json.decode(self.content, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            detail = f"HTTP {self.status} without JSON. Is a pushserver there?"
            raise ApiError(self.status, {"detail": detail}) from None


@attrs.define
class BaseClient:
    """One server and one token; to be used in an `async with` block."""

    server: str
    token: str | None = attrs.field(default=None, repr=False)
    _session: aiohttp.ClientSession | None = attrs.field(default=None, init=False)

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        self._session = aiohttp.ClientSession(headers=headers)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._session:
            await self._session.close()

    async def _call(
        self, method: str, *segments: str, body: Any = None, **options: Any
    ) -> Json:
        """Send a call with a JSON *body*, if any, and return the JSON of its answer."""
        if body is not None:
            options["content"] = msgspec.json.encode(body)
        return (await self._request(method, *segments, **options)).json()

    async def _request(
        self,
        method: str,
        *segments: str,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] = _EMPTY,
        **options: Any,
    ) -> ApiResponse:
        """Send a call to the path of *segments*; raise ApiError if it is refused."""
        path = "/".join((BASE, *map(_quote_segment, segments)))
        if idempotency_key:
            headers = {**headers, "Idempotency-Key": idempotency_key}
        answer = await self._send(method, path, headers=headers, **options)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise ApiError(answer.status, answer.json())
        return answer

    async def _send(
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
        content_headers = {"Content-Type": content_type} if content is not None else {}
        with translate_network_errors(self.server):
            response = await self._start_request(
                method,
                path,
                params=params,
                data=None if content is None else BytesIO(content),
                headers={**content_headers, **headers},
                read_timeout=READ_TIMEOUT + (wait or 0),
            )
            async with response:
                content = await response.read()
                return ApiResponse(response.status, response.headers.copy(), content)

    async def _start_request(
        self,
        method: str,
        path: str,
        *,
        params: QueryParams = _EMPTY,
        read_timeout: float = READ_TIMEOUT,
        **options: Any,
    ) -> aiohttp.ClientResponse:
        """Send a request; return the answer as soon as its header is there."""
        if self._session is None:
            raise RuntimeError("Use the client in an `async with` block.")
        url = URL(self.server.rstrip("/") + path, encoded=True)
        return await self._session.request(
            method,
            url.update_query(_query_pairs(params)),
            timeout=aiohttp.ClientTimeout(sock_connect=10, sock_read=read_timeout),
            # A redirected POST would arrive as a GET, and elsewhere.
            allow_redirects=False,
            **options,
        )


@contextmanager
def translate_network_errors(server: str) -> Iterator[None]:
    """
    Translate errors of the network that the block raises.

    Raises:
        Unreachable: *server* cannot be reached, or disconnected.
    """
    try:
        yield
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise Unreachable(_unreachable_message(server, error)) from error


def _quote_segment(name: str) -> str:
    """Return *name* quoted for a path; the server checks whether it is valid."""
    return quote(str(name), safe="")


def _query_pairs(params: QueryParams) -> list[tuple[str, str]]:
    """Return the given *params* as pairs; a sequence repeats its name."""
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
    """Return in one line why *server* cannot be reached."""
    reason = str(error) or type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError) and error.errno:
        known = error.errno > 0
        reason = os.strerror(error.errno) if known else str(error.strerror)
    return f"No answer from {server}: {reason}. Is the server running there?"
