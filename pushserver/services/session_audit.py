"""What the audit says of acts on sessions."""

from pushserver.model.actor import Actor
from pushserver.model.audit import AuditAction, AuditEntry, TargetKind
from pushserver.model.session import Session
from pushserver.model.token import Token


def session_entry(
    session: Session, token: Token, actor: Actor, action: AuditAction
) -> AuditEntry:
    """Return the entry of an act on a session of a token."""
    return AuditEntry(
        scope_id=token.scope_id,
        actor=actor,
        action=action,
        target_kind=TargetKind.SESSION,
        target_id=session.id,
    )
