"""The health of a receiver: when it is paused, probed, resumed and disabled."""

import attrs
import structlog

from pushserver.clock import SECOND, Clock
from pushserver.model.subscription import Subscription, SubscriptionHealth
from pushserver.services.subscription_registry import SubscriptionRegistry
from pushserver.workers.webhooks.send_result import SendResult

log = structlog.get_logger(__name__)

#: A receiver that failed for this long is paused, however few the failures were.
LONG_FAILURE = 3600 * SECOND
#: Seconds until a disabled subscription is checked again.
_DISABLED_INTERVAL = 60.0


@attrs.define(eq=False)
class ReceiverHealth:
    """
    Pauses a failing receiver, probes it, and resumes when it answers.

    `has_recovered` is set when a paused receiver answers again.
    """

    subscription: Subscription
    subscriptions: SubscriptionRegistry
    clock: Clock
    has_recovered: bool = attrs.field(default=False, init=False)
    _probed_at: int = attrs.field(default=0, init=False)
    _retry_after_until: int = attrs.field(default=0, init=False)

    def seconds_blocked(self) -> float:
        """Return the seconds until something may be sent; not positive if now."""
        match self.subscription.health:
            case SubscriptionHealth.DISABLED:
                return _DISABLED_INTERVAL
            case SubscriptionHealth.PAUSED:
                since = (self.clock.now() - self._probed_at) / SECOND
                return self.subscription.retry_policy.probe - since
            case SubscriptionHealth.ACTIVE:
                return self._retry_after_left()

    def is_blocked(self) -> bool:
        """Tell whether it is disabled, or asked to wait with `Retry-After`."""
        disabled = self.subscription.health is SubscriptionHealth.DISABLED
        return disabled or self._retry_after_left() > 0

    def record_probe(self) -> None:
        """Record that a probe is sent now."""
        self._probed_at = self.clock.now()

    def record(self, send_result: SendResult) -> None:
        """Update the health with the result of an attempt."""
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

    def _retry_after_left(self) -> float:
        """Return the seconds left of the receiver's `Retry-After`."""
        return (self._retry_after_until - self.clock.now()) / SECOND

    def _should_pause(self, now: int) -> bool:
        rules, since = self.subscription.retry_policy, self.subscription.failing_since
        time = now - (since or now)
        often = self.subscription.failures >= rules.pause_after
        return time >= rules.pause_for * SECOND and (often or time >= LONG_FAILURE)

    def _set_health(self, health: SubscriptionHealth) -> None:
        self.subscription.health = health
        self.subscriptions.apply_changes(self.subscription.scope_id)
        log.warning(
            "subscription.health", subscription_id=self.subscription.id, health=health
        )
