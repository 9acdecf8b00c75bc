"""Whatever a client sends, it is answered in Kapua's shapes, and never with 500."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.each_case import each_case
from tests.web.kapua.client import KapuaClient, KapuaOperation


@pytest.fixture(name="base")
def _base() -> str:
    """Return one base: it makes no difference here."""
    return "/v1"


@each_case(
    ("name", "value"),
    [
        ("limit", "-1"),
        ("limit", "x"),
        ("limit", ""),
        ("limit", "1.0"),
        ("limit", "+1"),
        ("limit", "\N{ARABIC-INDIC DIGIT ONE}"),
        ("limit", "2147483648"),
        ("limit", "9" * 400),
        ("offset", "-1"),
        ("offset", "1e3"),
        ("offset", "99999999999999999999"),
        ("offset", "null"),
        ("sortParam", ""),
        ("sortParam", "sent_at"),
        ("sortParam", "SENTON"),
        ("sortParam", "id; DROP TABLE notification"),
        ("sortDir", ""),
        ("sortDir", "DOWN"),
        ("sortDir", "DESC"),
        ("askTotalCount", ""),
        ("askTotalCount", "1"),
        ("askTotalCount", "yes"),
        ("limit", "\0"),
        ("sortDir", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"),
    ],
)
async def test_parameter(
    kapua: KapuaClient, operation: KapuaOperation, name: str, value: str
) -> None:
    """A parameter that makes no sense is 400, with its name and its value."""
    for path in (operation.notifications, operation.operations):
        error = await kapua.error("GET", f"{path}?{name}={quote(value)}")

        shown = value[:100].replace("\0", "\N{REPLACEMENT CHARACTER}")
        assert {
            "type": "illegalArgumentExceptionInfo",
            "httpErrorCode": 400,
            "message": f"An illegal value was provided for the argument {name}:"
            f" {shown}.",
            "kapuaErrorCode": "ILLEGAL_ARGUMENT",
            "argumentName": name,
            "argumentValue": shown,
        } == error


@each_case(
    ("query", "name", "value"),
    [
        ("nonsense=1", "nonsense", "1"),
        ("Limit=1", "Limit", "1"),
        ("limit=1&limit=1", "limit", "1"),
        ("sortDir=ASCENDING&sortDir=DESCENDING", "sortDir", "DESCENDING"),
        ("%00=", "\N{REPLACEMENT CHARACTER}", ""),
    ],
)
async def test_unknown_parameter(
    kapua: KapuaClient, operation: KapuaOperation, query: str, name: str, value: str
) -> None:
    """A parameter that is not known, or comes twice, is 400 as well, at every call."""
    for method, path in (
        ("GET", operation.operations),
        ("POST", f"{operation.operations}/_query"),
        ("POST", f"{operation.operations}/_count"),
        ("GET", operation.notifications),
        ("POST", f"{operation.notifications}/_query"),
        ("DELETE", operation.notifications.removesuffix("/notifications")),
        ("POST", "/authentication/user"),
    ):
        if method == "GET" or name not in ("limit", "sortDir"):
            error = await kapua.error(method, f"{path}?{query}", b"{}")

            assert ("illegalArgumentExceptionInfo", name, value) == (
                error["type"],
                error["argumentName"],
                error["argumentValue"],
            )


async def test_attribute_of_the_other(
    kapua: KapuaClient, operation: KapuaOperation
) -> None:
    """An attribute that only operations have does not sort notifications."""
    error = await kapua.error("GET", f"{operation.notifications}?sortParam=startedOn")

    assert ("sortParam", "startedOn") == (error["argumentName"], error["argumentValue"])
    assert (
        "sortParam"
        == (await kapua.error("GET", f"{operation.operations}?sortParam=progress"))[
            "argumentName"
        ]
    )


@each_case(
    ("body", "name", "value"),
    [
        (b"", "query", ""),
        (b"x", "query", "x"),
        (b"[]", "query", "[]"),
        (b"1", "query", "1"),
        (b"null", "query", "null"),
        (b'"limit"', "query", '"limit"'),
        (b"{", "query", "{"),
        (b'{"limit":}', "query", '{"limit":}'),
        (b"\xff", "query", "\N{REPLACEMENT CHARACTER}"),
        (b"<query/>", "query", "<query/>"),
        (b"[" * 60_000, "query", "[" * 100),
        (b'{"limit":-1}', "limit", "-1"),
        (b'{"limit":"5"}', "limit", '"5"'),
        (b'{"limit":1.5}', "limit", "1.5"),
        (b'{"limit":true}', "limit", "true"),
        (b'{"limit":[]}', "limit", "[]"),
        (b'{"offset":1e2}', "offset", "1e2"),
        (b'{"offset": 99999999999 }', "offset", "99999999999"),
        (b'{"askTotalCount":1}', "askTotalCount", "1"),
        (b'{"askTotalCount":"true"}', "askTotalCount", '"true"'),
    ],
)
@each_case("call", ["_query", "_count"])
async def test_body(
    kapua: KapuaClient,
    operation: KapuaOperation,
    call: str,
    body: bytes,
    name: str,
    value: str,
) -> None:
    """A body that is no object, or has a wrong field, is 400 and says which."""
    for path in (operation.notifications, operation.operations):
        error = await kapua.error("POST", f"{path}/{call}", body)

        assert ("illegalArgumentExceptionInfo", 400, name, value) == (
            error["type"],
            error["httpErrorCode"],
            error["argumentName"],
            error["argumentValue"],
        )


async def test_broken_off(kapua: KapuaClient, operation: KapuaOperation) -> None:
    """A body that ends too early is 400."""
    head = (
        f"POST {kapua.base}{operation.notifications}/_query HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {kapua.token}\r\nContent-Length: 20\r\n\r\n" + '{"l'
    )
    async with kapua.server.connect() as (reader, writer):
        writer.write(head.encode())
        writer.write_eof()
        answer = await reader.read()

    assert not answer or b" 400 " in answer.partition(b"\r\n")[0]


TEXT = st.text() | st.sampled_from(["_", "AQ", "A", "==", "..", "%", "push", "_query"])
RAW = st.binary(max_size=30).map(lambda data: quote(data, safe="%+/=&;?!$"))
often = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


async def expect_sense(
    kapua: KapuaClient, method: str, path: str, body: Any = None
) -> None:
    """Expect an answer that is no surprise."""
    answer = await kapua.request(method, path, body)
    assert answer.status in (200, 400, 403, 404, 405), (path, answer)
    if answer.body and answer.status != 200:
        assert "json" in answer.headers["Content-Type"], (path, answer)
        json.loads(answer.body)


@often
@given(st.lists(TEXT.map(lambda text: quote(text, safe="")), min_size=4, max_size=4))
async def test_any_ids(kapua: KapuaClient, ids: list[str]) -> None:
    """Any text in the place of an id is answered."""
    scope, device, operation, notification = ids
    one = f"/{scope}/devices/{device}/operations/{operation}"
    for path in (one, f"{one}/notifications", f"{one}/notifications/{notification}"):
        await expect_sense(kapua, "GET", path)
        await expect_sense(kapua, "DELETE", path)


@often
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "limit",
                "offset",
                "sortParam",
                "sortDir",
                "askTotalCount",
                "resource",
                "x",
            ]
        ),
        RAW,
    )
)
async def test_any_query(
    kapua: KapuaClient, operation: KapuaOperation, query: dict[str, str]
) -> None:
    """Any query is answered, in whatever encoding it comes."""
    text = "&".join(f"{name}={value}" for name, value in query.items())

    await expect_sense(kapua, "GET", f"{operation.notifications}?{text}")
    await expect_sense(kapua, "GET", f"{operation.operations}?{text}")


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["limit", "offset", "askTotalCount"]), inner)
    ),
)


@often
@given(ANY.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=50))
async def test_any_body(
    kapua: KapuaClient, operation: KapuaOperation, body: bytes
) -> None:
    """Any body is answered."""
    for path in (operation.notifications, operation.operations):
        await expect_sense(kapua, "POST", f"{path}/_query", body)
        await expect_sense(kapua, "POST", f"{path}/_count", body)
    await expect_sense(kapua, "POST", "/authentication/nothing", body)


@each_case(
    "path",
    [
        "/AQ/devices/\xff/operations",
        "/\xc3(/devices/AQ/operations/A\xf0Q",
        "/AQ/devices/AQ/operations?resource=\xff\xfe&limit=\xff",
        "/AQ/devices/AQ/operations/AQ/notifications?resource=%ED%A0%80",
    ],
)
async def test_raw_bytes(kapua: KapuaClient, path: str) -> None:
    """Bytes that are no text are answered, too."""
    head = (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {kapua.token}\r\n\r\n"
    )

    answer = await kapua.server.send_raw(head.encode("latin-1"))

    assert answer.partition(b"\r\n")[0].split()[1] in (b"200", b"400")
