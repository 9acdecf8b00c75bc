"""The admin API: every call that programs, scripts and the command line make."""

import re
from collections.abc import Awaitable, Mapping, Sequence
from functools import cache

from aiohttp import web

from pushserver.metrics.recorder import Metrics
from pushserver.web.api import (
    audit,
    blobs,
    commands,
    device_export,
    device_keys,
    devices,
    enqueue,
    events,
    latencies,
    operations,
    purge,
    results,
    scopes,
    server_status,
    shadow,
    statistics,
    subscriptions,
    tasks,
    tokens,
    upgrades,
    webhook_deliveries,
    withdrawals,
)
from pushserver.web.api.call import ApiCall
from pushserver.web.api.openapi.document import document
from pushserver.web.api.openapi.schemas import JsonObject
from pushserver.web.api.responses import BASE_PATH, encode_json
from pushserver.web.api.route import ApiRoute
from pushserver.web.api.tags import Tag
from pushserver.web.json_body import JSON_MEDIA_TYPE
from pushserver.web.made_once import MadeOnce
from pushserver.web.middleware import ExpectHandler, Handler, with_error_responses
from pushserver.web.request import public_base
from pushserver.web.services import Services
from pushserver.web.spooled_response import SharedResponse, shared_pieces


async def get_openapi(call: ApiCall[None, None]) -> web.StreamResponse:
    """Return this API's description."""
    servers = encode_json([{"url": public_base(call.request) or "/"}])
    described = await _ENCODED_DOCUMENT.get()
    ending = b',"servers":%s}' % servers
    return SharedResponse(
        [*shared_pieces(described), ending], content_type=JSON_MEDIA_TYPE
    )


def _encoded_document() -> bytes:
    """Return the description as JSON without its end: that depends on who asks."""
    described = {k: v for k, v in openapi_document().items() if k != "servers"}
    return encode_json(described)[:-1]


_ENCODED_DOCUMENT = MadeOnce(_encoded_document)


@cache
def openapi_document() -> JsonObject:
    """Make the description when it is first asked for; the start has no use for it."""
    return document(ROUTES)


ROUTES: tuple[ApiRoute, ...] = (
    *enqueue.routes,
    *commands.routes,
    *blobs.routes,
    *withdrawals.routes,
    *results.routes,
    *device_export.routes,
    *device_keys.routes,
    *devices.routes,
    *operations.routes,
    *tasks.routes,
    *upgrades.routes,
    *shadow.routes,
    *subscriptions.routes,
    *webhook_deliveries.routes,
    *events.routes,
    *tokens.routes,
    *scopes.routes,
    *purge.routes,
    *audit.routes,
    *server_status.routes,
    *latencies.routes,
    *statistics.routes,
    ApiRoute(
        method="GET",
        path="/openapi.json",
        name="getOpenapi",
        summary="Describe this API",
        tag=Tag.SERVER,
        handler=get_openapi,
        permission=None,
        response_type=(JSON_MEDIA_TYPE,),
        needs_store=False,
    ),
)

_ENQUEUE_ROUTE = next(route for route in ROUTES if route.name == "enqueue")
#: The paths of the most frequent call of programs.
ENQUEUE_PATH = re.compile(
    re.escape(BASE_PATH) + r"/devices/([0-9]+)/commands", re.ASCII
)
#: The method and the path of it, as its answers are counted.
ENQUEUE_ROUTE = ("POST", BASE_PATH + _ENQUEUE_ROUTE.path)


def fast_enqueue_handler(services: Services) -> Handler:
    """Return the handler of a POST to a path that matches `ENQUEUE_PATH`."""

    def enqueue_fast(request: web.Request) -> Awaitable[web.StreamResponse]:
        names = {"device_id": request.raw_path.split("/", 5)[4]}
        return _ENQUEUE_ROUTE.handle_call(request, services, names)

    responses = services.metrics.responses_of(*ENQUEUE_ROUTE)
    return with_error_responses(enqueue_fast, responses)


def add_routes(
    router: web.UrlDispatcher, expect_handler: ExpectHandler, metrics: Metrics
) -> None:
    """Serve every route."""
    for route in ROUTES:
        responses = metrics.responses_of(route.method, BASE_PATH + route.path)
        serve = with_error_responses(route.serve, responses)
        for method in route.methods:
            router.add_route(
                method,
                BASE_PATH + _path_pattern(route.path),
                serve,
                expect_handler=expect_handler,
            )


def _path_pattern(path: str) -> str:
    """
    Return the path as the router matches it.

    Where it ends in an id, and another ends in a word, the word is no id: no command is
    called `cancel`, and with another method it is 405.
    """
    parent, _, end = path.rpartition("/")
    words = _words_by_parent().get(parent)
    if not (end.startswith("{") and words):
        return path
    return f"{parent}/{{{end[1:-1]}:(?!(?:{'|'.join(words)})$)[^{{}}/]+}}"


@cache
def _words_by_parent() -> Mapping[str, Sequence[str]]:
    """Return the words that paths end in, by what stands before them."""
    words: dict[str, set[str]] = {}
    for route in ROUTES:
        parent, _, end = route.path.rpartition("/")
        if end.isalpha():
            words.setdefault(parent, set()).add(end)
    return {parent: sorted(each) for parent, each in words.items()}
