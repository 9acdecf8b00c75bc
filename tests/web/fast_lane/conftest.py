"""What aiohttp's own protocol gets of what is sent to the lane."""

import pytest

from pushserver.web.connection import HttpConnection


@pytest.fixture(name="handed_over")
def _handed_over(monkeypatch: pytest.MonkeyPatch) -> bytearray:
    """Return what aiohttp's own protocol gets."""
    handed_over = bytearray()
    receive = HttpConnection.data_received

    def record(connection: HttpConnection, data: bytes) -> None:
        handed_over.extend(data)
        receive(connection, data)

    monkeypatch.setattr(HttpConnection, "data_received", record)
    return handed_over
