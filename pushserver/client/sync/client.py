"""The client for programs without asyncio."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Self

from pushserver.client import client as asynchronous
from pushserver.client.client import RETRY_FOR
from pushserver.client.sync import calls
from pushserver.client.sync.blocking import Blocking, BlockingCalls
from pushserver.client.sync.loop_thread import LoopThread

if TYPE_CHECKING:
    from collections.abc import Callable


class Client(BlockingCalls):
    """
    One server, seen with one token; use it in a `with` block, or `open` and `close` it.

    It has the calls of `pushserver.client.Client`, which return at once what those
    return in the end; *server*, *token* and *retry_for* are the same. Any number of
    threads may call at once, also such that run a loop of their own. A process that was
    forked needs a client of its own.

    Raises:
        InvalidServer: *server* is no address of a server.
    """

    def __init__(
        self, server: str, token: str | None = None, *, retry_for: float = RETRY_FOR
    ) -> None:
        client = asynchronous.Client(server, token, retry_for=retry_for)
        super().__init__(self, client)
        self.server = client.server
        self._thread: LoopThread | None = None
        self._close: Callable[[], object] | None = None
        self.blobs = calls.BlobCalls(self, client.blobs)
        self.commands = calls.CommandCalls(self, client.commands)
        self.results = calls.ResultCalls(self, client.results)
        self.devices = calls.DeviceCalls(self, client.devices)
        self.shadows = calls.ShadowCalls(self, client.shadows)
        self.operations = calls.OperationCalls(self, client.operations)
        self.tasks = calls.TaskCalls(self, client.tasks)
        self.upgrades = calls.UpgradeCalls(self, client.upgrades)
        self.subscriptions = calls.SubscriptionCalls(self, client.subscriptions)
        self.events = calls.EventCalls(self, client.events)
        self.tokens = calls.TokenCalls(self, client.tokens)
        self.scopes = calls.ScopeCalls(self, client.scopes)
        self.audit = calls.AuditCalls(self, client.audit)

    purge = Blocking(asynchronous.Client.purge)
    status = Blocking(asynchronous.Client.status)
    latencies = Blocking(asynchronous.Client.latencies)
    statistics = Blocking(asynchronous.Client.statistics)
    openapi = Blocking(asynchronous.Client.openapi)
    probe = Blocking(asynchronous.Client.probe)

    def open(self) -> Self:
        """Start the session, with a thread of its own; `close` ends both."""
        self.close()
        self._thread = thread = LoopThread()
        client: asynchronous.Client = self._calls
        # Also when it is forgotten, or the program ends.
        self._close = weakref.finalize(self, _close, thread, client)
        thread.run(_open(client))
        return self

    def close(self) -> None:
        """End what runs, and the session; a second time does nothing."""
        if self._close:
            self._close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def loop_thread(self) -> LoopThread:
        """
        The thread in which calls run.

        Raises:
            RuntimeError: the client was not opened.
        """
        if self._thread is None:
            raise RuntimeError("Use the client in a `with` block, or open it.")
        return self._thread


async def _open(client: asynchronous.Client) -> None:
    await client.__aenter__()


def _close(thread: LoopThread, client: asynchronous.Client) -> None:
    thread.stop(client.__aexit__())
