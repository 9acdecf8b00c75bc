"""The admin API's client, used by the command line and the tests.

    async with Client("http://127.0.0.1:8080", token) as client:
        command = await client.commands.enqueue("100", {"endpoint": "reboot"})
        async for device in iter_items(client.devices.list):
            ...

Answers are plain dictionaries, as they are on the wire. Every call raises a
`ClientError`: `ApiError` if the server refuses, `Unreachable` if it does not answer.
"""

from pushserver.client.answers import (
    ApiError,
    ApiResponse,
    ClientError,
    Json,
    Unreachable,
)
from pushserver.client.client import Client
from pushserver.client.commands import RequestPreferences
from pushserver.client.devices import CSV, NDJSON
from pushserver.client.event_stream import EventStream, StreamMessage
from pushserver.client.pages import MAX_PAGE_SIZE, iter_items, iter_pages
from pushserver.client.transport import QueryParams

__all__ = [
    "CSV",
    "MAX_PAGE_SIZE",
    "NDJSON",
    "ApiError",
    "ApiResponse",
    "Client",
    "ClientError",
    "EventStream",
    "Json",
    "QueryParams",
    "RequestPreferences",
    "StreamMessage",
    "Unreachable",
    "iter_items",
    "iter_pages",
]
