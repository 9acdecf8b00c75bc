"""Authentication of programs by the token in their request."""

from functools import partial

import attrs
from aiohttp import web

from pushserver.authority import AUTHORITY, Authority
from pushserver.errors import Unauthorized
from pushserver.fair_turns import CALLER
from pushserver.model.actor import Actor
from pushserver.model.session import Session
from pushserver.model.token import Token
from pushserver.services.tokens import Tokens
from pushserver.web.middleware import LOG_FIELDS
from pushserver.web.request_identity import identity_of
from pushserver.web.services import Services
from pushserver.web.session_secrets import bearer_secret
from pushserver.web.single_header import single_header

#: The session that came with the request, if it was none of a token itself.
SESSION = web.RequestKey("session", Session)


async def authenticate(request: web.Request, services: Services) -> Token:
    """
    Return the token in the request's own header; log it, and keep its session.

    Raises whatever `find_token` does, and `Malformed` for two headers.
    """
    header = single_header(request.headers, "Authorization")
    session = await _find_session(services, header)
    token = await _find_token(services, header, session, request.remote)
    request[LOG_FIELDS]["token_id"] = token.id
    if session is None:
        return token
    request[SESSION] = session
    services.request_starts.remember_session(bearer_secret(header), token)
    return _act_in(services.tokens, token, session)


async def authenticate_login(
    request: web.Request, services: Services, secret: str
) -> Token:
    """
    Return the token with this secret; log it. That of a session is none: sessions end.

    Raises whatever `find_token` does.
    """
    token = await _find_token(services, f"Bearer {secret}", None, request.remote)
    request[LOG_FIELDS]["token_id"] = token.id
    return token


async def authenticate_refresh(
    request: web.Request, services: Services, secret: str, refresh_secret: str
) -> tuple[Session, Token]:
    """
    Return the session with these secrets, which may have expired, and its token.

    Raises whatever `find_token` does.
    """
    try:
        session = await services.sessions.find_refreshable(secret, refresh_secret)
    except Unauthorized:
        await services.wrong_tokens.slow_down(request.remote)
        raise
    header = f"Bearer {secret}"
    token = await _find_token(services, header, session, request.remote)
    request[LOG_FIELDS]["token_id"] = token.id
    return session, token


async def find_session_token(
    request: web.Request, services: Services, secret: str, session: Session
) -> Token:
    """
    Return the token of the session with this secret, valid no longer than that.

    Raises whatever `find_token` does.
    """
    token = await _find_token(services, f"Bearer {secret}", session, request.remote)
    services.request_starts.remember_session(secret, token)
    return _act_in(services.tokens, token, session)


async def find_token(
    services: Services, authorization: str | None, address: str | None
) -> Token:
    """
    Return the token in a header `Authorization` that came from *address*.

    It may be that of a session there, and is valid no longer than that then. A wrong
    one is answered slowly if many come from its address; a right one never is.

    Raises:
        Unauthorized: there is no token, or it is not valid.
        TooManyWrongTokens: it is not valid, like too many of this address.
        Unavailable: another server may have made or revoked it, and the store is away.
    """
    session = await _find_session(services, authorization)
    token = await _find_token(services, authorization, session, address)
    return token if session is None else _act_in(services.tokens, token, session)


async def has_ended(request: web.Request, services: Services, token: Token) -> bool:
    """
    Tell whether the token of a header has, or the session in its place.

    Raises:
        Unavailable: the store is away.
    """
    secret = bearer_secret(request.headers.get("Authorization"))
    is_valid = services.tokens.is_valid(token)
    return not is_valid or await services.sessions.has_ended(secret)


async def _find_session(
    services: Services, authorization: str | None
) -> Session | None:
    """Return the valid session in a header, if there is one."""
    return await services.sessions.find(bearer_secret(authorization))


def _act_in(tokens: Tokens, token: Token, session: Session) -> Token:
    """Act as the token, valid no longer than its session; return it like that."""
    limited = attrs.evolve(token, expires_at=session.expires_at)
    act_as(tokens, limited, session.hash)
    return limited


async def _find_token(
    services: Services,
    authorization: str | None,
    session: Session | None,
    address: str | None,
) -> Token:
    """Return the token in a header, or that of the session there: it calls now."""
    tokens = services.tokens
    try:
        token = tokens.authenticate(authorization, session)
        if services.cluster_sync.may_have_missed_tokens():
            await services.cluster_sync.catch_up()
            token = tokens.authenticate(authorization, session)
    except Unauthorized:
        token = await _find_late_token(services, authorization, session, address)
    act_as(tokens, token)
    return token


def act_as(tokens: Tokens, token: Token, session_hash: str | None = None) -> None:
    """From now on, take the token's turns, and change only what it still may."""
    CALLER.set(tokens.caller_of(token))
    AUTHORITY.set(Authority(partial(tokens.require_valid, token), session_hash))


async def _find_late_token(
    services: Services,
    authorization: str | None,
    session: Session | None,
    address: str | None,
) -> Token:
    """Return the token of a header if another server has made it just now."""
    if authorization and await services.cluster_sync.catch_up():
        try:
            return services.tokens.authenticate(authorization, session)
        except Unauthorized:
            pass
    if authorization:
        await services.wrong_tokens.slow_down(address)
    return services.tokens.authenticate(authorization, session)


def request_actor(request: web.Request, token: Token) -> Actor:
    """
    Return who makes a request, and from where.

    The log line of the request has its id and its trace, too.
    """
    identity = identity_of(request)
    return Actor(
        token.id, token.name, request.remote, identity.request_id, identity.trace
    )
