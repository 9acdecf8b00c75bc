"""Renders events for a subscription and sends them to its URL."""

import attrs
import structlog

from pushserver.clock import SECOND, wall_time
from pushserver.errors import Unavailable
from pushserver.metrics.spans import Span, SpanKind, Spans
from pushserver.model.event import Event
from pushserver.model.event_payload import CommandPayload
from pushserver.model.subscription import Subscription, WebhookAttempt
from pushserver.model.trace import Trace
from pushserver.services.event_renderer import EventRenderer
from pushserver.storage.too_long import TooLong
from pushserver.workers.webhooks.body_room import (
    SHORT_BODY,
    SLOW,
    BodyPlace,
    SubscriptionRoom,
)
from pushserver.workers.webhooks.send_result import SendResult
from pushserver.workers.webhooks.sender import WebhookRequest, WebhookSender

log = structlog.get_logger(__name__)

_NO_BODY = "The server cannot put this event into words."


@attrs.frozen(eq=False)
class RenderedEvent:
    """
    The body of an event, None if it could not be rendered, as one may show it there.

    `settings` are the subscription's as they were then: what one URL may be shown may
    be too much for the next.
    """

    event: Event
    settings: Subscription = attrs.field(repr=False)
    body: bytes | None = attrs.field(repr=False)


@attrs.frozen(eq=False)
class EventSender:
    """Sends to one subscription, with its current settings."""

    subscription: Subscription
    renderer: EventRenderer
    sender: WebhookSender
    spans: Spans
    room: SubscriptionRoom

    async def render_in(self, place: BodyPlace, event: Event) -> RenderedEvent:
        """
        Render an event, once the *place* has room for it; what is long is read then.

        There is no body, after logging, if that fails.

        Raises:
            Unavailable: the store is away.
        """
        await place.take(SHORT_BODY)
        try:
            rendered = await self._render(event, longest=SHORT_BODY)
        except TooLong as found:
            place.keep(0)
            await place.take(found.size)
            async with self.room.shared.rendering:
                rendered = await self._render(event)
        place.keep(len(rendered.body or b""))
        return rendered

    async def send(
        self, rendered: RenderedEvent, message_id: str, now: int
    ) -> SendResult:
        """Send an event once, to where it was rendered for."""
        event, body = rendered.event, rendered.body
        if body is None:
            return SendResult(
                attempt=WebhookAttempt(at=now, duration=0, error=_NO_BODY)
            )
        cause = _cause_of(event)
        trace = None if cause is None else cause.child()
        sent = await self._send(rendered.settings, body, message_id, now, trace)
        if cause is not None and trace is not None and self.spans.collect is not None:
            self.spans.collect(_span(event, sent, trace, cause))
        return sent

    async def ping(self, now: int) -> SendResult:
        """Send a ping, in the words of the subscription's format."""
        body = self.renderer.render_ping(self.subscription, now)
        return await self._send(self.subscription, body, f"msg_ping_{now}", now)

    async def _render(self, event: Event, longest: int | None = None) -> RenderedEvent:
        """Render as the settings are now; there is no body if that fails."""
        settings, body = attrs.evolve(self.subscription), None
        try:
            body = await self.renderer.render(settings, event, longest=longest)
        except (Unavailable, TooLong):
            raise
        except Exception:
            log.exception(
                "webhook.no_body",
                subscription_id=self.subscription.id,
                event_id=event.id,
            )
        return RenderedEvent(event, settings, body)

    async def _send(
        self,
        subscription: Subscription,
        body: bytes,
        message_id: str,
        now: int,
        trace: Trace | None = None,
    ) -> SendResult:
        target = WebhookRequest(
            url=subscription.url,
            headers=subscription.headers,
            body=body,
            message_id=message_id,
            secrets=subscription.signing_secrets(now),
            timestamp=wall_time(now) // SECOND,
            trace=trace,
        )
        sent = await self.sender.send(target)
        self.room.is_slow = sent.attempt.duration > SLOW * SECOND
        return sent


def _cause_of(event: Event) -> Trace | None:
    """Return the span that enqueued the command of which an event tells, if any."""
    if event.data is None:
        # Commands' is short.
        return None
    payload = event.payload
    if not isinstance(payload, CommandPayload) or payload.traceparent is None:
        return None
    return Trace(payload.traceparent, payload.tracestate)


def _span(event: Event, sent: SendResult, trace: Trace, cause: Trace) -> Span:
    """Return the span of one attempt."""
    attempt = sent.attempt
    started_at = wall_time(attempt.at)
    status = {"http.response.status_code": attempt.status} if attempt.status else {}
    return Span(
        name=f"webhook {event.type}",
        trace=trace,
        parent=cause,
        kind=SpanKind.CLIENT,
        started_at=started_at,
        ended_at=started_at + attempt.duration,
        attributes={"pushserver.event_id": str(event.id), **status},
        error=None if sent.ok else attempt.error,
    )
