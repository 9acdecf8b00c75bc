"""Sessions of people at the console: what a sign-in gives in exchange for a token."""

import secrets

import attrs

from pushserver.authority import authority_of_the_server
from pushserver.clock import SECOND, Clock
from pushserver.model.actor import Actor
from pushserver.model.audit import AuditAction
from pushserver.model.ids import IdGenerator
from pushserver.model.secret import hash_secret
from pushserver.model.session import MAX_SESSIONS, OpenedSession, Session
from pushserver.model.token import Token
from pushserver.services.session_audit import session_entry
from pushserver.services.session_lookup import SessionLookup
from pushserver.storage.sessions import SessionStore

#: How long somebody stays signed in: a shift.
CONSOLE_LIFETIME = 12 * 3600 * SECOND
#: Goes into the hash. No header can contain a newline, so the secret of a cookie is
#: never valid as that of a token, or of a session of Kapua's clients.
_PURPOSE = "console\n"


@attrs.frozen(eq=False)
class ConsoleSessions:
    """Opens, finds and ends them. Each lookup asks the store."""

    store: SessionStore
    clock: Clock
    ids: IdGenerator
    _lookup: SessionLookup = attrs.field(init=False)

    @_lookup.default
    def _own_lookup(self) -> SessionLookup:
        return SessionLookup(self.store)

    async def find(self, secret: str) -> Session | None:
        """
        Return the valid session with this secret; its token may have been revoked.

        Raises:
            Unavailable: the store is away.
        """
        session = await self._lookup.find(hash_secret(_PURPOSE + secret))
        is_valid = session is not None and session.expires_at > self.clock.now()
        return session if is_valid else None

    async def open(self, token: Token, actor: Actor) -> OpenedSession:
        """Open a session of a token, which ends with it; it cannot be refreshed."""
        now, secret = self.clock.now(), secrets.token_urlsafe(32)
        ends_at = now + CONSOLE_LIFETIME
        if token.expires_at is not None:
            ends_at = min(ends_at, token.expires_at)
        session = Session(
            id=self.ids(),
            hash=hash_secret(_PURPOSE + secret),
            token_hash=token.hash,
            refresh_hash="",
            created_at=now,
            refreshed_at=now,
            expires_at=ends_at,
            refresh_until=ends_at,
        )
        audit = [session_entry(session, token, actor, AuditAction.SESSION_CREATE)]
        await self.store.add_session(session, keep=MAX_SESSIONS, audit=audit)
        return OpenedSession(session, secret, "")

    async def end(self, session: Session, token: Token, actor: Actor) -> None:
        """End a session; nothing happens if it has ended meanwhile."""
        audit = [session_entry(session, token, actor, AuditAction.SESSION_END)]
        # Even if its token has ended, or another call has ended it.
        with authority_of_the_server():
            await self.store.end_session(session, audit=audit)
