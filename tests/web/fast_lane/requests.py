"""Requests, plain and odd, that both ways have to answer alike."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

from hypothesis import strategies as st

from tests.web.fast_lane.both_ways import ADOPTED, HELD, KEY, KEYED, Talk
from tests.web.local_server import TOKEN

_DEVICES = st.sampled_from(
    [ADOPTED] * 12 + [HELD, KEYED, 80, "", "007", "x", 2**63, "77&deviceId=77", "%37"]
)
_PREFIXES = st.sampled_from(
    [""] * 24
    + [f"/d/{KEY}"] * 6
    + ["/d/wrong", f"/d/{KEY}/x", f"/x/d/{KEY}", f"/d/x/d/{KEY}", "/d", "/d/"]
    + ["/push", "/x", "/", "/caf%C3%A9", "/D/k"]
)
_QUERIES = st.sampled_from(
    ["", "&uuid=u1", "&uuid=u2"] * 4
    + ["&uuid=", "&uuid=a%20b", "&uuid=u1&endpoint=reboot"]
    + ["&endpoint=load_objects", "&x=1", "&uuid=u1&uuid=u2", "#f", "&uuid=a+b", "&&"]
)
_VERSIONS = st.sampled_from(
    ["HTTP/1.1"] * 40 + ["HTTP/1.0", "HTTP/2.0", "http/1.1", ""]
)
_BEARER = f"Authorization: Bearer {TOKEN}"
_TRACEPARENT = f"traceparent: 00-{'4b' * 16}-{'0f' * 8}-01"
#: Headers that are harmless, or change what a request is.
_HEADERS: Sequence[str] = (
    *(["User-Agent: curl/8", "Accept: */*", "X-Request-ID: r1", _TRACEPARENT] * 3),
    *("traceparent: 00-1-2-3", "tracestate: rojo=1"),
    *("Connection: keep-alive", "Connection: Keep-Alive", "Connection: close"),
    *("Connection: upgrade", "Upgrade: websocket", "Connection: x", "TE: trailers"),
    *("Expect: 100-continue", "Expect: x", "Content-Encoding: gzip"),
    *("Transfer-Encoding: chunked", "Transfer-Encoding: identity", "Trailer: X"),
    *("Origin: http://a", "referer: http://a", "Sec-Fetch-Site: none"),
    *(["X-Forwarded-For: 10.0.0.1", "Forwarded: for=10.0.0.1"] * 3),
    *("X-Forwarded-For: 10.0.0.2", "x-forwarded-for: 2001:db8::1, 127.0.0.1"),
    *("X-Forwarded-For: unknown", "X-Forwarded-Prefix: /doors", "Via: 1.1 a"),
    *("X-Forwarded-Proto: https", "X-Forwarded-Host: a.example"),
    *("Idempotency-Key: one", "Idempotency-Key: two", "Prefer: wait=0", "Prefer: x"),
    *(
        "Content-Length: 5",
        "Content-Length: 0",
        "Content-Length: +5",
        "X : y",
        "X: \ty ",
    ),
    *("X: a\r\n b", "X: a\nY: b", "X: a\rb", "X: \0", "X: caf\xe9", "X-Empty:", ": x"),
    *("HOST: y", "aCCEPT: x", f"X: {'y' * 3000}", f"X: {'y' * 9000}", "no colon"),
    *("Content-Type: application/json", "Content-Type: application/octet-stream"),
    *(_BEARER, "Authorization: bearer " + TOKEN, "Authorization: Basic eDp5"),
    *("Cookie: a=b", "HTTP2-Settings: x", "Proxy-Connection: keep-alive"),
)
_LENGTHS = st.sampled_from(
    ["Content-Length: {}"] * 30
    + ["content-length:{}", "Content-Length:  {} ", "Content-Length: 0{}", ""]
    + ["Content-Length: 999", "Content-Length: {}\r\nContent-Length: {}"]
)
_RESULTS = st.sampled_from(
    ['{"response":{}}'] * 2
    + ['{"error":"x"}', "[1,", "", "response=%7B%7D", "\xff\0", "7"]
    + ['{"response":{"success":false}}', "GET /push?deviceId=77 HTTP/1.1\r\n\r\n"]
)
_COMMANDS = st.sampled_from(
    ['{"endpoint":"load_objects"}'] * 4
    + ['{"endpoint":"reboot","supersede":"s"}', '[{"endpoint":"x"},{"endpoint":"y"}]']
    + ['{"endpoint":"x","notBefore":"2030-01-01T00:00:00Z"}', "{", "null", "[]", "{}"]
    + ['{"endpoint":"execute_actions","body":{"actions":[]}}', '{"endpoint":"é"}', ""]
    + [f'{{"endpoint":"x","body":"{"y" * 20_000}"}}']
)
#: Where what is sent is always cut.
CUT = "\N{BLACK SCISSORS}"
_WHOLE = "GET /push?deviceId=77 HTTP/1.1\r\nHost: x\r\n\r\n"
_OTHERS = st.sampled_from(
    [
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        "HEAD /push?deviceId=77 HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /push?deviceId=77 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://x/push?deviceId=77 HTTP/1.1\r\nHost: x\r\n\r\n",
        "DELETE /api/v1/devices/77/commands HTTP/1.1\r\nHost: x\r\n"
        + _BEARER
        + "\r\n\r\n",
        "POST /result?deviceId=77 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked"
        '\r\n\r\nf\r\n{"response":{}}\r\n0\r\n\r\n',
        "POST /api/notifications/dao?deviceId=77 HTTP/1.1\r\nHost: x\r\n"
        "Content-Length: 2\r\n\r\n{}",
        # A header, and a body, that look like a request where they are cut.
        f"GET /push?deviceId=77 HTTP/1.1\r\nHost: x\r\nX: {CUT}{_WHOLE}",
        "POST /result?deviceId=77 HTTP/1.1\r\nHost: x\r\n"
        f"Content-Length: {len(_WHOLE)}\r\n\r\n{CUT}{_WHOLE}",
        *("\r\n", "\r\n\r\n", "\n", "\x16\x03\x01\x02", "GET", "GET /push?deviceId=77"),
    ]
)


@st.composite
def _request(draw: st.DrawFn, line: str, lines: Sequence[str], body: str | None) -> str:
    """Return a request with other headers among its *lines*."""
    odd = draw(st.lists(st.sampled_from(_HEADERS), max_size=1))
    length = []
    if body is not None:
        size = len(body.encode("latin-1", "replace"))
        length = [part for part in [draw(_LENGTHS).format(size, size)] if part]
    headers = draw(st.permutations([*lines, *length, *odd]))
    return "\r\n".join([f"{line} {draw(_VERSIONS)}", *headers, "", body or ""])


@st.composite
def _poll(draw: st.DrawFn) -> str:
    target = f"{draw(_PREFIXES)}/push?deviceId={draw(_DEVICES)}{draw(_QUERIES)}"
    return draw(_request(f"GET {target}", ["Host: x"], None))


@st.composite
def _result(draw: st.DrawFn) -> str:
    target = f"{draw(_PREFIXES)}/result?deviceId={draw(_DEVICES)}{draw(_QUERIES)}"
    return draw(_request(f"POST {target}", ["Host: x"], draw(_RESULTS)))


@st.composite
def _enqueue(draw: st.DrawFn) -> str:
    device, tail = (
        draw(_DEVICES),
        draw(st.sampled_from([""] * 8 + ["?x=1", "/", "/batch"])),
    )
    kind = draw(st.sampled_from(["Content-Type: application/json"] * 5 + ["X: y"]))
    bearer = draw(st.sampled_from([_BEARER] * 8 + ["X-None: y"]))
    line = f"POST /api/v1/devices/{device}/commands{tail}"
    return draw(_request(line, ["Host: x", kind, bearer], draw(_COMMANDS)))


@st.composite
def talks(draw: st.DrawFn) -> Talk:
    """Make up what a client sends: up to six requests, cut anywhere."""
    kinds = st.one_of(_poll(), _poll(), _result(), _enqueue(), _enqueue(), _OTHERS)
    requests = draw(st.lists(kinds, min_size=1, max_size=6))
    parts = [part for request in requests for part in request.split(CUT)]
    ends = list(accumulate(len(part.encode("latin-1", "replace")) for part in parts))
    whole = "".join(parts).encode("latin-1", "replace")
    # As clients do, cut between requests; and anywhere, as networks do.
    somewhere = st.one_of(st.sampled_from(ends), st.integers(0, len(whole)))
    cuts = draw(st.lists(somewhere, max_size=6))
    if len(parts) > len(requests):
        cuts += ends
    edges = sorted({0, len(whole), *cuts})
    pieces = [whole[start:end] for start, end in pairwise(edges)]
    return Talk(pieces, ends_early=draw(st.booleans()))
