"""What the audit says of subscriptions."""

from collections.abc import Iterable

from pushserver.model.actor import Actor
from pushserver.model.audit import AuditAction, AuditEntry, TargetKind
from pushserver.model.subscription import (
    Subscription,
)


def subscription_entry(
    subscription: Subscription,
    actor: Actor,
    action: AuditAction,
    fields: Iterable[str] = (),
) -> AuditEntry:
    """Return the entry of an act on a subscription; *fields* are what it changed."""
    detail = {"fields": " ".join(sorted(fields))} if fields else None
    return AuditEntry(
        scope_id=subscription.scope_id,
        actor=actor,
        action=action,
        target_kind=TargetKind.SUBSCRIPTION,
        target_id=subscription.id,
        detail=detail,
    )
