"""Results that firmware spoils: what they say is read, or known to be unreadable."""

import json
import re
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushserver.model.parsed_result import ParsedResult
from pushserver.protocols.controlid.result import parse_result

ERROR = ParsedResult(error=b'"no"', code=b"1")


def response(text: str) -> ParsedResult:
    """Return a success with this response."""
    return ParsedResult(response=text.encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":"no","code":1}\0',
        b'{"error":"no","code":1}\0\0\0garbage of the last answer","code":0}',
        b'{"error":"no","code":1} and more',
        b'{"error":"no","code":1}{"response":{}}',
        b'{"error":"no","code":1},',
        b'{"error":"no","code":1,}',
        b'{"error":"no" , "code":1 ,\r\n}',
        b'\xef\xbb\xbf{"error":"no","code":1}',
        b' \xef\xbb\xbf {"error":"no","code":1}',
        b'{"error":"no","code":1,"at":"S\xe3o Paulo"}',
        b'{"error":"no","code":1,"at":"a\tb\r\nc\0d"}',
        b'{"error":"no","code":1,"path":"C:\\logs"}',
        b'{"error":"no","code":1,"x":NaN}',
        b"error=no&code=1\0",
        b"error=no%00&code=1",
        b"\xef\xbb\xbferror=no&code=1",
        b"&error=no&code=1&",
        b"error=no&error=&code=1",
        b"error=no&code=1&place=S%E3o+Paulo",
    ],
)
def test_error(body: bytes) -> None:
    """An error is read, however the body around it is spoilt."""
    assert ERROR == parse_result(body)


@pytest.mark.parametrize(
    ("body", "parsed"),
    [
        (b'{"response":{"v":1.10}}\0', response('{"v":1.10}')),
        (
            b'{"response":{"v":1.10,"t":"a\nb",}}',
            response('{"v":1.10,"t":"a\\u000ab"}'),
        ),
        (b'{"response":{"id":9007199254740993,}}', response('{"id":9007199254740993}')),
        (b'{"response":{"name":"a\0b"}}', response('{"name":"a\\u0000b"}')),
        (b'{"response":{}} and more', response("{}")),
        (b'{"response":"{\\"t\\":\\"a\tb\\",}"}', response('{"t":"a\\u0009b"}')),
        (
            b'{"response":{"t":"a, ]b", "s":"c\\\\",}}',
            response('{"t":"a, ]b", "s":"c\\\\"}'),
        ),
        (
            b'{"response":{"t":"at 1e999, or : 1e999"}}',
            response('{"t":"at 1e999, or : 1e999"}'),
        ),
        (b'{"changes":3}\0', response('{"changes":3}')),
        ('{"response":{"ação":"Jo\u00e3o"}}\0'.encode(), response('{"ação":"João"}')),
        (b"response=%7B%22t%22%3A%22a%09b%22%7D", response('{"t":"a\\u0009b"}')),
    ],
)
def test_response(body: bytes, parsed: ParsedResult) -> None:
    """A response is mended where it is spoilt; its numbers stay to the digit."""
    assert parsed == parse_result(body)


@pytest.mark.parametrize(
    ("spoilt", "name"),
    [
        (b"Gon\xc3", "GonÃ"),
        (b"Gon\xe7alves", "Gonçalves"),
        (b"\x80 5", "€ 5"),
        (b"\x81\x8d", "\ufffd\ufffd"),
        (b"\xed\xa0\x80", "í\xa0€"),
    ],
)
@pytest.mark.parametrize("form", [False, True])
def test_bad_bytes(spoilt: bytes, name: str, form: bool) -> None:
    """Bytes that are no UTF-8 are Windows-1252; the names beside them stay."""
    users = b'{"users":["Jo\xc3\xa3o","' + spoilt + b'"]}'
    body = (
        b"response=" + quote(users).encode() if form else b'{"response":' + users + b"}"
    )
    parsed = parse_result(body)

    assert {"users": ["João", name]} == json.loads(bytes(parsed.response or b""))


Mutation = Callable[[bytes, int], bytes]


def insert_in_text(spoilt: bytes) -> Mutation:
    """Return what spoils the error's text somewhere."""

    def mutate(body: bytes, place: int) -> bytes:
        start, end = len(b'{"error":"'), body.rindex(b'","code"')
        cut = start + place % (end - start + 1)
        # Not amid an escape: that would be another text.
        while cut > start and b"\\" in body[max(start, cut - 6) : cut]:
            cut -= 1
        return body[:cut] + spoilt + body[cut:]

    return mutate


def insert_anywhere(spoilt: bytes) -> Mutation:
    """Return what spoils the body anywhere."""

    def mutate(body: bytes, place: int) -> bytes:
        cut = place % (len(body) + 1)
        return body[:cut] + spoilt + body[cut:]

    return mutate


MUTATIONS: dict[str, Mutation] = {
    "nothing": lambda body, _: body,
    "NUL": lambda body, _: body + b"\0",
    "NUL in the text": insert_in_text(b"\0"),
    "line end": insert_in_text(b"\r\n"),
    "tab": insert_in_text(b"\t"),
    "Latin-1 byte": insert_in_text(b"\xe3"),
    "bad byte": insert_in_text(b"\x81"),
    "trailing comma": lambda body, _: body[:-1] + b",}",
    "trailing text": lambda body, _: body + b' and "response":{}} more',
    "another answer": lambda body, _: body + b'{"response":{}}',
    "mark": lambda body, _: b"\xef\xbb\xbf" + body,
    "mark and NUL": lambda body, _: b"\xef\xbb\xbf" + body + b"\0",
}
ANYWHERE = {
    f"{spoilt!r} anywhere": insert_anywhere(spoilt)
    for spoilt in (b"\xff", b"\0", b"\n", b",", b"\xef\xbb\xbf", b"&response=ok&", b'"')
} | {"cut off": lambda body, place: body[: 1 + place % (len(body) - 1)]}
TEXTS = st.text(min_size=1).filter(lambda text: text.encode("utf-8", "ignore") != b"")


def encode_error(text: str, *, escaped: bool) -> bytes:
    """Return the JSON of an error with this text."""
    fields = {"error": text, "code": 1}
    dumped = json.dumps(fields, ensure_ascii=escaped, separators=(",", ":"))
    return dumped.encode("utf-8", "replace")


@pytest.mark.parametrize("name", MUTATIONS)
@given(text=TEXTS, place=st.integers(0, 1000), escaped=st.booleans())
def test_error_is_read(name: str, text: str, place: int, escaped: bool) -> None:
    """A text with an error is a failure, under every habit of firmware."""
    body = MUTATIONS[name](encode_error(text, escaped=escaped), place)

    assert parse_result(body).failed


@pytest.mark.parametrize("name", ANYWHERE)
@given(text=TEXTS, place=st.integers(0, 1000), escaped=st.booleans())
def test_error_is_never_a_success(
    name: str, text: str, place: int, escaped: bool
) -> None:
    """Wherever a body with an error is spoilt, nobody takes it for a success."""
    parsed = parse_result(ANYWHERE[name](encode_error(text, escaped=escaped), place))

    assert parsed.failed or parsed.unreadable


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "latin-1"])
@given(text=TEXTS, tail=st.sampled_from(["", "\0", "&", "\r\n", "%00"]))
def test_form_with_an_error(encoding: str, text: str, tail: str) -> None:
    """A form with an error is a failure, in whichever encoding."""
    fields = {"error": text, "code": "1"}
    body = urlencode(fields, encoding=encoding, errors="replace") + tail

    assert parse_result(body.encode()).failed or not text.strip("\0\ufeff \t\r\n")


@given(text=TEXTS, wrap=st.integers(0, 3))
def test_wrapped_error(text: str, wrap: int) -> None:
    """An error inside a response, a string of JSON or a batch is a failure."""
    error = {"error": text, "code": 1}
    bodies = (
        {"response": error},
        {"response": json.dumps(error)},
        {"transactions_results": [{"success": True, "response": json.dumps(error)}]},
        {"transactions_results": [{"success": True, **error}]},
    )

    assert parse_result(json.dumps(bodies[wrap]).encode()).failed


@given(text=st.text(), escaped=st.booleans())
def test_any_text_is_mended(text: str, escaped: bool) -> None:
    """Control characters amid a text are read as they are."""
    escape = re.compile('["\\\\]' if not escaped else '["\\\\]|[^ -~\t\n\0]')
    raw = escape.sub(lambda found: json.dumps(found[0])[1:-1], text)
    body = b'{"response":{"t":"' + raw.encode("utf-8", "replace") + b'",}}'
    expected = text.encode("utf-8", "replace").decode() if not escaped else text

    parsed = parse_result(body)

    shown = json.loads(bytes(parsed.response or b""))["t"]
    assert expected == shown or "\ufffd" in shown
