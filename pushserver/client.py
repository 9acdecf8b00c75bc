"""The admin API's client, used by the command line and the tests.

Answers come back as plain dictionaries, as they are on the wire. What goes wrong is a
`ClientError`: `ApiError` when the server refused, `Unreachable` when it did not answer.
"""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
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
Params = Mapping[str, str | int | bool | Sequence[str] | None]

BASE = "/api/v1"
OCTETS = "application/octet-stream"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
#: Seconds without a byte after which the server is taken for gone.
PATIENCE = 60
#: An import of a whole fleet is one transaction, and may take its time.
IMPORT_PATIENCE = 600
#: The most that a list gives in one page.
PAGE = 1000
_NONE: Mapping[str, Any] = MappingProxyType({})


class ClientError(Exception):
    """Base of what can go wrong with a call."""


class Unreachable(ClientError):
    """The server cannot be reached, or went away before it had answered."""


class ApiError(ClientError):
    """The server refused; the fields are those of its problem document."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.type = str(problem.get("type", "about:blank"))
        self.title = str(problem.get("title", f"HTTP {status}"))
        self.detail = str(problem.get("detail", ""))
        self.pointer: str | None = problem.get("pointer")
        where = f" ({self.pointer})" if self.pointer else ""
        super().__init__((self.detail or self.title) + where)

    @property
    def passing(self) -> bool:
        """Whether the same call may succeed a moment later."""
        busy = HTTPStatus.TOO_MANY_REQUESTS
        return self.status == busy or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


@attrs.frozen
class Answer:
    """What the server said: the status, the headers and the body's bytes."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Json:
        """Return the body, decoded; a stranger's body is a refusal."""
        try:
            return msgspec.json.decode(self.content, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            detail = f"HTTP {self.status} without JSON. Is a pushserver there?"
            raise ApiError(self.status, {"detail": detail}) from None


@attrs.frozen(kw_only=True)
class Enqueue:
    """How to enqueue: under which key, and for how long to wait for the outcome."""

    idempotency_key: str | None = None
    wait: int | None = None

    def asked(self) -> dict[str, Any]:
        """Return this as the call's headers and what to wait for."""
        key = {"Idempotency-Key": self.idempotency_key} if self.idempotency_key else {}
        prefer = {"Prefer": f"wait={self.wait}"} if self.wait else {}
        return {"headers": {**key, **prefer}, "wait": self.wait}


_PLAINLY = Enqueue()


@attrs.define
class Client:
    """One server, seen with one token; used as `async with Client(server, token)`."""

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

    async def enqueue(
        self, device_id: str, command: Mapping[str, Any], how: Enqueue = _PLAINLY
    ) -> Json:
        """Enqueue one command."""
        path = f"/devices/{_part(device_id)}/commands"
        return await self._json("POST", path, body=command, **how.asked())

    async def enqueue_many(
        self, device_id: str, commands: Sequence[Json], how: Enqueue = _PLAINLY
    ) -> list[Json]:
        """Enqueue all of *commands*, or none."""
        path = f"/devices/{_part(device_id)}/commands"
        answer = await self._json("POST", path, body=commands, **how.asked())
        return list(answer["items"])

    async def enqueue_bytes(
        self, device_id: str, content: bytes, fields: Params, how: Enqueue = _PLAINLY
    ) -> Json:
        """Enqueue raw bytes, such as a photo; *fields* are the command's others."""
        path = f"/devices/{_part(device_id)}/commands"
        raw = {"content": content, "content_type": OCTETS, "params": fields}
        return await self._json("POST", path, **raw, **how.asked())

    async def commands(self, **filters: Any) -> Json:
        """Return a page of commands, newest first."""
        return await self._json("GET", "/commands", params=filters)

    async def command(self, command_id: str, *, wait: int | None = None) -> Json:
        """Return one command; *wait* seconds for its outcome."""
        path = f"/commands/{_part(command_id)}"
        return await self._json("GET", path, params={"wait": wait}, wait=wait)

    async def command_result(self, command_id: str) -> tuple[bytes, str | None]:
        """Return a result as the device posted it, and its content type."""
        answer = await self._call("GET", f"/commands/{_part(command_id)}/result")
        return answer.content, answer.headers.get("Content-Type")

    async def cancel(self, command_id: str) -> Json:
        """Cancel a command that was not handed out."""
        return await self._json("DELETE", f"/commands/{_part(command_id)}")

    async def retry(self, command_id: str) -> Json:
        """Enqueue a new command like this one."""
        return await self._json("POST", f"/commands/{_part(command_id)}/retry")

    async def results(self, *, wait: int | None = None, **filters: Any) -> Json:
        """Return a page of results, oldest first; *wait* seconds for at least one."""
        params = {"wait": wait, **filters}
        return await self._json("GET", "/results", params=params, wait=wait)

    async def devices(self, **filters: Any) -> Json:
        """Return a page of devices."""
        return await self._json("GET", "/devices", params=filters)

    async def device(self, device_id: str) -> Json:
        """Return one device."""
        return await self._json("GET", f"/devices/{_part(device_id)}")

    async def put_device(self, device_id: str, **fields: Any) -> Json:
        """Create a device, or replace what is known of it."""
        return await self._json("PUT", f"/devices/{_part(device_id)}", body=fields)

    async def patch_device(self, device_id: str, **fields: Any) -> Json:
        """Change some of a device's fields."""
        return await self._json("PATCH", f"/devices/{_part(device_id)}", body=fields)

    async def delete_device(self, device_id: str) -> None:
        """Remove a device; what is pending for it is canceled."""
        await self._call("DELETE", f"/devices/{_part(device_id)}")

    async def adopt(self, device_id: str) -> Json:
        """Vouch for a device that polled by itself."""
        return await self._json("POST", f"/devices/{_part(device_id)}/adopt")

    async def make_key(self, device_id: str, *, enforce: bool = False) -> Json:
        """Make a key for a device; it is shown this once."""
        body = {"enforce": True} if enforce else {}
        path = f"/devices/{_part(device_id)}/key"
        return await self._json("POST", path, body=body)

    async def import_devices(self, content: bytes, content_type: str = NDJSON) -> Json:
        """Create or update a fleet from NDJSON or CSV."""
        raw = {"content": content, "content_type": content_type}
        wait = IMPORT_PATIENCE
        return await self._json("POST", "/devices/import", wait=wait, **raw)

    async def tokens(self, **filters: Any) -> Json:
        """Return the tokens, without their secrets."""
        return await self._json("GET", "/tokens", params=filters)

    async def create_token(self, name: str, permissions: Sequence[str]) -> Json:
        """Make a token; its secret is shown this once."""
        body = {"name": name, "permissions": list(permissions)}
        return await self._json("POST", "/tokens", body=body)

    async def revoke_token(self, token_id: str) -> None:
        """Make a token worthless."""
        await self._call("DELETE", f"/tokens/{_part(token_id)}")

    async def scopes(self) -> Json:
        """Return the scopes that the token may know of."""
        return await self._json("GET", "/scopes")

    async def create_scope(self, name: str) -> Json:
        """Make a scope; its first token is shown this once."""
        return await self._json("POST", "/scopes", body={"name": name})

    async def openapi(self) -> Json:
        """Return the API's description."""
        return await self._json("GET", "/openapi.json")

    async def probe(self, path: str) -> Answer:
        """Return the answer to *path* at the server's root, a refusal included."""
        return await self._send("GET", path)

    async def _json(
        self, method: str, path: str, *, body: Any = None, **asked: Any
    ) -> Json:
        if body is not None:
            asked["content"] = msgspec.json.encode(body)
        return (await self._call(method, path, **asked)).json()

    async def _call(self, method: str, path: str, **asked: Any) -> Answer:
        answer = await self._send(method, BASE + path, **asked)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise ApiError(answer.status, answer.json())
        return answer

    async def _send(
        self,
        method: str,
        path: str,
        *,
        params: Params = _NONE,
        content: bytes | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] = _NONE,
        wait: int | None = None,
    ) -> Answer:
        if self._session is None:
            raise RuntimeError("Use the client in an `async with` block.")
        patience = PATIENCE + (wait or 0)
        timeout = aiohttp.ClientTimeout(sock_connect=10, sock_read=patience)
        kind = {"Content-Type": content_type} if content is not None else {}
        try:
            async with self._session.request(
                method,
                URL(self.server.rstrip("/") + path, encoded=True).update_query(
                    _query(params)
                ),
                data=None if content is None else BytesIO(content),
                headers={**kind, **headers},
                timeout=timeout,
                # A redirected POST would arrive as a GET, and elsewhere.
                allow_redirects=False,
            ) as response:
                content = await response.read()
                return Answer(response.status, response.headers.copy(), content)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unreachable(_unreachable(self.server, error)) from error


async def every(
    page: Callable[..., Awaitable[Json]], limit: int = 0, **filters: Any
) -> AsyncIterator[Json]:
    """Yield what a list holds, page by page, up to *limit* (0: everything)."""
    left = limit or sys.maxsize
    cursor: str | None = None
    while left > 0:
        answer = await page(limit=min(PAGE, left), cursor=cursor, **filters)
        for item in answer["items"]:
            yield item
        left -= len(answer["items"])
        cursor = answer.get("nextCursor")
        if cursor is None:
            return


def _part(name: str) -> str:
    """Return *name* fit for a path; the server judges whether it is one."""
    return quote(str(name), safe="")


def _query(params: Params) -> list[tuple[str, str]]:
    """Return what is given of *params*; a sequence is the same name repeated."""
    pairs: list[tuple[str, str]] = []
    for name, value in params.items():
        if isinstance(value, bool):
            pairs.append((name, str(value).lower()))
        elif isinstance(value, str | int):
            pairs.append((name, str(value)))
        else:
            pairs.extend((name, each) for each in value or ())
    return pairs


def _unreachable(server: str, error: Exception) -> str:
    """Return in one line for people why *server* cannot be reached."""
    reason = str(error) or type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError) and error.errno:
        known = error.errno > 0
        reason = os.strerror(error.errno) if known else str(error.strerror)
    return f"No answer from {server}: {reason}. Is the server running there?"
