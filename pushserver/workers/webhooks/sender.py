"""Sends one body to one receiver, once: signed, guarded and bounded.

The headers are those of Standard Webhooks 1.0, whatever the body's format. A failure of
the network or the receiver is a failed attempt, never an exception.
"""

import base64
import hashlib
import hmac
import io
import socket
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import TracebackType
from typing import Self

import aiohttp
import attrs
from aiohttp import hdrs
from multidict import CIMultiDict
from yarl import URL

from pushserver.clock import SECOND
from pushserver.errors import Invalid
from pushserver.model.storable_text import storable_text
from pushserver.model.trace import Trace
from pushserver.services.off_loop import MAX_IN_THREAD, run_in_thread
from pushserver.services.ssrf_guard import SsrfGuard, refusal_message
from pushserver.workers.webhooks.aiohttp_resolver import AiohttpResolver
from pushserver.workers.webhooks.bounded_response import BoundedResponse
from pushserver.workers.webhooks.failure_messages import (
    AddressRefused,
    failure_message,
)
from pushserver.workers.webhooks.send_result import (
    ReceiverResponse,
    SendResult,
    make_send_result,
)

#: The most seconds of one request, from connecting to the end of the answer.
REQUEST_TIMEOUT = 15.0
#: The most bytes of an answer's body that are read, and that are stored.
MAX_READ = 64 * 1024
MAX_KEPT = 4 * 1024
#: Bytes above which a body is written in chunks, so that it neither blocks the loop nor
#: is copied whole for a receiver that does not take it.
STREAM_ABOVE = 64 * 1024
#: The most connections to one receiver. There is no limit for all receivers: those that
#: hang must not use up the connections of others.
MAX_CONNECTIONS_PER_HOST = 64
#: Less than the seconds that receivers usually keep idle connections (5), so that they
#: do not close one just when the next event is sent.
KEEP_ALIVE_TIMEOUT = 4.0

#: Headers that a subscription cannot set.
_RESERVED_HEADERS = {
    "host",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "expect",
    "te",
    "trailer",
    "upgrade",
    "accept-encoding",
}


@attrs.frozen(kw_only=True)
class WebhookRequest:
    """
    A body, its URL, and how it is signed.

    `message_id` is the same in all attempts; `timestamp` (Unix seconds) is this one's.
    `headers` are the subscription's own. Each of `secrets` makes a signature. `trace`
    is this attempt's span, if what it tells of belongs to a trace.
    """

    url: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    message_id: str
    secrets: Sequence[str] = attrs.field(repr=False)
    timestamp: int
    trace: Trace | None = None


class WebhookSender:
    """
    Sends webhooks during an `async with` block.

    Connections are kept alive. New ones are made only to addresses that *guard* allows,
    whatever the URL's host resolves to by then. It uses no proxy, follows no redirect
    and keeps no cookie. *timeout* is in seconds.
    """

    def __init__(
        self, guard: SsrfGuard, version: str, timeout: float = REQUEST_TIMEOUT
    ) -> None:
        self._guard = guard
        # The same URLs are checked again and again; refusals are not cached.
        self._check_url = lru_cache(maxsize=1024)(guard.check_url)
        self._user_agent = f"pushserver/{version}"
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                limit_per_host=MAX_CONNECTIONS_PER_HOST,
                keepalive_timeout=KEEP_ALIVE_TIMEOUT,
                resolver=AiohttpResolver(self._guard.resolver),
                socket_factory=self._make_socket,
            ),
            response_class=BoundedResponse,
            cookie_jar=aiohttp.DummyCookieJar(),
            # Exact: aiohttp rounds up timeouts above the threshold.
            timeout=aiohttp.ClientTimeout(
                total=self._timeout, ceil_threshold=self._timeout + 1
            ),
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def send(self, request: WebhookRequest) -> SendResult:
        """Send once; return the outcome."""
        started = time.monotonic()
        response, error = None, None
        try:
            self._check_url(request.url)
            response = await self._post(request)
        except Invalid as refused:
            error = refused.detail
        except TimeoutError:
            error = f"No answer within {self._timeout:g} s."
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            error = failure_message(failure)
        duration = round((time.monotonic() - started) * SECOND)
        return make_send_result(request.timestamp, duration, response, error)

    async def _post(self, request: WebhookRequest) -> ReceiverResponse:
        assert self._session is not None  # noqa: S101 - sending is within the block
        response = await self._session.post(
            # As it was given, if possible: some receivers sign their URLs.
            URL(request.url, encoded=request.url.isascii()),
            data=_payload(request.body),
            headers=await self._headers(request),
            allow_redirects=False,
        )
        try:
            body = await _read_body(response)
        finally:
            # No effect if the answer was read to its end.
            response.close()
        return ReceiverResponse(
            status=response.status,
            text=storable_text(body[:MAX_KEPT].decode("utf-8", "replace")),
            location=storable_text(response.headers.get(hdrs.LOCATION)),
            retry_after=response.headers.get(hdrs.RETRY_AFTER),
        )

    async def _headers(self, request: WebhookRequest) -> CIMultiDict[str]:
        headers = CIMultiDict(
            {hdrs.CONTENT_TYPE: "application/json", hdrs.USER_AGENT: self._user_agent}
        )
        for name, value in request.headers.items():
            low = name.lower()
            if low not in _RESERVED_HEADERS and not low.startswith("webhook-"):
                headers[name] = value
        if request.trace is not None:
            headers.update(request.trace.headers)
        headers[hdrs.ACCEPT_ENCODING] = "identity"
        headers["webhook-id"] = request.message_id
        headers["webhook-timestamp"] = str(request.timestamp)
        is_large = len(request.body) > MAX_IN_THREAD
        headers["webhook-signature"] = (
            await run_in_thread(_signatures, request)
            if is_large
            else _signatures(request)
        )
        return headers

    def _make_socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """Create the socket of a connection, if the guard allows its address."""
        family, kind, protocol, _, address = info
        reason = self._guard.refusal_reason(str(address[0]))
        if reason is not None:
            raise AddressRefused(refusal_message(str(address[0]), reason))
        return socket.socket(family, kind, protocol)


def _payload(body: bytes) -> bytes | io.BytesIO:
    """Return a long body in chunks."""
    return body if len(body) <= STREAM_ABOVE else io.BytesIO(body)


def _signatures(request: WebhookRequest) -> str:
    """Sign the bytes that are sent with each secret, without a copy of them."""
    signatures = []
    for secret in request.secrets:
        key = base64.b64decode(secret.removeprefix("whsec_") + "==")
        start = f"{request.message_id}.{request.timestamp}.".encode()
        signed = hmac.new(key, start, hashlib.sha256)
        signed.update(request.body)
        signatures.append(f"v1,{base64.b64encode(signed.digest()).decode()}")
    return " ".join(signatures)


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    """
    Return the beginning of the answer's body.

    If the connection breaks, the body is short; the status counts anyway.
    """
    read = bytearray()
    try:
        while chunk := await response.content.read(MAX_READ - len(read)):
            read += chunk
    except (aiohttp.ClientError, OSError) as error:
        # The response keeps it, and its frames, and those of its cause, have that.
        error.__traceback__ = error.__cause__ = error.__context__ = None
    return bytes(read)
