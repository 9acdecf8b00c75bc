"""How a receiver does: when it is tried again, left alone, probed and given up."""

import random

import attrs
import structlog

from pushserver.clock import SECOND, Clock
from pushserver.model.subscription import (
    DeliveryState,
    Health,
    Subscription,
    WebhookDelivery,
)
from pushserver.services.subscriptions import Subscriptions
from pushserver.workers.webhooks.sender import Sent

log = structlog.get_logger(__name__)

#: A wait differs by up to this share, so that not everything comes back at once.
JITTER = 0.1
#: After failing for so long a receiver is probed, however few deliveries there were.
LONG_ENOUGH = 3600 * SECOND
#: Without anything to do, look again after so many seconds.
LONG = 60.0


@attrs.define(eq=False)
class Standing:
    """
    Judges the receiver of a subscription by what came of sending.

    `is_back` is set when one that was paused answers again.
    """

    subscription: Subscription
    subscriptions: Subscriptions
    clock: Clock
    is_back: bool = attrs.field(default=False, init=False)
    _probed_at: int = attrs.field(default=0, init=False)
    _welcome_at: int = attrs.field(default=0, init=False)

    def rest(self) -> float:
        """Return for how long (seconds) nothing may be sent."""
        match self.subscription.health:
            case Health.DISABLED:
                return LONG
            case Health.PAUSED:
                since = (self.clock.now() - self._probed_at) / SECOND
                return self.subscription.retrying.probe - since
            case Health.ACTIVE:
                return self._until_welcome()

    def is_unwelcome(self) -> bool:
        """Tell whether the receiver said not to send more just now."""
        disabled = self.subscription.health is Health.DISABLED
        return disabled or self._until_welcome() > 0

    def probe(self) -> None:
        """Note that a probe goes out."""
        self._probed_at = self.clock.now()

    def note(self, sent: Sent) -> None:
        """Note how the receiver does."""
        subscription, now = self.subscription, self.clock.now()
        if sent.ok:
            subscription.last_success_at = now
            subscription.failures, subscription.failing_since = 0, None
            if subscription.health is Health.PAUSED:
                self.is_back = True
                self._turn(Health.ACTIVE)
            return
        subscription.last_failure_at = now
        subscription.last_error = sent.attempt.error
        subscription.failures += 1
        if subscription.failing_since is None:
            subscription.failing_since = now
        if sent.retry_after:
            self._welcome_at = now + round(sent.retry_after * SECOND)
        if sent.gone:
            self._turn(Health.DISABLED)
        elif subscription.health is Health.ACTIVE and self._fails_for_long(now):
            self._probed_at = now
            self._turn(Health.PAUSED)

    def put_off(self, delivery: WebhookDelivery, sent: Sent) -> None:
        """Plan the next try, or give the event up."""
        wait = self._wait(len(delivery.attempts), sent)
        if wait is None:
            delivery.state, delivery.next_at = DeliveryState.DEAD, None
            log.warning(
                "webhook.dead",
                subscription_id=self.subscription.id,
                event_id=delivery.event_id,
                attempts=len(delivery.attempts),
            )
        else:
            delivery.next_at = self.clock.now() + round(wait * SECOND)

    def _wait(self, attempts: int, sent: Sent) -> float | None:
        """Return how long to wait for the next try, None if there is none."""
        rules = self.subscription.retrying
        status = sent.attempt.status
        hopeless = (
            rules.retried is not None
            and status is not None
            and status not in rules.retried
        )
        if sent.gone or hopeless or attempts > len(rules.waits):
            return None
        wait = rules.waits[attempts - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311
        return max(wait, sent.retry_after or 0)

    def _until_welcome(self) -> float:
        """Return for how long (seconds) the receiver asked to be left alone."""
        return (self._welcome_at - self.clock.now()) / SECOND

    def _fails_for_long(self, now: int) -> bool:
        rules, since = self.subscription.retrying, self.subscription.failing_since
        time = now - (since or now)
        often = self.subscription.failures >= rules.pause_after
        return time >= rules.pause_for * SECOND and (often or time >= LONG_ENOUGH)

    def _turn(self, health: Health) -> None:
        self.subscription.health = health
        self.subscriptions.settle()
        log.warning(
            "subscription.health", subscription_id=self.subscription.id, health=health
        )
