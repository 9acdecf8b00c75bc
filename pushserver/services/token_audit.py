"""What the audit says of acts on tokens."""

import attrs

from pushserver.clock import rfc3339
from pushserver.model.actor import Actor
from pushserver.model.audit import AuditAction, AuditEntry, TargetKind
from pushserver.model.token import Token


def token_entry(token: Token, actor: Actor, action: AuditAction) -> AuditEntry:
    """Return the entry of an act on a token."""
    permissions = " ".join(sorted(token.permissions))
    return AuditEntry(
        scope_id=token.scope_id,
        actor=actor,
        action=action,
        target_kind=TargetKind.TOKEN,
        target_id=token.id,
        detail={"name": token.name, "permissions": permissions, **_limits(token)},
    )


def _limits(token: Token) -> dict[str, str | int]:
    """Return until when a token is valid, and of how many devices or of which tags."""
    limits: dict[str, str | int] = {}
    if token.expires_at is not None:
        limits["expiresAt"] = rfc3339(token.expires_at)
    if token.device_ids is not None:
        limits["devices"] = len(token.device_ids)
    if token.tags is not None:
        pairs = sorted(token.tags.items())
        limits["tags"] = " ".join(f"{key}:{value}" for key, value in pairs)
    return limits


def revocation_entry(
    scope_id: int, token_id: int, actor: Actor, *, force: bool
) -> AuditEntry:
    """Return the entry of a revocation, which may be one by force."""
    return AuditEntry(
        scope_id=scope_id,
        actor=actor,
        action=AuditAction.TOKEN_REVOKE,
        target_kind=TargetKind.TOKEN,
        target_id=token_id,
        detail={"force": True} if force else None,
    )


def in_both_scopes(entry: AuditEntry, caller: Token | None) -> list[AuditEntry]:
    """Return the entry for its scope and, if that is another one, the caller's."""
    if caller is None or caller.scope_id == entry.scope_id:
        return [entry]
    return [entry, attrs.evolve(entry, scope_id=caller.scope_id)]
