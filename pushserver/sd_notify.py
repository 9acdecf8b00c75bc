"""What the service manager is told: systemd's notify protocol, a datagram a message."""

import asyncio
import os
import re
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import attrs
import structlog

log = structlog.get_logger(__name__)

#: What a child must not inherit: it would speak in place of its parent.
VARIABLES = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
#: Seconds that news waits for a manager whose queue is full; what only says that the
#: loop turns does not wait, and comes again.
_PATIENCE = 5.0


@attrs.frozen
class NotifySocket:
    """
    Where the service manager listens, if there is one.

    `watchdog`: seconds within which it has to hear of this process; None: it need not.
    """

    address: str | None = None
    watchdog: float | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "NotifySocket":
        """Return the one that the manager has put into the environment."""
        address = environ.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return cls()
        microseconds = environ.get("WATCHDOG_USEC", "")
        is_ours = environ.get("WATCHDOG_PID") in (None, str(os.getpid()))
        if not is_ours or not microseconds.isdecimal() or not int(microseconds):
            return cls(address)
        return cls(address, int(microseconds) / 1_000_000)

    def feed_watchdog(self) -> None:
        """Say that the event loop turns."""
        self._send("WATCHDOG=1", patience=0)

    def _send(self, *assignments: str, patience: float = _PATIENCE) -> None:
        """Send assignments such as READY=1; that it fails is logged, and no error."""
        if self.address is None:
            return
        # An abstract address begins with a NUL, which no variable can have.
        address = re.sub("^@", "\0", self.address)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
                sending.settimeout(patience)
                sending.connect(address)
                sending.send("\n".join(assignments).encode())
        except OSError as error:
            log.warning("service_manager.unreachable", reason=str(error))

    def ready(self, status: str) -> None:
        """Say that the program serves; or does so again, after `reloading`."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self, status: str) -> None:
        """Say that it is being renewed, and serves meanwhile."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}", f"STATUS={status}")

    def stopping(self, status: str) -> None:
        """Say that it ends by its own decision."""
        self._send("STOPPING=1", f"STATUS={status}")


@asynccontextmanager
async def feeding_watchdog() -> AsyncIterator[NotifySocket]:
    """
    Have the event loop tell the manager, during the block, that it still turns.

    The block gets the socket of the manager that this process's environment names.
    """
    manager = NotifySocket.from_environ(os.environ)
    if manager.watchdog is None:
        yield manager
        return
    feeding = asyncio.create_task(_feed(manager, manager.watchdog / 3))
    try:
        yield manager
    finally:
        feeding.cancel()


async def _feed(manager: NotifySocket, interval: float) -> None:
    while True:
        manager.feed_watchdog()
        await asyncio.sleep(interval)
