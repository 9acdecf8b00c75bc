"""Headers that a request may have once."""

import pytest

from tests.web.local_server import DEVICE, TOKEN, LocalServer

_VALID = f"Authorization: Bearer {TOKEN}"
_JSON = "Content-Type: application/json"
#: Headers beside those that a call needs, of which one is there already.
REPEATED = {
    "another token": ("Authorization: Bearer wrong",),
    "the same token": (_VALID,),
    "an empty one": ("authorization:",),
    "two keys": ("Idempotency-Key: one", "Idempotency-Key: two"),
    "two types": ("Content-Type: text/plain",),
    "two lengths": ("Content-Length: 16",),
    "two encodings": ("Content-Encoding: identity", "Content-Encoding: gzip"),
}


def enqueue(path: str, headers: tuple[str, ...]) -> bytes:
    """Return a call with a body, and *headers* behind those that it needs."""
    needed = (f"POST {path} HTTP/1.1", "Host: x", _VALID, _JSON, "Content-Length: 16")
    lines = (*needed, *headers, "Connection: close", "", '{"endpoint":"x"}')
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize("headers", REPEATED.values(), ids=REPEATED)
async def test_repeated(server: LocalServer, headers: tuple[str, ...]) -> None:
    """
    A header that may come once is refused when it comes twice, and nothing is done.
    """
    call = enqueue(f"/api/v1/devices/{DEVICE}/commands", headers)
    answer = await server.send_raw(call)

    assert b"400" == answer.split()[1]
    assert b"Content-Type: application/problem+json" in answer
    assert [] == (await server.api("GET", "/commands")).json()["items"]


async def test_on_all_faces(server: LocalServer) -> None:
    """
    So it is on the faces of other programs, and a device's poll is one whatever it has.
    """
    head = f"HTTP/1.1\r\nHost: x\r\n{_VALID}\r\n{_VALID}\r\nConnection: close\r\n\r\n"
    answers = [
        await server.send_raw(f"GET {path} {head}".encode())
        for path in ("/v1/authentication/info", f"/push?deviceId={DEVICE}")
    ]

    assert [b"400", b"200"] == [each.split()[1] for each in answers]


async def test_one_of_each(server: LocalServer) -> None:
    """
    One of each is taken.
    """
    headers = ("Idempotency-Key: one", "Content-Encoding: identity")
    call = enqueue(f"/api/v1/devices/{DEVICE}/commands", headers)

    assert (await server.send_raw(call)).startswith(b"HTTP/1.1 201 ")
