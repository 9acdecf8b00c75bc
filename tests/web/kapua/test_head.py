"""HEAD, wherever Kapua's face has a GET."""

import pytest

from tests.web.kapua.client import KapuaClient, KapuaOperation
from tests.web.local_server import LocalServer

_DEVICES = "/_/devices"


async def test_as_get(kapua: KapuaClient, operation: KapuaOperation) -> None:
    """
    The head of an answer is that of GET: its status and its type; no body follows.
    """
    one = await operation.post_notification(50)
    device = operation.path.rpartition("/operations/")[0]
    paths = [
        _DEVICES,
        f"{_DEVICES}?status=UNKNOWN",
        device,
        f"{device}/operations",
        operation.path,
        operation.notifications,
        f"{operation.notifications}/{one}",
        f"{operation.notifications}/AQ",
        "/authentication/info",
    ]

    for path in paths:
        got = await kapua.request("GET", path)
        head = await kapua.request("HEAD", path)
        assert (path, got.status, b"") == (path, head.status, head.body)
        for name in ("Content-Type", "Content-Length"):
            assert got.headers[name] == head.headers[name]


@pytest.mark.parametrize("path", [_DEVICES, "/authentication/info"])
async def test_without_token(server: LocalServer, base: str, path: str) -> None:
    """
    HEAD needs the token that GET needs.
    """
    answer = await KapuaClient(server, base, None).request("HEAD", path)

    assert (401, b"") == (answer.status, answer.body)


async def test_nothing_to_get(kapua: KapuaClient) -> None:
    """
    Where nothing is got, there is no head either, and `Allow` says so.
    """
    answer = await kapua.request("HEAD", f"{_DEVICES}/_query")

    assert (405, "POST") == (answer.status, answer.headers["Allow"])
