"""Sessions of Kapua's clients: access tokens, and what may be done with them."""

import base64
import secrets
from collections.abc import Mapping, Sequence

import msgspec

from pushserver.clock import SECOND, wall_time
from pushserver.dialects.kapua.entity import Body, format_date, to_json
from pushserver.dialects.kapua.ids import encode_id
from pushserver.model.session import Session
from pushserver.model.token import Permission, Token

#: What there is in Kapua of what tokens may do: its domains, with their actions.
_ANY = "*"
_DEVICES, _OPERATIONS = "device", "device_management_registry"
_KAPUA_PERMISSIONS: Mapping[Permission, tuple[str, str]] = {
    Permission.ADMIN: (_ANY, _ANY),
    Permission.DEVICES_READ: (_DEVICES, "read"),
    Permission.DEVICES_WRITE: (_DEVICES, "write"),
    Permission.OPERATIONS_READ: (_OPERATIONS, "read"),
    Permission.OPERATIONS_WRITE: (_OPERATIONS, "write"),
}


class _AccessToken(Body, tag="accessToken", kw_only=True):
    id: str
    scope_id: str
    created_on: str
    created_by: str
    modified_on: str
    modified_by: str
    user_id: str
    token_id: str | None = None
    expires_on: str | None = None
    refresh_token: str | None = None
    refresh_expires_on: str | None = None


class _Permission(msgspec.Struct, rename="camel"):
    domain: str
    action: str
    target_scope_id: str
    forwardable: bool = False


class _AccessPermission(Body, tag="accessPermission", kw_only=True):
    scope_id: str
    permission: _Permission


class _LoginInfo(Body, tag="loginInfo", kw_only=True):
    access_token: _AccessToken
    access_permission: Sequence[_AccessPermission]


class _Claims(msgspec.Struct):
    iss: str
    iat: int
    exp: int
    sub: str
    sId: str  # noqa: N815 - as Kapua calls it


def new_token_id(token: Token, since: int, until: int) -> str:
    """
    Make the secret of a session: a JWT, since Kapua's clients accept nothing else.

    They read in it when it ends, and nobody can verify it: its last part is no
    signature, but 256 random bits. The server looks up the whole.
    """
    claims = _Claims(
        iss="pushserver",
        iat=wall_time(since) // SECOND,
        exp=wall_time(until) // SECOND,
        sub=encode_id(token.id),
        sId=encode_id(token.scope_id),
    )
    parts = (b'{"alg":"HS256"}', to_json(claims), secrets.token_bytes(32))
    return ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts
    )


def render_access_token(
    session: Session, token: Token, secret: str, refresh_secret: str | None = None
) -> bytes:
    """Render a session with its secrets."""
    return to_json(_access_token(session, token, secret, refresh_secret))


def render_login_info(token: Token, session: Session | None, secret: str) -> bytes:
    """Render what may be done with a session, or with a token that is none."""
    scope_id = encode_id(token.scope_id)
    permissions = [
        _AccessPermission(scope_id=scope_id, permission=_Permission(*pair, scope_id))
        for permission, pair in _KAPUA_PERMISSIONS.items()
        if permission in token.permissions
    ]
    access_token = (
        _plain_token(token)
        if session is None
        else _access_token(session, token, secret, None)
    )
    return to_json(_LoginInfo(access_token=access_token, access_permission=permissions))


def _access_token(
    session: Session, token: Token, secret: str, refresh_secret: str | None
) -> _AccessToken:
    token_id = encode_id(token.id)
    return _AccessToken(
        id=encode_id(session.id),
        scope_id=encode_id(token.scope_id),
        created_on=format_date(session.created_at),
        created_by=token_id,
        modified_on=format_date(session.refreshed_at),
        modified_by=token_id,
        user_id=token_id,
        token_id=secret,
        expires_on=format_date(session.expires_at),
        refresh_token=refresh_secret,
        refresh_expires_on=format_date(session.refresh_until),
    )


def _plain_token(token: Token) -> _AccessToken:
    """Return a token as such: it was not logged in with, and is no JWT."""
    token_id, created_on = encode_id(token.id), format_date(token.created_at)
    expires_at = token.expires_at
    return _AccessToken(
        id=token_id,
        scope_id=encode_id(token.scope_id),
        created_on=created_on,
        created_by=token_id,
        modified_on=created_on,
        modified_by=token_id,
        user_id=token_id,
        expires_on=None if expires_at is None else format_date(expires_at),
    )
