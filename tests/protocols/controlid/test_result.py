"""What a posted result says, in every form that is seen in the field."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushserver.model.parsed_result import ParsedResult
from pushserver.protocols.controlid.result import UNREADABLE, parse_result
from tests.protocols.controlid.test_answer import JSON

USERS = b'{"users":[{"id":1,"registration":"Test","name":"Walter White"}]}'


def response(text: bytes) -> ParsedResult:
    """Return the reading of a success."""
    return ParsedResult(response=text)


@pytest.mark.parametrize(
    ("body", "parsed"),
    [
        (b'{"response":' + USERS + b"}", response(USERS)),
        (b' {\n "response" : ' + USERS + b" \n}\n", response(USERS)),
        (
            b'{"response":' + json.dumps(USERS.decode()).encode() + b"}",
            response(USERS),
        ),
        (b'{"response":"{}"}', response(b"{}")),
        (b'{"response":"done"}', response(b'"done"')),
        (b'{"response":""}', response(b'""')),
        (b'{"response":"{broken"}', response(b'"{broken"')),
        (b'{"response":null}', response(b"null")),
        (b'{"response":7,"deviceId":12}', response(b"7")),
        (b'{"changes":3}', response(b'{"changes":3}')),
        (b'{"serial-no.":"1"}', response(b'{"serial-no.":"1"}')),
        (b"{}", response(b"{}")),
        (b"[1,2]", response(b"[1,2]")),
        (b"true", response(b"true")),
        (b'"{\\"a\\":1}"', response(b'{"a":1}')),
        (b"", ParsedResult()),
        (b" \r\n", ParsedResult()),
    ],
)
def test_response(body: bytes, parsed: ParsedResult) -> None:
    """A response is an object, a string of JSON, anything else, or not there."""
    assert parsed == parse_result(body)
    assert not parsed.failed


@pytest.mark.parametrize(
    ("body", "parsed"),
    [
        (
            b'{"error":"UNIQUE constraint failed","code":1}',
            ParsedResult(error=b'"UNIQUE constraint failed"', code=b"1"),
        ),
        (b'{"error":{"message":"no"}}', ParsedResult(error=b'{"message":"no"}')),
        (b'{"error":5,"code":"E7"}', ParsedResult(error=b"5", code=b'"E7"')),
        (b'{"error":"no","response":{}}', ParsedResult(error=b'"no"')),
        (b'{"error":"no","error":""}', ParsedResult(error=b'"no"')),
        (b'{"error":"","error":"no","error":null}', ParsedResult(error=b'"no"')),
        (b'{"response":{"error":"no","error":""}}', ParsedResult(error=b'"no"')),
        (
            b'{"transactions_results":[{"success":true,"error":"no","error":0}]}',
            ParsedResult(error=b'"no"'),
        ),
        (b'{"response":{"error":"no"}}', ParsedResult(error=b'"no"')),
        (
            b'{"response":"{\\"error\\":\\"no\\",\\"code\\":3}"}',
            ParsedResult(error=b'"no"', code=b"3"),
        ),
        (b'[{"changes":1},{"error":"no"}]', ParsedResult(error=b'"no"')),
        (
            b'{"error":"no","transactions_results":[{"success":true}]}',
            ParsedResult(error=b'"no"'),
        ),
    ],
)
def test_error(body: bytes, parsed: ParsedResult) -> None:
    """A non-empty error is a failure, whatever else is there."""
    assert parsed == parse_result(body)
    assert parsed.failed


def test_doubled_empty_errors() -> None:
    """Errors that are all empty are none, nor are those deeper in a response."""
    body = b'{"error":"","response":{"a":{"error":"x","error":""}},"error":""}'
    assert not parse_result(body).failed


@pytest.mark.parametrize(
    "data",
    [
        {"x": {"error": "q"}},
        {"x": '{"error":"q"}'},
        ['{"error":"q"}'],
        [[{"error": 1}]],
    ],
)
def test_a_field_of_data(data: object) -> None:
    """What stands deeper in a response than its own fields is data, not an error."""
    response = json.dumps(data).encode()
    for body in (response, json.dumps(response.decode()).encode()):
        parsed = parse_result(b'{"response":' + body + b"}")
        assert (False, response) == (parsed.failed, parsed.response)


@pytest.mark.parametrize("empty", [b'""', b"null", b"0", b"false", b"{}", b"[]"])
def test_empty_error(empty: bytes) -> None:
    """An empty error is none."""
    parsed = parse_result(b'{"error":' + empty + b',"response":{"a":1}}')

    assert (False, b'{"a":1}') == (parsed.failed, parsed.response)


@pytest.mark.parametrize(
    "text",
    [
        b"9007199254740993",
        b"-9223372036854775808",
        b"123456789012345678901234567890",
        b"1.10",
        b"0.1000000000000000055511151231257827",
    ],
)
def test_numbers(text: bytes) -> None:
    """Numbers are preserved digit for digit, also inside a string of JSON."""
    assert text == parse_result(b'{"response":' + text + b"}").response
    assert (
        b'{"id":' + text + b"}"
        == parse_result(b'{"response":"{\\"id\\":' + text + b'}"}').response
    )
    assert text == parse_result(b'{"error":"no","code":' + text + b"}").code


@pytest.mark.parametrize(
    ("body", "parsed"),
    [
        (b'{"response":{"x":NaN}}', response(b'{"x":null}')),
        (b'{"response":[Infinity,-Infinity,1]}', response(b"[null,null,1]")),
        (
            b'{"response":{"id":9007199254740993,"x":NaN}}',
            response(b'{"id":9007199254740993,"x":null}'),
        ),
        (
            '{"response":{"name":"João"}}'.encode("latin-1"),
            response('{"name":"João"}'.encode()),
        ),
        (
            '{"error":"usuário"}'.encode("latin-1"),
            ParsedResult(error='"usuário"'.encode()),
        ),
        (b'\xef\xbb\xbf{"response":{}}', response(b"{}")),
    ],
)
def test_not_quite_json(body: bytes, parsed: ParsedResult) -> None:
    """NaN, Latin-1 and a byte order mark are firmware's habits, and are read."""
    assert parsed == parse_result(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"response":{"name":"\\ud800"}}',
        b'{"response":"{\\"name\\":\\"\\ud800\\"}"}',
        b'{"response":{"name":"\xed\xa0\x80"}}',
        b'{"error":"\\ud800"}',
        b'{"response":{"x":NaN,"name":"\\ud800"}}',
    ],
)
def test_lone_surrogate(body: bytes) -> None:
    """Half a character spoils nothing: what is shown is JSON that can be sent on."""
    parsed = parse_result(body)
    shown = parsed.error if parsed.failed else parsed.response

    assert not parsed.unreadable
    assert shown is not None
    assert bytes(shown).decode()
    assert json.loads(bytes(shown))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 10_000 + b"]" * 10_000,
        b'{"response":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"response":{"users":[{"id":1',
        b'{"response":"{\\"error\\":\\"no"}',
        b'{"response":{}} {"error":"no"}',
        b'{"response":{}}\0ccess":false}',
        b'{"response":{}',
        b'{"response":"{}',
        b'{"response":[1,,2]}',
        b"[1,2] and more",
        b"12 and more",
        b'"words" and more',
        b'and more {"response":{}}',
        b'{"err\xffor":"no","code":1}',
        b'{"err\tor":"no"}',
        b'{"transactions_results":[]}',
        b'{"transactions_results":[1]}',
        b'{"transactions_results":7}',
        b'{"transactions_results":[{"transactionid":1,"response":"{}"}]}',
        b"\0",
        b"\0" * 20,
        b"\xff\xd8\xff\xe0 a photo",
        b"<html>no</html>",
        b"%%%",
        b"=&=&",
        b"other=1",
        b"code=1",
        b"response={}&error",
        b"response=%7B%22users%22%3A%5B",
        b'{"error":"a=b&response=',
        b'\xff{"error":"a=b&response=ok"}',
        b"\x1f\x8b\x08&response={}",
        b'{"response":' + b"9" * 5000 + b",NaN}",
    ],
)
def test_unreadable(body: bytes) -> None:
    """An unreadable body is a result without content, and no failure."""
    assert UNREADABLE == parse_result(body)
    assert not UNREADABLE.failed


def test_deep_in_a_string() -> None:
    """A string that holds what is too deep to be JSON stays that string."""
    deep = "[" * 10_000 + "]" * 10_000
    text = json.dumps(deep).encode()

    assert text == parse_result(b'{"response":' + text + b"}").response


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "x", "GZIP"])
def test_compressed(encoding: str) -> None:
    """A compressed body is never opened."""
    assert UNREADABLE == parse_result(b'{"response":{}}', encoding)


@pytest.mark.parametrize("encoding", [None, "", "identity", "Identity"])
def test_not_compressed(encoding: str | None) -> None:
    """No encoding is no obstacle."""
    assert response(b"{}") == parse_result(b'{"response":{}}', encoding)


def all_shown(body: bytes) -> None:
    """Read *body*: nothing raises, and what is shown is JSON in UTF-8."""
    parsed = parse_result(body)
    for text in (parsed.response, parsed.error, parsed.code):
        if text is not None:
            json.loads(bytes(text))


@given(st.binary(max_size=400))
def test_any_bytes(body: bytes) -> None:
    """Whatever arrives is read or found unreadable; nothing raises."""
    all_shown(body)


@given(st.text(alphabet='{}[]":,\\u0dresponcta_ilf19.eE+-=&% \n', max_size=60))
def test_nearly_json(text: str) -> None:
    """A body that only looks like JSON raises nothing either."""
    all_shown(text.encode())


@given(
    value=JSON,
    place=st.integers(0, 10_000),
    spoilt=st.binary(max_size=3),
    key=st.sampled_from([b"response", b"error", b"code", b"transactions_results"]),
)
def test_spoilt(value: object, place: int, spoilt: bytes, key: bytes) -> None:
    """A result in which some bytes are wrong is read, or found unreadable."""
    body = b'{"' + key + b'":' + json.dumps(value).encode() + b"}"
    cut = place % len(body)

    all_shown(body[:cut] + spoilt + body[cut + len(spoilt) :])
    all_shown(body[:cut])


@given(value=JSON)
def test_any_response(value: object) -> None:
    """Any response is shown as it was meant, stringified or not."""
    text = json.dumps(value)
    # Names may be made up of words in the code: with this one it is an error.
    if isinstance(value, str) or '"error"' in text:
        return
    parsed = parse_result(json.dumps({"response": text}).encode())

    assert value == json.loads(bytes(parsed.response or b""))
    assert parsed == parse_result(b'{"response":' + text.encode() + b"}")


def test_error_beside_a_huge_number() -> None:
    """A number that nobody can hold does not hide an error."""
    parsed = parse_result(b'{"error":"no","code":1e400}')

    assert (True, b'"no"') == (parsed.failed, parsed.error)
