"""Orders: what programs give, checked and put into the vendor's form."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushserver.errors import Invalid
from pushserver.protocols.controlid.order import make_order, normalize_endpoint

OCTETS: dict[str, Any] = {"content_type": "application/octet-stream"}


def refused(**fields: Any) -> str | None:
    """Return the field that is named when an order is refused."""
    with pytest.raises(Invalid) as caught:
        make_order(**{"endpoint": "load_objects", **fields})
    return caught.value.pointer


@pytest.mark.parametrize(
    "endpoint",
    [
        "load_objects",
        "/load_objects",
        "load_objects/",
        "load_objects.fcgi",
        "//load_objects.fcgi/",
    ],
)
def test_endpoint(endpoint: str) -> None:
    """Slashes around it and `.fcgi` are stripped."""
    assert "load_objects" == make_order(endpoint=endpoint).endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "/",
        ".fcgi",
        "users/load_objects",
        "../load_objects",
        "load_objects?session=1",
        "http://192.0.2.7/load_objects.fcgi",
        "load objects",
        "load_objects\n",
        "load\0objects",
        "carregar_usuários",
        "x" * 129,
    ],
)
def test_endpoint_refused(endpoint: str) -> None:
    """A path, an address or anything else that is no name is refused."""
    assert "/endpoint" == refused(endpoint=endpoint)


@pytest.mark.parametrize("verb", ["DELETE", "PUT", "get", "", "POST "])
def test_verb_refused(verb: str) -> None:
    """Devices know GET and POST."""
    assert "/verb" == refused(verb=verb)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("application/json", "application/json"),
        ("application/JSON", "application/json"),
        ("Application/Octet-Stream", "application/octet-stream"),
        ("application/json; charset=utf-8", "application/json"),
        (" text/xml ", "text/xml"),
    ],
)
def test_content_type(text: str, expected: str) -> None:
    """Content types compare whatever their case, and lose their parameters."""
    assert expected == make_order(endpoint="x", content_type=text).content_type


@pytest.mark.parametrize("kind", ["", "json", "a/b/c", "text/", "a/b\r\nX: y", "é/x"])
def test_content_type_refused(kind: str) -> None:
    """A text that is no media type is refused."""
    assert "/contentType" == refused(content_type=kind)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user_id=7&match=0", "user_id=7&match=0"),
        ("?user_id=7", "user_id=7"),
        ("", ""),
        ({"user_id": 7, "match": False}, "user_id=7&match=0"),
        ({"all": True, "rate": 0.5}, "all=1&rate=0.5"),
        ({"id": 9007199254740993}, "id=9007199254740993"),
        ({"name": "João & Zé"}, "name=Jo%C3%A3o+%26+Z%C3%A9"),
        ({"line": "a\r\nb"}, "line=a%0D%0Ab"),
        ({}, ""),
    ],
)
def test_query_string(text: Any, expected: str) -> None:
    """A query string is kept; an object is taken and encoded."""
    assert expected == make_order(endpoint="x", query_string=text).query_string


@pytest.mark.parametrize(
    "query", ["a=1\nb=2", "a=1\r", "a b", "a=\0", "a\t", "a\x7f", "x" * 8193]
)
def test_query_string_refused(query: str) -> None:
    """Line breaks, spaces, control characters and endless strings are refused."""
    assert "/queryString" == refused(query_string=query)


@pytest.mark.parametrize("body", [b'""', b'"AA=="', b'"/+8="', b'"AAAA"'])
def test_base64(body: bytes) -> None:
    """A string of base64 is kept as it is."""
    assert body.decode() == make_order(endpoint="x", body=body, **OCTETS).body


@pytest.mark.parametrize(
    "body",
    [
        b'"A"',
        b'"AAA"',
        b'"A-_A"',
        b'"AA ==" ',
        b'"AA\\n=="',
        b'"n\xc3\xa3o"',
        b'"====" ',
        b"{}",
        b"7",
        b"null",
        b'["AAAA"]',
        b'"data:image/jpeg;base64,AAAA"',
    ],
)
def test_base64_refused(body: bytes) -> None:
    """With octet-stream whatever is not one string of base64 is refused."""
    assert "/body" == refused(body=body, **OCTETS)


def test_base64_by_any_case() -> None:
    """Octet-stream is recognised in any case, so its body is checked."""
    assert "/body" == refused(body=b"{}", content_type="APPLICATION/octet-STREAM")


@pytest.mark.parametrize("field", ["body", "metadata"])
def test_not_utf8(field: str) -> None:
    """A text that is no UTF-8 is refused, and named."""
    assert "/" + field == refused(**{field: b'"\xff"'})


def test_metadata() -> None:
    """The program's own metadata is preserved byte for byte."""
    order = make_order(endpoint="x", metadata=b'{"ticket": 1.10}')

    assert '{"ticket": 1.10}' == order.metadata


@given(st.text(max_size=40))
def test_any_endpoint(endpoint: str) -> None:
    """Whatever is taken for an endpoint is a plain name, and stays the same again."""
    try:
        name = make_order(endpoint=endpoint).endpoint
    except Invalid:
        return

    assert name.isascii()
    assert all(letter.isalnum() or letter in "_-" for letter in name)
    assert name
    assert name == normalize_endpoint(endpoint)


@given(
    st.dictionaries(
        st.text(max_size=20),
        st.text(max_size=20) | st.integers() | st.booleans() | st.floats(),
        max_size=5,
    )
)
def test_any_query_object(query: dict[str, Any]) -> None:
    """Any object becomes a query string of printable ASCII."""
    text = make_order(endpoint="x", query_string=query).query_string

    assert text is not None
    assert text.isascii()
    assert text.isprintable()
