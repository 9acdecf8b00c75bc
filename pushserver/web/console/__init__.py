"""The console: pages for the people who run access control, served to browsers.

They ask the same services as the API's handlers, as whoever is signed in: what a token
may not do is not shown. They read without scripts, and are live with them.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web

from pushserver.metrics.recorder import Metrics
from pushserver.web.browser import is_from_browser
from pushserver.web.console import (
    audit,
    command_export,
    commands,
    device,
    device_forms,
    device_selection,
    device_shadow,
    devices,
    live,
    operations,
    overview,
    reference,
    results,
    scopes,
    send,
    sign_in,
    subscription_forms,
    subscriptions,
    system,
    tasks,
    tokens,
    upgrades,
)
from pushserver.web.console.page import BASE_PATH, REFERENCE_PATH, PageCall
from pushserver.web.console.pages import PageRoute, with_error_pages
from pushserver.web.console.static import serve_static
from pushserver.web.middleware import (
    ANY_PATH,
    ExpectHandler,
    Handler,
    with_error_responses,
)

#: Every page and form for those who are signed in.
ROUTES: tuple[PageRoute, ...] = (
    *overview.pages,
    *devices.pages,
    *device.pages,
    *send.pages,
    *device_forms.pages,
    *device_selection.pages,
    *device_shadow.pages,
    *commands.pages,
    *command_export.pages,
    *results.pages,
    *operations.pages,
    *tasks.pages,
    *upgrades.pages,
    *subscriptions.pages,
    *subscription_forms.pages,
    *tokens.pages,
    *scopes.pages,
    *audit.pages,
    *system.pages,
    *live.pages,
)
#: What needs no sign-in.
_OPEN_ROUTES = (
    ("GET", "/sign-in", sign_in.show_sign_in),
    ("POST", "/sign-in", sign_in.sign_in),
    ("POST", "/sign-out", sign_in.sign_out),
    ("POST", "/view", sign_in.set_view),
    ("GET", "/static/{name}", serve_static),
)
#: What an id in a path may be; those of devices' own addresses are none.
_ID = r"_id:(?!(?:push|result)\Z)[^/]+}"


def add_routes(
    router: web.UrlDispatcher,
    expect_handler: ExpectHandler,
    answer_unknown: Handler,
    metrics: Metrics,
) -> None:
    """Serve every page; `/` leads browsers there, and is for devices as it was."""
    routes = [
        *_OPEN_ROUTES,
        *((route.method, route.path, route.serve) for route in ROUTES),
    ]
    for method, path, serve in routes:
        responses = metrics.responses_of(method, BASE_PATH + path)
        handler = with_error_responses(with_error_pages(serve), responses)
        for each in ("GET", "HEAD") if method == "GET" else (method,):
            router.add_route(
                each,
                BASE_PATH + path.replace("_id}", _ID),
                handler,
                expect_handler=expect_handler,
            )
    show = with_error_responses(
        with_error_pages(reference.show_reference),
        metrics.responses_of("GET", REFERENCE_PATH),
    )
    router.add_get(REFERENCE_PATH, show, expect_handler=expect_handler)
    others = metrics.responses_of("any", ANY_PATH)
    lead = with_error_responses(partial(_lead_browsers, answer_unknown), others)
    for path in ("/", f"{BASE_PATH}/"):
        router.add_get(path, lead, expect_handler=expect_handler)


async def _lead_browsers(
    answer_unknown: Callable[[web.Request], Awaitable[web.StreamResponse]],
    request: web.Request,
) -> web.StreamResponse:
    """Lead a browser to the console; whatever else asks gets what it always did."""
    if not _is_browsing(request):
        return await answer_unknown(request)
    return PageCall(request=request).see_other("")


def _is_browsing(request: web.Request) -> bool:
    """
    Tell whether somebody opened this address in a browser.

    Over plain HTTP to another machine it sends nothing that `is_from_browser` knows,
    but that it would rather have TLS; no device sends that.
    """
    headers = request.headers
    is_browser = is_from_browser(headers) or "Upgrade-Insecure-Requests" in headers
    asks_for_page = "text/html" in headers.get("Accept", "")
    return is_browser and asks_for_page and not request.query_string
