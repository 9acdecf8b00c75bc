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
from pushserver.model.subscription import Attempt
from pushserver.services.guard import Guard, refusal
from pushserver.workers.webhooks.reasons import GONE, Refused, complaint, reason_of
from pushserver.workers.webhooks.resolver import Resolver

#: How long (seconds) one request takes at most, from connecting to the answer's end.
TIMEOUT = 15.0
#: So much of an answer (bytes) is read, and so much is kept.
MOST_READ = 64 * 1024
MOST_KEPT = 4 * 1024
#: A longer body (bytes) would hold up the loop if it were written at once.
LONG = 1024 * 1024
#: The longest that a receiver may ask to be left alone (seconds).
LONGEST_WAIT = 86_400
#: Connections to one receiver. In all there is no limit: those who hang shall not use
#: up the places of others.
PER_HOST = 64
#: Shorter than receivers usually keep an idle connection (5 s), so that they do not
#: close it just when the next event is on its way.
KEEP_ALIVE = 4.0

_SUCCESSES = range(200, 300)
#: What the request says about itself, and no subscription instead of it.
_OURS = {
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
class Target:
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
class Sent:
    """
    What came of it.

    `gone`: the receiver wants no more of this subscription. `retry_after` (seconds) is
    how long it asked to be left alone.
    """

    attempt: Attempt
    ok: bool = False
    gone: bool = False
    retry_after: float | None = None


@attrs.frozen(kw_only=True)
class _Answer:
    """What a receiver said. `location` and `retry_after` are headers."""

    status: int
    text: str
    location: str | None
    retry_after: str | None


class Sender:
    """
    Sends webhooks, for the length of an `async with` block.

    Connections are kept and used again. Each new one is made only to an address that
    the *guard* does not refuse, whatever the URL's host resolves to by then. No proxy
    is used, no redirect followed, no cookie kept. *timeout* is in seconds.
    """

    def __init__(self, guard: Guard, version: str, timeout: float = TIMEOUT) -> None:
        self._guard = guard
        # The same URLs again and again; those that are refused are not remembered.
        self._check = lru_cache(maxsize=1024)(guard.check)
        self._agent = f"pushserver/{version}"
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Be ready to send."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                limit_per_host=PER_HOST,
                keepalive_timeout=KEEP_ALIVE,
                resolver=Resolver(self._guard.names),
                socket_factory=self._socket,
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

    async def send(self, target: Target) -> Sent:
        """Send once, and tell how it went."""
        begun = time.monotonic()
        answer, error = None, None
        try:
            self._check(target.url)
            answer = await self._post(target)
        except Invalid as refused:
            error = refused.detail
        except TimeoutError:
            error = f"No answer within {self._timeout:g} s."
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            error = reason_of(failure)
        duration = round((time.monotonic() - begun) * SECOND)
        return _sent(target, duration, answer, error)

    async def _post(self, target: Target) -> _Answer:
        assert self._session is not None  # noqa: S101 - sending is within the block
        response = await self._session.post(
            # As it was given, where that can be: receivers may sign their URLs, too.
            URL(target.url, encoded=target.url.isascii()),
            data=_payload(target.body),
            headers=self._headers(target),
            allow_redirects=False,
        )
        try:
            read = await _read(response)
        finally:
            # Without effect where the answer was read to its end.
            response.close()
        return _Answer(
            status=response.status,
            text=read[:MOST_KEPT].decode("utf-8", "replace"),
            location=response.headers.get(hdrs.LOCATION),
            retry_after=response.headers.get(hdrs.RETRY_AFTER),
        )

    def _headers(self, target: Target) -> CIMultiDict[str]:
        headers = CIMultiDict(
            {hdrs.CONTENT_TYPE: "application/json", hdrs.USER_AGENT: self._agent}
        )
        for name, value in target.headers.items():
            low = name.lower()
            if low not in _OURS and not low.startswith("webhook-"):
                headers[name] = value
        headers[hdrs.ACCEPT_ENCODING] = "identity"
        headers["webhook-id"] = target.message_id
        headers["webhook-timestamp"] = str(target.timestamp)
        headers["webhook-signature"] = _signatures(target)
        return headers

    def _socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """Make the socket of a connection, if the guard lets it be made."""
        family, kind, protocol, _, address = info
        reason = self._guard.refuses(str(address[0]))
        if reason is not None:
            raise Refused(refusal(str(address[0]), reason))
        return socket.socket(family, kind, protocol)


def _payload(body: bytes) -> bytes | io.BytesIO:
    """Let a long body be written piece by piece, between other things."""
    return body if len(body) <= LONG else io.BytesIO(body)


def _signatures(target: Target) -> str:
    """Sign the very bytes that are sent, with each secret."""
    at = datetime.fromtimestamp(target.timestamp, UTC)
    text = target.body.decode()
    return " ".join(
        Webhook(secret).sign(target.message_id, at, text) for secret in target.secrets
    )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """
    Read what is read of an answer.

    Its status counts from when it came; what breaks off after that is a short answer.
    """
    read = bytearray()
    try:
        while chunk := await response.content.read(MOST_READ - len(read)):
            read += chunk
    except (aiohttp.ClientError, OSError):
        pass
    return bytes(read)


def _sent(
    target: Target, duration: int, answer: _Answer | None, error: str | None
) -> Sent:
    at = target.timestamp * SECOND
    if answer is None:
        return Sent(attempt=Attempt(at=at, duration=duration, error=error))
    ok = answer.status in _SUCCESSES
    return Sent(
        attempt=Attempt(
            at=at,
            duration=duration,
            status=answer.status,
            answer=answer.text,
            error=None if ok else complaint(answer.status, answer.location),
        ),
        ok=ok,
        gone=answer.status == GONE,
        retry_after=None if ok else _wait(answer.retry_after, target.timestamp),
    )


def _wait(retry_after: str | None, now: int) -> float | None:
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
    return min(max(seconds, 0), LONGEST_WAIT)
