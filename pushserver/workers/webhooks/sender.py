"""Sends one body to one receiver, once: signed, guarded and bounded.

The headers are those of Standard Webhooks 1.0, whatever the body's format. Whatever
the network or the receiver does is told as an attempt that failed, never raised.
"""

import io
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from types import TracebackType
from typing import Self

import aiohttp
import attrs
from aiohttp import hdrs
from multidict import CIMultiDict
from standardwebhooks.webhooks import Webhook
from yarl import URL

from pushserver.clock import SECOND
from pushserver.errors import Invalid
from pushserver.model.subscription import WebhookAttempt
from pushserver.services.ssrf_guard import SsrfGuard, refusal_message
from pushserver.workers.webhooks.aiohttp_resolver import AiohttpResolver
from pushserver.workers.webhooks.failure_messages import (
    HTTP_GONE,
    AddressRefused,
    failure_message,
    status_message,
)

#: How long (seconds) one request takes at most, from connecting to the answer's end.
REQUEST_TIMEOUT = 15.0
#: So much of an answer (bytes) is read, and so much is kept.
MAX_READ = 64 * 1024
MAX_KEPT = 4 * 1024
#: A longer body (bytes) would hold up the loop if it were written at once.
STREAM_ABOVE = 1024 * 1024
#: The longest that a receiver may ask to be left alone (seconds).
MAX_RETRY_AFTER = 86_400
#: Connections to one receiver. In all there is no limit: those who hang shall not use
#: up the places of others.
MAX_CONNECTIONS_PER_HOST = 64
#: Shorter than receivers usually keep an idle connection (5 s), so that they do not
#: close it just when the next event is on its way.
KEEP_ALIVE_TIMEOUT = 4.0

_SUCCESS_STATUSES = range(200, 300)
#: What the request says about itself, and no subscription instead of it.
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
    Where a body goes, and what vouches for it.

    `message_id` is the same over all retries, `timestamp` (Unix seconds) that of this
    one. `headers` are the subscription's own. Each of `secrets` signs.
    """

    url: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    message_id: str
    secrets: Sequence[str] = attrs.field(repr=False)
    timestamp: int


@attrs.frozen(kw_only=True)
class SendResult:
    """
    What came of it.

    `is_gone`: the receiver wants no more of this subscription. `retry_after` (seconds)
    is how long it asked to be left alone.
    """

    attempt: WebhookAttempt
    ok: bool = False
    is_gone: bool = False
    retry_after: float | None = None


@attrs.frozen(kw_only=True)
class _Response:
    """What a receiver said. `location` and `retry_after` are headers."""

    status: int
    text: str
    location: str | None
    retry_after: str | None


class WebhookSender:
    """
    Sends webhooks, for the length of an `async with` block.

    Connections are kept and used again. Each new one is made only to an address that
    the *guard* does not refuse, whatever the URL's host resolves to by then. No proxy
    is used, no redirect followed, no cookie kept. *timeout* is in seconds.
    """

    def __init__(
        self, guard: SsrfGuard, version: str, timeout: float = REQUEST_TIMEOUT
    ) -> None:
        self._egress_policy = guard
        # The same URLs again and again; those that are refused are not remembered.
        self._check_url = lru_cache(maxsize=1024)(guard.check_url)
        self._user_agent = f"pushserver/{version}"
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Be ready to send."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                limit_per_host=MAX_CONNECTIONS_PER_HOST,
                keepalive_timeout=KEEP_ALIVE_TIMEOUT,
                resolver=AiohttpResolver(self._egress_policy.resolver),
                socket_factory=self._make_socket,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Kept to the moment: aiohttp would round what is above the threshold.
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
        """Send once, and tell how it went."""
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
        return _send_result(request, duration, response, error)

    async def _post(self, request: WebhookRequest) -> _Response:
        assert self._session is not None  # noqa: S101 - sending is within the block
        response = await self._session.post(
            # As it was given, where that can be: receivers may sign their URLs, too.
            URL(request.url, encoded=request.url.isascii()),
            data=_payload(request.body),
            headers=self._headers(request),
            allow_redirects=False,
        )
        try:
            body = await _read_body(response)
        finally:
            # Without effect where the answer was read to its end.
            response.close()
        return _Response(
            status=response.status,
            text=body[:MAX_KEPT].decode("utf-8", "replace"),
            location=response.headers.get(hdrs.LOCATION),
            retry_after=response.headers.get(hdrs.RETRY_AFTER),
        )

    def _headers(self, request: WebhookRequest) -> CIMultiDict[str]:
        headers = CIMultiDict(
            {hdrs.CONTENT_TYPE: "application/json", hdrs.USER_AGENT: self._user_agent}
        )
        for name, value in request.headers.items():
            low = name.lower()
            if low not in _RESERVED_HEADERS and not low.startswith("webhook-"):
                headers[name] = value
        headers[hdrs.ACCEPT_ENCODING] = "identity"
        headers["webhook-id"] = request.message_id
        headers["webhook-timestamp"] = str(request.timestamp)
        headers["webhook-signature"] = _signatures(request)
        return headers

    def _make_socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """Make the socket of a connection, if the guard lets it be made."""
        family, kind, protocol, _, address = info
        reason = self._egress_policy.refusal_reason(str(address[0]))
        if reason is not None:
            raise AddressRefused(refusal_message(str(address[0]), reason))
        return socket.socket(family, kind, protocol)


def _payload(body: bytes) -> bytes | io.BytesIO:
    """Let a long body be written piece by piece, between other things."""
    return body if len(body) <= STREAM_ABOVE else io.BytesIO(body)


def _signatures(request: WebhookRequest) -> str:
    """Sign the very bytes that are sent, with each secret."""
    at = datetime.fromtimestamp(request.timestamp, UTC)
    text = request.body.decode()
    return " ".join(
        Webhook(secret).sign(request.message_id, at, text) for secret in request.secrets
    )


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    """
    Read what is read of an answer.

    Its status counts from when it came; what breaks off after that is a short answer.
    """
    read = bytearray()
    try:
        while chunk := await response.content.read(MAX_READ - len(read)):
            read += chunk
    except (aiohttp.ClientError, OSError):
        pass
    return bytes(read)


def _send_result(
    request: WebhookRequest,
    duration: int,
    response: _Response | None,
    error: str | None,
) -> SendResult:
    at = request.timestamp * SECOND
    if response is None:
        return SendResult(attempt=WebhookAttempt(at=at, duration=duration, error=error))
    ok = response.status in _SUCCESS_STATUSES
    return SendResult(
        attempt=WebhookAttempt(
            at=at,
            duration=duration,
            status=response.status,
            answer=response.text,
            error=None if ok else status_message(response.status, response.location),
        ),
        ok=ok,
        is_gone=response.status == HTTP_GONE,
        retry_after=None
        if ok
        else _parse_retry_after(response.retry_after, request.timestamp),
    )


def _parse_retry_after(retry_after: str | None, now: int) -> float | None:
    """Read Retry-After: seconds, or a date."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text)
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0), MAX_RETRY_AFTER)
