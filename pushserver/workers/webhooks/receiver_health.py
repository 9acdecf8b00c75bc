"""The health of a receiver: when to retry, back off, probe, and give up."""

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
from pushserver.services.subscription_registry import SubscriptionRegistry
from pushserver.workers.webhooks.sender import SendResult

log = structlog.get_logger(__name__)

#: Delays grow by up to this share at random, so that retries do not come together.
JITTER = 0.1
#: A receiver that fails for this long is paused, however few deliveries there were.
LONG_FAILURE = 3600 * SECOND
#: Seconds until a disabled subscription is looked at again.
_DISABLED_INTERVAL = 60.0


@attrs.define(eq=False)
class ReceiverHealth:
    """
    Tracks the health of a subscription's receiver by the results of sending.

    `has_recovered` is set when a paused receiver answers again.
    """

    subscription: Subscription
    subscriptions: SubscriptionRegistry
    clock: Clock
    has_recovered: bool = attrs.field(default=False, init=False)
    _probed_at: int = attrs.field(default=0, init=False)
    _retry_after_until: int = attrs.field(default=0, init=False)

    def seconds_blocked(self) -> float:
        """Return for how many seconds nothing may be sent; not positive if it may."""
        match self.subscription.health:
            case SubscriptionHealth.DISABLED:
                return _DISABLED_INTERVAL
            case SubscriptionHealth.PAUSED:
                since = (self.clock.now() - self._probed_at) / SECOND
                return self.subscription.retry_policy.probe - since
            case SubscriptionHealth.ACTIVE:
                return self._retry_after_left()

    def is_blocked(self) -> bool:
        """Tell whether the receiver asked not to be sent more for now."""
        disabled = self.subscription.health is SubscriptionHealth.DISABLED
        return disabled or self._retry_after_left() > 0

    def record_probe(self) -> None:
        """Note that a probe is sent."""
        self._probed_at = self.clock.now()

    def record(self, send_result: SendResult) -> None:
        """Update the health by the result of sending."""
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
        """Schedule the next attempt, or dead-letter the delivery."""
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
        """Return the seconds until the next attempt, None if there is none."""
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
        """Return how many seconds of the receiver's Retry-After are left."""
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
