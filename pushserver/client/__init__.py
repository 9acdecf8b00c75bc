"""A client of the API, for programs: with asyncio here, without it in `client.sync`.

    async with Client("https://push.example.com", token) as client:
        command = await client.commands.enqueue("478435", {"endpoint": "reboot"})
        command = await client.commands.wait(command["id"], timeout=60)
        async for device in client.devices.iterate(online=False):
            ...

Answers are dictionaries, as they are on the wire, and have types: `client.types`. Every
call raises a `ClientError`: `ApiError` if the server refuses, `Unreachable` if it does
not answer. docs/python.md is about all of it.
"""

from pushserver.client.answers import ApiResponse, Json
from pushserver.client.client import Client
from pushserver.client.devices import CSV, NDJSON
from pushserver.client.errors import (
    ApiError,
    ClientError,
    InvalidServer,
    Unreachable,
    WaitTimeout,
)
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
    "InvalidServer",
    "Json",
    "QueryParams",
    "StreamMessage",
    "Unreachable",
    "WaitTimeout",
    "iter_items",
    "iter_pages",
]
