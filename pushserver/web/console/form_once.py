"""Forms that are sent twice, by a doubled click, and done once."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

import msgspec
from aiohttp import web

from pushserver.errors import IdempotencyMismatch, Unavailable
from pushserver.model.idempotency import IdempotencyKey, seal, unseal
from pushserver.services.idempotency import IdempotencyKeys
from pushserver.web.console.form_key import form_key
from pushserver.web.console.page import HEADERS, SignedInCall
from pushserver.web.session_secrets import cookie_secret

#: How often, and how many times, a form asks whether its first sending is answered.
_INTERVAL, _TRIES = 0.05, 200


class _StoredPage(msgspec.Struct, array_like=True):
    status: int
    body: bytes
    location: str | None


async def answer_form_once(
    call: SignedInCall, answer: Callable[[], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """
    Return what *answer* does, or did when the same form was sent first.

    What was refused may be sent again. Pages may show secrets, so they are stored
    sealed with that of the session.

    Raises:
        IdempotencyMismatch: it was sent in another session.
        IdempotencyUnknown: it was sent to another server, which has not answered.
        IdempotencyRunning: it takes long.
        Unavailable: the store is away.
    """
    request, keys = form_key(call), call.services.idempotency_keys
    if request is None:
        return await answer()
    secret = cookie_secret(call.request)
    await _wait_for_first(keys, request.key)
    with keys.lock(request.key):
        stored = await keys.claim(request)
        if stored is not None:
            return _replay(unseal(stored, secret))
        async with keys.kept_if_in_doubt(request):
            response = cast("web.Response", await answer())
        if response.status >= web.HTTPBadRequest.status_code:
            await keys.release(request)
            return response
        with suppress(Unavailable):
            await keys.settle(request, seal(_encode(response), secret))
        return response


async def _wait_for_first(keys: IdempotencyKeys, key: IdempotencyKey) -> None:
    """Wait while the same form is being answered by this server."""
    for _ in range(_TRIES):
        if not keys.is_locked(key):
            return
        await asyncio.sleep(_INTERVAL)


def _encode(response: web.Response) -> bytes:
    body = cast("bytes | None", response.body) or b""
    location = response.headers.get("Location")
    return msgspec.msgpack.encode(_StoredPage(response.status, body, location))


def _replay(stored: bytes) -> web.Response:
    try:
        first = msgspec.msgpack.decode(stored, type=_StoredPage)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise IdempotencyMismatch("This form was sent in another session.") from None
    headers = dict(HEADERS)
    if first.location is not None:
        headers["Location"] = first.location
    return web.Response(status=first.status, body=first.body, headers=headers)
