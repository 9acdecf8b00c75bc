"""A server whose answers are those of the API, but for one value in each of them."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs

from pushserver.web.api import ROUTES
from pushserver.web.api.openapi.document import document

Path = tuple[str | int, ...]
#: Makes of a right answer what the server sends.
Change = Callable[[Any], Any]
#: What stands for a field that is left out.
MISSING = object()
#: Answers of one run, after which all that is asked for is gone: some commands read on
#: as long as there is something to read.
_MAX_ANSWERS = 12
_REF = "#/components/schemas/"
_INSTANT = "2026-11-20T13:00:00Z"
_SCALARS = {"string": "1", "integer": 1, "number": 0.5, "boolean": True}
#: Objects that are deeper are empty: some schemas have themselves within.
_MAX_DEPTH = 9
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@attrs.define
class MisshapenServer:
    """Answers calls of the API with an example of what they return, changed."""

    url: str = ""
    change: Change = lambda value: value
    answered: int = 0
    _document: Mapping[str, Any] = attrs.field(
        factory=lambda: json.loads(json.dumps(document(ROUTES)))
    )

    def answer(self, method: str, path: str) -> tuple[int, str, bytes]:
        """Return the status, type and body of the answer to a call."""
        self.answered += 1
        if self.answered > _MAX_ANSWERS:
            return 410, "application/problem+json", b'{"detail":"It is gone."}'
        return self._right_or_changed(method, path.partition("?")[0])

    def _right_or_changed(self, method: str, path: str) -> tuple[int, str, bytes]:
        if path == "/api/v1/openapi.json":
            return 200, "application/json", _encode(self.change({"info": {}}))
        for status, kind, schema in self._answers(method, path):
            value = self.change(self.example(schema))
            if kind == "text/event-stream":
                return status, kind, b"id: 1\nevent: x\ndata: %s\n\n" % _encode(value)
            return status, kind, _encode(value)
        return 200, "text/plain", b"ok"

    def _answers(self, method: str, path: str) -> Iterator[tuple[int, str, Any]]:
        """Yield what is answered if all goes well: status, type and schema."""
        call = self._find(method, path)
        for status, response in call.get("responses", {}).items():
            for kind, content in response.get("content", {}).items():
                if status.startswith("2"):
                    yield int(status), kind, content.get("schema", {})

    def _find(self, method: str, path: str) -> Mapping[str, Any]:
        """Return the call of a path; one without parameters is meant before others."""
        for template in sorted(self._document["paths"], key=lambda each: "{" in each):
            pattern = re.sub(r"\{\w+\}", "[^/]+", template)
            calls = self._document["paths"][template]
            if re.fullmatch(pattern, path) and method.lower() in calls:
                return dict(calls[method.lower()])
        return {}

    def example(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """Return a value with everything that *schema* describes."""
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(_REF)
            return self.example(self._document["components"]["schemas"][name], depth)
        if "oneOf" in schema or "anyOf" in schema:
            return self.example((schema.get("oneOf") or schema["anyOf"])[0], depth)
        kind = schema.get("type", "any")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return [self.example(schema["items"], depth + 1)]
        is_instant = schema.get("format") == "date-time"
        usual = _INSTANT if is_instant else _SCALARS.get(kind)
        return schema.get("enum", [usual])[0]

    def _object(self, schema: Mapping[str, Any], depth: int) -> Any:
        fields = schema.get("properties", {}) if depth < _MAX_DEPTH else {}
        value = {name: self.example(each, depth + 1) for name, each in fields.items()}
        more = schema.get("additionalProperties")
        return value | ({"a": self.example(more, depth + 1)} if more else {})


def _encode(value: Any) -> bytes:
    return json.dumps(value).encode()


def paths_in(value: Any) -> Iterator[Path]:
    """Yield where each value within *value* is, itself included."""
    yield ()
    for key in _keys(value):
        yield from ((key, *rest) for rest in paths_in(value[key]))


def _keys(value: Any) -> Sequence[Any]:
    if isinstance(value, list):
        return range(len(value))
    return [*value] if isinstance(value, dict) else ()


def replaced(value: Any, path: Path, new: Any) -> Any:
    """Return *value* with *new* at a path, if it is there; or without it."""
    if not path:
        return None if new is MISSING else new
    key, *rest = path
    if key not in _keys(value):
        return value
    copy = value.copy()
    if not rest and new is MISSING:
        del copy[key]
    else:
        copy[key] = replaced(value[key], tuple(rest), new)
    return copy


def with_leaves(value: Any, new: Any) -> Any:
    """Return *value* with *new* in place of everything that is no list or object."""
    if isinstance(value, dict):
        return {key: with_leaves(each, new) for key, each in value.items()}
    return (
        [with_leaves(each, new) for each in value] if isinstance(value, list) else new
    )


@contextmanager
def misshapen_server() -> Iterator[MisshapenServer]:
    """Run such a server for the length of the block."""
    server = MisshapenServer()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        status, kind, body = server.answer(handler.command, handler.path)
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    methods = {f"do_{name}": answer for name in _METHODS}
    quiet = {"log_message": lambda *_: None}
    handler_type: Any = type("Handler", (BaseHTTPRequestHandler,), {**methods, **quiet})
    httpd: Any = ThreadingHTTPServer(("127.0.0.1", 0), handler_type)
    # Who finds a fault reads no more, and resets the connection.
    httpd.handle_error = lambda *_: None
    server.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()
