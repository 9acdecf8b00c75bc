"""Sessions: what a login gives in exchange for a token, for a while."""

import attrs

from pushserver.clock import SECOND

#: How long a session is valid, and how long it can be refreshed: as in Kapua.
SESSION_LIFETIME = 30 * 60 * SECOND
REFRESH_LIFETIME = 5 * 3600 * SECOND
#: The most sessions of one token; the next login ends the oldest.
MAX_SESSIONS = 100


@attrs.frozen(kw_only=True)
class Session:
    """
    A session as it is stored, without its secrets; instants are microseconds.

    It does what the token with this hash may do, and no longer than that is valid.
    """

    id: int
    hash: str
    token_hash: str
    refresh_hash: str
    created_at: int
    refreshed_at: int
    expires_at: int
    refresh_until: int


@attrs.frozen
class OpenedSession:
    """A session with its secrets, which only the program keeps."""

    session: Session
    secret: str = attrs.field(repr=False)
    refresh_secret: str = attrs.field(repr=False)
