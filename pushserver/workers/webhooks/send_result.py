"""The outcome of sending a webhook: what the receiver's answer, or its lack, means."""

from email.utils import parsedate_to_datetime

import attrs

from pushserver.clock import SECOND, server_time
from pushserver.model.subscription import WebhookAttempt
from pushserver.workers.webhooks.failure_messages import HTTP_GONE, status_message

#: The most seconds of a Retry-After that are respected.
MAX_RETRY_AFTER = 86_400
_SUCCESS_STATUSES = range(200, 300)


@attrs.frozen(kw_only=True)
class SendResult:
    """
    The outcome of a request.

    `is_gone`: the receiver wants no more events. `retry_after`: how many seconds it
    asked to wait.
    """

    attempt: WebhookAttempt
    ok: bool = False
    is_gone: bool = False
    retry_after: float | None = None


@attrs.frozen(kw_only=True)
class ReceiverResponse:
    """A receiver's answer. `location` and `retry_after` are headers."""

    status: int
    text: str
    location: str | None
    retry_after: str | None


def make_send_result(
    timestamp: int,
    duration: int,
    response: ReceiverResponse | None,
    error: str | None,
) -> SendResult:
    """
    Return the outcome of a request: the receiver's *response*, or an *error*.

    It was sent at *timestamp* (Unix seconds), and took *duration* microseconds.
    """
    at = server_time(timestamp * SECOND)
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
        retry_after=None if ok else _parse_retry_after(response.retry_after, timestamp),
    )


def _parse_retry_after(retry_after: str | None, now: int) -> float | None:
    """Return the seconds of a Retry-After header, which is a number or a date."""
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
