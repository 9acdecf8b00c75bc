"""The console's own files: a style and a script, under names with their hashes."""

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import attrs
from aiohttp import web

from pushserver.errors import NotFound
from pushserver.web.spooled_response import SharedResponse, shared_pieces

FOLDER = Path(__file__).parent / "static"
_JAVASCRIPT, _CSS = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
#: The style, each part after those that it refines.
_STYLE = (
    "theme",
    "bar",
    "page",
    "forms",
    "tables",
    "states",
    "overview",
    "device",
    "send",
    "json",
    "reference",
)
#: What each file is made of: a page asks for few, and needs no others.
_PARTS = {
    "console.css": (_CSS, tuple(f"style/{part}.css" for part in _STYLE)),
    "console.js": (
        _JAVASCRIPT,
        ("vendor/htmx.min.js", "vendor/idiomorph-ext.min.js", "console.js"),
    ),
}


@attrs.frozen
class StaticFile:
    """A file as it is sent, plain and compressed."""

    name: str
    content_type: str
    body: bytes
    compressed: bytes


@cache
def static_files() -> Mapping[str, StaticFile]:
    """Return the files by what templates call them."""
    return {name: _build(name, *parts) for name, parts in _PARTS.items()}


def _build(name: str, content_type: str, parts: tuple[str, ...]) -> StaticFile:
    body = b"\n".join((FOLDER / part).read_bytes() for part in parts)
    stem, _, suffix = name.partition(".")
    hashed = f"{stem}-{hashlib.sha256(body).hexdigest()[:12]}.{suffix}"
    return StaticFile(hashed, content_type, body, gzip.compress(body, mtime=0))


async def serve_static(request: web.Request) -> web.StreamResponse:
    """Send a file; its name says what is in it, so it never changes."""
    name = request.match_info["name"]
    found = next((f for f in static_files().values() if f.name == name), None)
    if found is None:
        raise NotFound("There is no such file.")
    headers = {
        "Content-Type": found.content_type,
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Encoding",
    }
    body = found.body
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = found.compressed
    return SharedResponse(shared_pieces(body), headers=headers)
