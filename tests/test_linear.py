"""
Whatever reads what others sent takes time in proportion to it.

A parser that is new has to be added here; expressions are found by themselves.
"""

import ast
import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict

from pushserver.composition import PROTOCOLS
from pushserver.dialects.kapua.ids import decode_id
from pushserver.errors import PushServerError
from pushserver.model.ids import parse_int64
from pushserver.model.parsed_result import LocatedResult
from pushserver.model.storable_text import storable_text
from pushserver.model.subscription import WebhookFormat
from pushserver.protocols.controlid import configuration, refusals, request, result
from pushserver.protocols.controlid.json_values import (
    read_whole_json,
    unwrap_json_string,
)
from pushserver.protocols.controlid.sloppy_json import decode_text, read_json
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.services.result_reading import locate_result
from pushserver.web import plain_request
from pushserver.web.api.accept import preferred_media_type
from pushserver.web.api.command_parsing import COMMAND_OR_LIST, parse_json_commands
from pushserver.web.api.command_requests import CommandIn, CommandsQuery
from pushserver.web.api.device_csv import read_rows
from pushserver.web.api.device_fields import parse_tag, parse_tags
from pushserver.web.api.device_import import CSV, NDJSON, parse_rows
from pushserver.web.api.device_query import read_cursor
from pushserver.web.api.event_names import parse_event_names
from pushserver.web.api.query import decode_query
from pushserver.web.console.device_search import parse_device_search
from pushserver.web.console.form_body import parse_fields, parse_multipart
from pushserver.web.content_digest import parse_content_digest
from pushserver.web.device_url import (
    mask_keys,
    mask_keys_in_body,
    mask_keys_in_text,
)
from pushserver.web.forwarded import (
    parse_address,
    parse_forwarded,
    parse_forwarded_for,
    parse_host,
    parse_node,
    parse_prefix,
    parse_scheme,
    split_list,
)
from pushserver.web.json_body import decode_json
from pushserver.web.proxies import Proxies
from tests.growth import RUNS, is_linear

PACKAGE = Path(__file__).parents[1] / "pushserver"
#: The packages that see bytes from outside; they import no more than each other.
PACKAGES = ("model", "protocols", "dialects", "services", "web", "workers")
SIZE = 10_000
#: How much of a head is read at the most.
HEAD_SIZE = 2_000

Parser = Callable[[bytes], object]


class NobodyKnown:
    """Knows no device."""

    def find_in_any_scope(self, _device_id: int) -> None:
        """Return that there is none."""

    def all_speak(self, _protocol: str) -> bool:
        """Return that nobody speaks anything else."""
        return True


protocols = DeviceProtocols(PROTOCOLS, NobodyKnown())
(controlid,) = PROTOCOLS


def text_of(raw: bytes) -> str:
    """Return what a header or an address may be."""
    return raw.decode("utf-8", "surrogateescape")


def with_text(parse: Callable[[str], object]) -> Parser:
    """Return the parser of a text as one of bytes."""
    return lambda raw: parse(text_of(raw))


def import_as(kind: str) -> Parser:
    """Return the parser of imports of a kind."""
    return lambda raw: asyncio.run(parse_rows(raw, kind, protocols))


def query(text: str) -> object:
    """Decode a query of one parameter."""
    return decode_query(MultiDict({"createdAfter": text}), CommandsQuery)


def find_origin(name: str, text: str) -> object:
    """Find out where a request with one header comes from, behind a proxy."""
    proxies = Proxies(networks=[ip_network("10.0.0.0/8")])
    headers = CIMultiDict({name: f"{text}, for=10.0.0.2" if name[0] == "F" else text})
    return proxies.find_origin("10.0.0.1", CIMultiDictProxy(headers))


def find_plain(raw: bytes) -> object:
    """Look for a plain request in a long address, long headers and a long body."""
    requests = (
        b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /push?deviceId=1 HTTP/1.1\r\nHost: %s\r\n\r\n",
        b"POST /result?deviceId=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n%s",
    )

    async def find() -> object:
        plain_request._read_headers.cache_clear()
        return [plain_request.read_plain_request(each % raw) for each in requests]

    return asyncio.run(find())


#: What takes a whole body.
BODIES: Mapping[str, Parser] = {
    "parse_result": result.parse_result,
    "locate_result": lambda raw: locate_result(controlid, raw, None),
    "locate": lambda raw: LocatedResult.locate(result.parse_result(raw), raw),
    "find_refusal": lambda raw: refusals.find_refusal(raw, "execute_actions"),
    "parse_reported": lambda raw: configuration.parse_reported(raw, "general"),
    "find_sender": lambda raw: request.find_sender({}, raw),
    "decode_text": decode_text,
    "read_json": with_text(read_json),
    "read_whole_json": with_text(read_whole_json),
    "unwrap_json_string": unwrap_json_string,
    "decode_json": lambda raw: decode_json(raw, CommandIn | list[CommandIn]),
    "read_rows": lambda raw: list(read_rows(b"deviceId,name\n" + raw)),
    "parse_rows": import_as(NDJSON),
    "parse_rows of CSV": import_as(CSV),
    "parse_json_commands": lambda raw: parse_json_commands(
        raw, controlid, COMMAND_OR_LIST
    ),
    "parse_fields": parse_fields,
    "storable_text": with_text(storable_text),
    "parse_multipart": lambda raw: parse_multipart(
        b"--a\r\nContent-Disposition: form-data;" + raw,
        "multipart/form-data; boundary=a",
    ),
}
#: What takes a header, an address or a part of one.
HEADS: Mapping[str, Parser] = {
    "recognise": with_text(lambda text: request.recognise("GET", f"/push?{text}", {})),
    "recognise a path": with_text(
        lambda text: request.recognise("GET", f"/{text}/push?deviceId=1", {})
    ),
    "read_plain_request": find_plain,
    "parse_path": with_text(partial(request.parse_path, "GET")),
    "classify_unknown": with_text(request.classify_unknown),
    "identify": with_text(request.identify),
    "protocols.identify": with_text(protocols.identify),
    "mask_keys": with_text(mask_keys),
    "mask_keys_in_text": with_text(mask_keys_in_text),
    "parse_forwarded": with_text(parse_forwarded),
    "parse_forwarded_for": with_text(parse_forwarded_for),
    "parse_node": with_text(parse_node),
    "parse_address": with_text(parse_address),
    "parse_scheme": with_text(parse_scheme),
    "find_origin of Forwarded": with_text(partial(find_origin, "Forwarded")),
    "find_origin of X-Forwarded-For": with_text(
        partial(find_origin, "X-Forwarded-For")
    ),
    "parse_host": with_text(parse_host),
    "parse_prefix": with_text(parse_prefix),
    "split_list": with_text(split_list),
    "mask_keys_in_body": mask_keys_in_body,
    "parse_int64": with_text(partial(parse_int64, field_name="cursor")),
    "decode_id": with_text(decode_id),
    "decode_query": with_text(query),
    "parse_tag": with_text(parse_tag),
    "parse_tags": with_text(lambda text: parse_tags([text, text])),
    "read_cursor": with_text(partial(read_cursor, "-name")),
    "parse_event_names": with_text(
        lambda text: parse_event_names([text], WebhookFormat.NATIVE)
    ),
    "parse_device_search": with_text(parse_device_search),
    "parse_content_digest": with_text(
        lambda text: parse_content_digest([f"sha-256=:{text}:"])
    ),
    "parse_content_digest of many": with_text(
        lambda text: parse_content_digest([text])
    ),
    "preferred_media_type": with_text(
        lambda text: preferred_media_type(text, ("text/csv",))
    ),
}
#: What looks like a parser, but takes what another one has decoded, or only reads.
TAKES_DECODED = {
    "parse_commands", "parse_steps", "parse_step", "parse_duration", "parse_instant",
    "parse_operation_request", "parse_target_selector", "parse_rollout_policy",
    "parse_upgrade", "parse_idempotent_request", "read_order", "read_body",
    "read_result", "read_refused_result", "read_beginning", "read_short_body",
    "read_whole_body", "readyz", "decode_body", "parse_apart",
    "parse_file_apart", "decode_spooled",
    "parse_device_ids", "parse_token_limits", "find_token",
    "parse_task_filter", "split_at_marks", "find_long", "find_session_token",
    "find_signed_in", "read_short_form", "read_asked", "find_form", "find_target",
    "read_configuration", "decode_fields", "read_fields", "read_storage", "read_token",
    "find_needs", "parse_head",
}  # fmt: skip
STARTS = (b"", b'{"error":"x\t', b"response=", b'{"a":[', b'{"deviceId":"', b"a\n")
_PARSER_NAME = re.compile(
    "(parse|decode|read|identify|recognise|classify|find|split)_?[a-z0-9_]*"
)


def tried(parse: Parser, raw: bytes) -> Callable[[], None]:
    """Return what parses *raw*, whatever comes of it."""

    def work() -> None:
        try:
            parse(raw)
        except (PushServerError, ValueError, RecursionError):
            return

    return work


def _repeated(parse: Parser, start: bytes, run: bytes, size: int) -> Callable[[], None]:
    """Return what parses a beginning, and then so many bytes of the same."""
    return tried(parse, start + run * (size // len(run)))


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", BODIES)
def test_bodies(name: str, start: bytes) -> None:
    """No body takes longer than its size allows."""
    slow = [
        run
        for run in RUNS
        if not is_linear(
            partial(_repeated, BODIES[name], start, run),
            SIZE,
        )
    ]

    assert [] == slow


@pytest.mark.parametrize("name", HEADS)
def test_heads(name: str) -> None:
    """No header and no address takes longer than its size allows."""
    slow = [
        run
        for run in (*RUNS, b"/", b"/d/", b"push/", b"deviceId=1&", b";", b"q=1,", b":")
        if not is_linear(
            partial(_repeated, HEADS[name], b"", run),
            HEAD_SIZE,
        )
    ]

    assert [] == slow


def _expressions() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Return every expression that is compiled at the top of a module."""
    for package in PACKAGES:
        for path in sorted((PACKAGE / package).rglob("*.py")):
            parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
            module = import_module(".".join(parts).removesuffix(".__init__"))
            for name, value in vars(module).items():
                if isinstance(value, re.Pattern):
                    yield f"{module.__name__}.{name}", value


EXPRESSIONS = dict(_expressions())
#: These are only ever tried at the beginning of a text.
ANCHORED = {
    "pushserver.protocols.controlid.sloppy_json._HUGE",
    "pushserver.services.ssrf_guard._AMBIGUOUS_IPV4",
    "pushserver.web.forwarded._PAIR",
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions(name: str) -> None:
    """No expression tries again from each character on, whatever it is given."""
    pattern = EXPRESSIONS[name]
    is_bytes = isinstance(pattern.pattern, bytes)
    own = (
        pattern.pattern
        if is_bytes
        else pattern.pattern.encode("utf-8", "surrogateescape")
    )
    runs = {
        *RUNS,
        b"a",
        b"a.",
        b"_",
        b"x_logs",
        *(own[i : i + 1] for i in range(len(own))),
    }

    def work(use: str, start: bytes, run: bytes, size: int) -> Callable[[], object]:
        raw = start + run * (size // len(run)) + b"\n"
        subject = raw if is_bytes else text_of(raw)
        if use == "finditer":
            return lambda: [*pattern.finditer(subject)]
        return lambda: getattr(pattern, use)(subject)

    slow = [
        (use, start, run)
        for use in ("fullmatch", "match" if name in ANCHORED else "finditer")
        for start in (b"", b'"object":"', b":", b"[", b"//")
        for run in sorted(runs)
        if not is_linear(partial(work, use, start, run), HEAD_SIZE)
    ]

    assert [] == slow


def _parser_names() -> Iterator[str]:
    for package in ("model", "protocols", "dialects", "web"):
        for path in (PACKAGE / package).rglob("*.py"):
            for node in ast.parse(path.read_text("utf-8")).body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield node.name


def test_every_parser_is_here() -> None:
    """A parser that is new is tried, too, or takes what was decoded before."""
    names = {name for name in _parser_names() if _PARSER_NAME.fullmatch(name)}
    known = {name.partition(" ")[0] for name in (*BODIES, *HEADS)}

    assert set() == names - known - TAKES_DECODED
    assert set() == TAKES_DECODED - names
