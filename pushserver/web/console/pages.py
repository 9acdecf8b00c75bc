"""Declares pages and forms at their handlers, and answers for them."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import attrs
from aiohttp import web

from pushserver.errors import Forbidden, NoLongerValid, PushServerError
from pushserver.model.token import Permission
from pushserver.web.api.reach import refuse_whole_scope, require_reach
from pushserver.web.console.browser_session import (
    SignedIn,
    find_signed_in,
    refuse_other_sites,
)
from pushserver.web.console.form_body import MAX_TEXT, SentForm, received_form
from pushserver.web.console.form_once import answer_form_once
from pushserver.web.console.open_pages import render_open
from pushserver.web.console.page import HEADERS, PageCall, SignedInCall, without_key
from pushserver.web.console.shared_pages import show_shared
from pushserver.web.middleware import LOG_FIELDS
from pushserver.web.problems import headers_of, status_of
from pushserver.web.request import PREPARED_STATUS
from pushserver.web.services import SERVICES

#: Who is signed in, once that is known: what is refused has their menu, too.
_SIGNED_IN = web.RequestKey("signed_in", SignedIn)
Handler = Callable[[SignedInCall], Awaitable[web.StreamResponse]]


@attrs.frozen
class PageRoute:
    """
    A page, or where a form is sent to. Who lacks one of `permissions` does not get it.

    A restricted token gets what names a device, or a command, in its path, and what
    `limits_itself` to the token's devices. A form may have `max_bytes`, files
    included. With `once`, the same form is done once, by its key. The parts of a page
    that is `shared` are the same for all who may see the same.
    """

    method: str
    path: str
    handler: Handler
    permissions: tuple[Permission, ...]
    limits_itself: bool
    max_bytes: int = MAX_TEXT
    once: bool = False
    shared: bool = False

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer a request; whoever is not signed in is led to where they can."""
        services = request.app[SERVICES]
        if self.method == "POST":
            refuse_other_sites(request)
        who = await find_signed_in(request, services)
        if who is None:
            return await ask_to_sign_in(request)
        request[_SIGNED_IN] = who
        request[LOG_FIELDS]["token_id"] = who.token.id
        for permission in self.permissions:
            if not who.token.has_permission(permission):
                raise Forbidden(f"This page needs the permission {permission}.")
        refuse_whole_scope(
            who.token, request.match_info, limits_itself=self.limits_itself
        )
        if self.method != "POST":
            return await self._handle(request, who, SentForm())
        async with received_form(request, self.max_bytes) as sent:
            # It may have come long after the request's head.
            if await find_signed_in(request, services) is None:
                return await ask_to_sign_in(request)
            return await self._handle(request, who, sent)

    async def _handle(
        self, request: web.Request, who: SignedIn, sent: SentForm
    ) -> web.StreamResponse:
        """Answer who may see the page."""
        call = SignedInCall(
            request=request,
            token=who.token,
            session=who.session,
            form=sent.fields,
            files=sent.files,
        )
        await require_reach(call)
        if self.once:
            return await answer_form_once(call, partial(self.handler, call))
        if self.shared and call.live_round and request.method == "GET":
            return await show_shared(call, self.handler)
        return await self.handler(call)


@attrs.define
class Pages:
    """Declares the pages of one module; they are what it iterates over."""

    _routes: list[PageRoute] = attrs.field(factory=list, init=False)

    def __iter__(self) -> Iterator[PageRoute]:
        return iter(self._routes)

    def page(
        self,
        path: str,
        permission: Permission | None,
        *more: Permission,
        limits_itself: bool = False,
        shared: bool = False,
    ) -> Callable[[Handler], Handler]:
        """
        Declare what is shown at *path* below the console's.

        Who has the *permission*, and all that are *more*, sees it; if it is None, all
        who are signed in.
        """
        route = partial(PageRoute, "GET", path, shared=shared)
        return partial(self._add, route, (permission, *more), limits_itself)

    def form(
        self,
        path: str,
        permission: Permission | None,
        *more: Permission,
        limits_itself: bool = False,
        max_bytes: int = MAX_TEXT,
        once: bool = False,
    ) -> Callable[[Handler], Handler]:
        """
        Declare what a form does that is sent to *path* below the console's.

        Whose form is done is as with `page`.
        """
        route = partial(PageRoute, "POST", path, max_bytes=max_bytes, once=once)
        return partial(self._add, route, (permission, *more), limits_itself)

    def _add(
        self,
        route: Callable[[Handler, tuple[Permission, ...], bool], PageRoute],
        permissions: tuple[Permission | None, ...],
        limits_itself: bool,
        handler: Handler,
    ) -> Handler:
        needed = tuple(each for each in permissions if each is not None)
        self._routes.append(route(handler, needed, limits_itself))
        return handler


async def ask_to_sign_in(request: web.Request) -> web.StreamResponse:
    """
    Lead to where one signs in, and back again; a part of a page is not shown.

    What was typed into a form stays with the browser, which sends it again when the
    page that says so is loaded anew.
    """
    call = PageCall(request=request)
    is_part = "HX-Request" in request.headers
    if request.method == "POST" and is_part:
        return web.Response(status=204, headers=HEADERS)
    if request.method == "POST":
        return await render_open(call, "session_ended.html", status=401)
    location = call.url("/sign-in", next=without_key(request.raw_path))
    if is_part:
        return web.Response(status=204, headers={**HEADERS, "HX-Redirect": location})
    return web.Response(status=303, headers={**HEADERS, "Location": location})


def with_error_pages(
    serve: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return *serve* with what it refuses shown as a page; who is out, signs in."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await serve(request)
        except PushServerError as error:
            if PREPARED_STATUS in request:
                raise  # no page can stand in the midst of what has begun
            if isinstance(error, NoLongerValid):
                return await ask_to_sign_in(request)
            return await _error_page(request, error)

    return handle


async def _error_page(request: web.Request, error: PushServerError) -> web.Response:
    request[LOG_FIELDS]["problem"] = error.code
    who = request.get(_SIGNED_IN)
    token = None if who is None else who.token
    call = PageCall(request=request, token=token)
    response = await call.render("error.html", status=status_of(error), error=error)
    response.headers.update(headers_of(error))
    response.headers.popall("WWW-Authenticate", None)
    return response
