"""How a receiver does: when it is tried again, left alone, probed and given up."""

import random

import attrs
import structlog

from pushserver.clock import SECOND, Clock
from pushserver.model.subscription import (
    Subscription,
    SubscriptionHealth,
    WebhookDelivery,
    WebhookState,
)
from pushserver.services.subscriptions import Subscriptions
from pushserver.workers.webhooks.sender import SendResult

log = structlog.get_logger(__name__)

#: A wait differs by up to this share, so that not everything comes back at once.
JITTER = 0.1
#: After failing for so long a receiver is probed, however few deliveries there were.
LONG_FAILURE = 3600 * SECOND
#: Without anything to do, look again after so many seconds.
IDLE_INTERVAL = 60.0


@attrs.define(eq=False)
class ReceiverHealth:
    """
    Judges the receiver of a subscription by what came of sending.

    `has_recovered` is set when one that was paused answers again.
    """

    subscription: Subscription
    subscriptions: Subscriptions
    clock: Clock
    has_recovered: bool = attrs.field(default=False, init=False)
    _probed_at: int = attrs.field(default=0, init=False)
    _retry_after_until: int = attrs.field(default=0, init=False)

    def seconds_blocked(self) -> float:
        """Return for how long (seconds) nothing may be sent."""
        match self.subscription.health:
            case SubscriptionHealth.DISABLED:
                return IDLE_INTERVAL
            case SubscriptionHealth.PAUSED:
                since = (self.clock.now() - self._probed_at) / SECOND
                return self.subscription.retry_policy.probe - since
            case SubscriptionHealth.ACTIVE:
                return self._retry_after_left()

    def is_blocked(self) -> bool:
        """Tell whether the receiver said not to send more just now."""
        disabled = self.subscription.health is SubscriptionHealth.DISABLED
        return disabled or self._retry_after_left() > 0

    def record_probe(self) -> None:
        """Note that a probe goes out."""
        self._probed_at = self.clock.now()

    def record(self, send_result: SendResult) -> None:
        """Note how the receiver does."""
        subscription, now = self.subscription, self.clock.now()
        if send_result.ok:
            subscription.last_success_at = now
            subscription.failures, subscription.failing_since = 0, None
            if subscription.health is SubscriptionHealth.PAUSED:
                self.has_recovered = True
                self._set_health(SubscriptionHealth.ACTIVE)
            return
        subscription.last_failure_at = now
        subscription.last_error = send_result.attempt.error
        subscription.failures += 1
        if subscription.failing_since is None:
            subscription.failing_since = now
        if send_result.retry_after:
            self._retry_after_until = now + round(send_result.retry_after * SECOND)
        if send_result.is_gone:
            self._set_health(SubscriptionHealth.DISABLED)
        elif subscription.health is SubscriptionHealth.ACTIVE and self._should_pause(
            now
        ):
            self._probed_at = now
            self._set_health(SubscriptionHealth.PAUSED)

    def schedule_retry(
        self, delivery: WebhookDelivery, send_result: SendResult
    ) -> None:
        """Plan the next try, or give the event up."""
        delay = self._retry_delay(len(delivery.attempts), send_result)
        if delay is None:
            delivery.state, delivery.next_attempt_at = WebhookState.DEAD, None
            log.warning(
                "webhook.dead",
                subscription_id=self.subscription.id,
                event_id=delivery.event_id,
                attempts=len(delivery.attempts),
            )
        else:
            delivery.next_attempt_at = self.clock.now() + round(delay * SECOND)

    def _retry_delay(self, attempts: int, send_result: SendResult) -> float | None:
        """Return how long to wait for the next try, None if there is none."""
        rules = self.subscription.retry_policy
        status = send_result.attempt.status
        is_permanent = (
            rules.retry_statuses is not None
            and status is not None
            and status not in rules.retry_statuses
        )
        if send_result.is_gone or is_permanent or attempts > len(rules.delays):
            return None
        wait = rules.delays[attempts - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311
        return max(wait, send_result.retry_after or 0)

    def _retry_after_left(self) -> float:
        """Return for how long (seconds) the receiver asked to be left alone."""
        return (self._retry_after_until - self.clock.now()) / SECOND

    def _should_pause(self, now: int) -> bool:
        rules, since = self.subscription.retry_policy, self.subscription.failing_since
        time = now - (since or now)
        often = self.subscription.failures >= rules.pause_after
        return time >= rules.pause_for * SECOND and (often or time >= LONG_FAILURE)

    def _set_health(self, health: SubscriptionHealth) -> None:
        self.subscription.health = health
        self.subscriptions.apply_changes()
        log.warning(
            "subscription.health", subscription_id=self.subscription.id, health=health
        )
