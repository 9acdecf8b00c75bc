"""A page of the console: who looks at it, in which language, and what it shows."""

import re
from asyncio import Future, ensure_future
from collections.abc import Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, unquote, urlencode

import attrs
from aiohttp import web

from pushserver.model.actor import Actor
from pushserver.model.device import DeviceIdentity
from pushserver.model.device_filter import DeviceFilter
from pushserver.model.ids import parse_int64
from pushserver.model.session import Session
from pushserver.model.token import Permission, Token
from pushserver.services.off_loop import give_way, run_in_thread
from pushserver.web.api.path_names import camel
from pushserver.web.authentication import request_actor
from pushserver.web.connection import connection_of
from pushserver.web.console.browser_session import has_ended
from pushserver.web.console.formats import Formats
from pushserver.web.console.result_summary import without_results
from pushserver.web.console.templating import THEMES, compiled_template
from pushserver.web.console.translations import Catalogue, choose_language
from pushserver.web.device_url import mask_keys
from pushserver.web.request_identity import identity_of
from pushserver.web.services import SERVICES, Services

if TYPE_CHECKING:
    from pushserver.web.request import HttpRequest

BASE_PATH = "/console"
#: Where the reference of the API is: beside what it describes.
REFERENCE_PATH = "/api/v1/docs"
LANGUAGE_COOKIE, THEME_COOKIE = "pushserver-language", "pushserver-theme"
#: What a page may load and do; it has no script and no style inside.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@attrs.frozen(kw_only=True, slots=False, eq=False)
class PageCall:
    """
    A request for a page, or a form that was sent from one, checked.

    `token` and `session` are None before the sign-in.
    """

    request: web.Request
    token: Token | None = None
    session: Session | None = None
    form: Mapping[str, str] = attrs.Factory(dict)
    files: Mapping[str, bytes] = attrs.Factory(dict)

    @property
    def services(self) -> Services:
        """All services."""
        return self.request.app[SERVICES]

    @property
    def path_params(self) -> Mapping[str, str]:
        """The named parts of its path."""
        return self.request.match_info

    @property
    def query(self) -> Mapping[str, str]:
        """Its query; of what is given twice, the first."""
        return self.request.query

    @cached_property
    def text(self) -> Catalogue:
        """The texts, in the language of whoever looks."""
        header = self.request.headers.get("Accept-Language", "")
        return choose_language(self.request.cookies.get(LANGUAGE_COOKIE), header)

    @property
    def theme(self) -> str:
        """The theme that was chosen."""
        chosen = self.request.cookies.get(THEME_COOKIE)
        return chosen if chosen in THEMES else THEMES[0]

    @cached_property
    def prefix(self) -> str:
        """What stands before each path, behind a proxy."""
        return cast("HttpRequest", self.request).origin.prefix

    def url(self, path: str = "", **query: object) -> str:
        """Return the address of a page; what is None is left out of its query."""
        given = {name: value for name, value in query.items() if value is not None}
        text = f"?{urlencode(given)}" if given else ""
        return self.prefix + BASE_PATH + quote(path) + text

    @property
    def request_id(self) -> str:
        """The id of this request, by which its log line is found."""
        return identity_of(self.request).request_id

    @property
    def live_round(self) -> str | None:
        """The round in which it was told of changes, if it asks for its parts alone."""
        return self.request.headers.get("Live-Round")

    @property
    def here(self) -> str:
        """The address of this page, without what it said once, or may be a key."""
        path = self.request.raw_path.partition("?")[0]
        query = {k: v for k, v in self.request.query.items() if _is_kept(k, v)}
        shown = path + (f"?{urlencode(query)}" if query else "")
        is_page = self.request.method in ("GET", "HEAD") and without_key(path)
        return self.prefix + shown if is_page else self.url()

    @property
    def said(self) -> str | None:
        """Which text tells what a form has done, if this page comes after one."""
        said = self.request.query.get("said")
        return said if said and self.text.has(f"said.{said}") else None

    def is_at(self, path: str) -> bool:
        """Tell whether this page belongs to the entry of the menu with *path*."""
        here = self.request.path.removeprefix(BASE_PATH).rstrip("/")
        return here == path or (path != "" and here.startswith(f"{path}/"))

    def may(self, permission: str) -> bool:
        """Tell whether whoever looks has a permission."""
        return self.token is not None and self.token.has_permission(
            Permission(permission)
        )

    async def render(
        self, template: str, *, status: int = 200, **values: Any
    ) -> web.Response:
        """Return a page made as `make` does."""
        body = await self.make(template, **values)
        return web.Response(body=body, status=status, headers=HEADERS)

    async def make(self, template: str, **values: Any) -> bytes:
        """
        Make a page of a template, which gets summaries in place of results.

        A long page takes some ten milliseconds: it is made apart from the loop. Of all
        pages that are asked for at a time, one is begun in each turn of the loop. There
        may be no room for strangers to wait for it.
        """
        with connection_of(self.request).waiting_here():
            made_of = await compiled_template(template)
            await give_way()
            shown = {name: without_results(value) for name, value in values.items()}
            formats = Formats(self.text, self.services.clock.now())
            make = partial(made_of.render, call=self, t=self.text, f=formats, **shown)
            return await run_in_thread(lambda: make().encode())

    def see_other(self, path: str, said: str | None = None) -> web.Response:
        """Lead to a page, after a form; it shows the text `said.…`."""
        location = path if _is_address(self, path) else self.url(path)
        if said is not None:
            location += ("&" if "?" in location else "?") + urlencode({"said": said})
        return web.Response(status=303, headers={**HEADERS, "Location": location})


@attrs.frozen(kw_only=True, slots=False, eq=False)
class SignedInCall(PageCall):
    """One of somebody who is signed in."""

    token: Token
    session: Session

    @property
    def scope_id(self) -> int:
        """The scope in which whoever looks reads and writes."""
        return self.token.scope_id

    @property
    def actor(self) -> Actor:
        """Who asks, and from where."""
        return request_actor(self.request, self.token)

    async def has_ended(self) -> bool:
        """Tell whether whoever looks is not signed in any more."""
        return await has_ended(self.request, self.services, self.token)

    @cached_property
    def reach(self) -> Future[frozenset[int] | None]:
        """The devices that the token concerns, once they are found; None means any."""
        return ensure_future(self.services.token_reach.device_ids(self.token))

    def narrow(self, criteria: DeviceFilter) -> DeviceFilter:
        """Return the filter of those devices alone that the token concerns."""
        return self.services.token_reach.narrow_filter(self.token, criteria)

    def path_int64(self, name: str) -> int:
        """
        Return a number from the path.

        Raises:
            Invalid: it is none.
        """
        return parse_int64(self.path_params[name], field_name=camel(name))

    def path_device(self) -> DeviceIdentity:
        """
        Return the device that the path names.

        Raises:
            Invalid: no device has such an id.
        """
        return self.services.protocols.identify(self.path_params["device_id"])

    def back(self, path: str) -> str:
        """Return the page that a form names as the one it was on, or else *path*."""
        return local_path(self, self.form.get("next", "")) or path


def local_path(call: PageCall, path: str) -> str:
    """Return *path* if it leads to a page of the console, or else nothing."""
    is_local = _is_address(call, path) and path.isprintable()
    return path if is_local and "\\" not in path else ""


def without_key(path: str) -> str:
    """Return *path*, or what of it has nothing in it that may be a device's key."""
    parts = (path, path.partition("?")[0])
    return next((each for each in parts if mask_keys(each) == each), "")


def _is_kept(name: str, value: str) -> bool:
    """Tell whether a field is of a page's address; where a list goes on is no key."""
    field = f"?{name}={value}"
    return name == "cursor" or (name != "said" and mask_keys(field) == field)


def _is_address(call: PageCall, path: str) -> bool:
    """Tell whether *path* is the whole address of a page, the reference's included."""
    where = unquote(re.split(r"[?#]", path, maxsplit=1)[0]) + "/"
    pages = [unquote(call.prefix) + each + "/" for each in (BASE_PATH, REFERENCE_PATH)]
    return where.startswith(tuple(pages)) and "/../" not in where
