"""The retry schedule of webhooks: when a failed delivery is sent again, if ever.

The delays themselves are in `model/retry_policy.py`.
"""

import random

import structlog

from pushserver.clock import SECOND
from pushserver.model.retry_policy import RetryPolicy
from pushserver.model.subscription import WebhookDelivery, WebhookState
from pushserver.workers.webhooks.send_result import SendResult

log = structlog.get_logger(__name__)

#: Delays grow at random by up to this share, to spread retries over time.
JITTER = 0.1


def schedule_retry(
    delivery: WebhookDelivery, failure: SendResult, policy: RetryPolicy, *, now: int
) -> None:
    """Schedule the next attempt, or dead-letter the delivery if there is none left."""
    delay = _retry_delay(len(delivery.attempts), failure, policy)
    if delay is not None:
        delivery.next_attempt_at = now + round(delay * SECOND)
        return
    delivery.state, delivery.next_attempt_at = WebhookState.DEAD, None
    log.warning(
        "webhook.dead",
        subscription_id=delivery.subscription_id,
        event_id=delivery.event_id,
        attempts=len(delivery.attempts),
    )


def _retry_delay(
    attempts: int, failure: SendResult, policy: RetryPolicy
) -> float | None:
    """Return the seconds until the next attempt, None if there is none."""
    status = failure.attempt.status
    is_permanent = (
        policy.retry_statuses is not None
        and status is not None
        and status not in policy.retry_statuses
    )
    if failure.is_gone or is_permanent or attempts > len(policy.delays):
        return None
    delay = policy.delays[attempts - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311
    return max(delay, failure.retry_after or 0)
