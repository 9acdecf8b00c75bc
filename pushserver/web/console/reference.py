"""The reference of the API at `/api/v1/docs`: what OpenAPI describes, for people."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import msgspec
from aiohttp import web
from markupsafe import Markup, escape

from pushserver.errors import Misconfigured, PushServerError
from pushserver.web.api import openapi_document
from pushserver.web.console.open_pages import open_page
from pushserver.web.console.page import HEADERS, PageCall
from pushserver.web.console.templating import environment
from pushserver.web.console.translations import catalogues
from pushserver.web.made_once import MadeOnce
from pushserver.web.problems import STATUS_BY_ERROR
from pushserver.web.spooled_response import SharedResponse, shared_pieces

_CODE = re.compile(r"`([^`]+)`")
#: Where in a page the content goes.
_PLACE = Markup("<!-- content -->")
#: The limits of a schema that are shown beside its type.
_LIMITS = (
    ("minimum", "≥ {}"),
    ("exclusiveMinimum", "> {}"),
    ("maximum", "≤ {}"),
    ("minLength", "≥ {} chars"),
    ("maxLength", "≤ {} chars"),
    ("minItems", "≥ {} items"),
    ("maxItems", "≤ {} items"),
    ("pattern", "{}"),
)


@attrs.frozen
class Call:
    """One call, or one webhook: where it is, and what OpenAPI says of it."""

    method: str
    path: str
    described: Mapping[str, Any]


async def show_reference(request: web.Request) -> web.StreamResponse:
    """Show every call, webhook, schema and error; it needs no token, nor scripts."""
    call = PageCall(request=request)
    content = await _CONTENTS.get(call.text.language)
    frame = await open_page(call, "reference.html", content=_PLACE)
    before, _, after = frame.partition(_PLACE.encode())
    return SharedResponse([before, *shared_pieces(content), after], headers=HEADERS)


def _content(language: str) -> bytes:
    """Make what is the same for everybody, once for each language."""
    document = openapi_document()
    calls = [
        Call(method.upper(), path, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]
    template = environment().get_template("reference_content.html")
    return template.render(
        t=catalogues()[language],
        document=document,
        tags=[
            (tag, [each for each in calls if tag["name"] in each.described["tags"]])
            for tag in document["tags"]
        ],
        webhooks=[
            Call("POST", name, methods["post"])
            for name, methods in document["webhooks"].items()
        ],
        schemas=document["components"]["schemas"],
        errors=[*_errors()],
        rich=_rich,
        limits=_limits,
        pretty=_pretty,
    ).encode()


_CONTENTS = MadeOnce(_content)


def _errors() -> Iterator[tuple[str, int, str]]:
    """Yield the code, the status and the title of each problem, by status."""
    kinds = {each.code: each for each in _kinds(PushServerError)}
    found = [
        (code, _status_of(kind), kind.title)
        for code, kind in kinds.items()
        if not issubclass(kind, Misconfigured)
    ]
    yield from sorted(found, key=lambda each: (each[1], each[0]))


def _kinds(kind: type[PushServerError]) -> Iterator[type[PushServerError]]:
    """Yield an error and those below it; the nearer to the base, the earlier."""
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)


def _status_of(kind: type[PushServerError]) -> int:
    return next(STATUS_BY_ERROR[k] for k in kind.__mro__ if k in STATUS_BY_ERROR)


def _rich(text: str) -> Markup:
    """Return a description with its code marked, and its paragraphs."""
    parts = [
        Markup("<p>{}</p>").format(
            Markup(_CODE.sub(r"<code>\1</code>", str(escape(part))))  # noqa: S704 - escaped
        )
        for part in text.split("\n\n")
    ]
    return Markup("").join(parts)


def _limits(schema: Mapping[str, Any]) -> str:
    """Return the limits of a value, in short."""
    shown = [form.format(schema[name]) for name, form in _LIMITS if name in schema]
    return ", ".join(shown)


def _pretty(value: Any) -> str:
    """Return an example as JSON with lines."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
