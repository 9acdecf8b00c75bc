"""Sessions: programs log in with a token, and do with the session what it may do."""

import hmac
import uuid
from collections.abc import Callable
from functools import partial

import attrs

from pushserver.authority import authority_of_the_server
from pushserver.clock import Clock
from pushserver.errors import Unauthorized
from pushserver.model.actor import Actor
from pushserver.model.audit import AuditAction
from pushserver.model.ids import IdGenerator
from pushserver.model.secret import hash_secret
from pushserver.model.session import (
    MAX_SESSIONS,
    REFRESH_LIFETIME,
    SESSION_LIFETIME,
    OpenedSession,
    Session,
)
from pushserver.model.token import Token
from pushserver.services.batches import BATCH_SIZE, repeat_until_done
from pushserver.services.session_audit import session_entry
from pushserver.storage.sessions import SessionStore

#: Makes the secret of a session of a token, valid from one instant to another.
SecretMaker = Callable[[Token, int, int], str]
#: Every session's secret contains it, and no token that a server makes does.
_SEPARATOR = "."


@attrs.frozen(eq=False)
class Sessions:
    """Opens, refreshes and ends sessions. Each lookup asks the store."""

    store: SessionStore
    clock: Clock
    ids: IdGenerator
    new_secret: SecretMaker

    async def find(self, secret: str) -> Session | None:
        """
        Return the valid session with this secret; its token may have been revoked.

        Raises:
            Unavailable: the store is away.
        """
        session = await self._find(secret)
        is_valid = session is not None and session.expires_at > self.clock.now()
        return session if is_valid else None

    async def has_ended(self, secret: str) -> bool:
        """
        Tell whether a secret is one of a session that is over; that of a token is not.

        Raises:
            Unavailable: the store is away.
        """
        return _SEPARATOR in secret and await self.find(secret) is None

    async def find_refreshable(self, secret: str, refresh_secret: str) -> Session:
        """
        Return the session with both secrets, which may have expired.

        Raises:
            Unauthorized: there is none that can be refreshed.
            Unavailable: the store is away.
        """
        session = await self._find(secret)
        if (
            session is None
            or session.refresh_until <= self.clock.now()
            or not hmac.compare_digest(
                session.refresh_hash, hash_secret(refresh_secret.lower())
            )
        ):
            raise Unauthorized("This session cannot be refreshed: log in again.")
        return session

    async def _find(self, secret: str) -> Session | None:
        if _SEPARATOR not in secret:
            return None
        return await self.store.find_session(hash_secret(secret))

    async def open(self, token: Token, actor: Actor) -> OpenedSession:
        """Open a session of a token."""
        now = self.clock.now()
        opened = self._new_session(token, session_id=self.ids(), created_at=now)
        audit = [
            session_entry(opened.session, token, actor, AuditAction.SESSION_CREATE)
        ]
        await self.store.add_session(opened.session, keep=MAX_SESSIONS, audit=audit)
        return opened

    async def refresh(
        self, session: Session, token: Token, actor: Actor
    ) -> OpenedSession:
        """
        Give a session new secrets and another lifetime; the old ones are void.

        Raises:
            Unauthorized: it was refreshed or ended meanwhile.
        """
        new = self._new_session(
            token, session_id=session.id, created_at=session.created_at
        )
        audit = [session_entry(session, token, actor, AuditAction.SESSION_REFRESH)]
        if not await self.store.replace_session(session, new.session, audit=audit):
            raise Unauthorized("This session has ended: log in again.")
        return new

    def _new_session(
        self, token: Token, *, session_id: int, created_at: int
    ) -> OpenedSession:
        now = self.clock.now()
        latest = (
            now + REFRESH_LIFETIME if token.expires_at is None else token.expires_at
        )
        expires_at = min(now + SESSION_LIFETIME, latest)
        secret = self.new_secret(token, now, expires_at)
        refresh_secret = str(uuid.uuid4())
        session = Session(
            id=session_id,
            hash=hash_secret(secret),
            token_hash=token.hash,
            refresh_hash=hash_secret(refresh_secret),
            created_at=created_at,
            refreshed_at=now,
            expires_at=expires_at,
            refresh_until=min(now + REFRESH_LIFETIME, latest),
        )
        return OpenedSession(session, secret, refresh_secret)

    async def end(self, session: Session, token: Token, actor: Actor) -> None:
        """End a session; nothing happens if it has ended meanwhile."""
        audit = [session_entry(session, token, actor, AuditAction.SESSION_END)]
        # Even if its token has ended, or another call has ended it.
        with authority_of_the_server():
            await self.store.end_session(session, audit=audit)

    async def purge(self) -> int:
        """
        Forget sessions that cannot be refreshed any more; return how many.

        Raises:
            Unavailable: the store is away; the next call forgets the rest.
        """
        now = self.clock.now()
        return await repeat_until_done(
            partial(self.store.purge_sessions, now, limit=BATCH_SIZE)
        )
