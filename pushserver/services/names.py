"""Which addresses the names of receivers have now.

Names are looked up in threads of their own: some that nobody answers for would take up
all that asyncio shares among everybody.
"""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import attrs

#: A name that is not resolved by then (seconds) counts as one that does not resolve.
PATIENCE = 5.0
#: For so long (seconds) a name that did not resolve is not looked up again.
KEPT = 5.0
#: So many names are looked up at the same time.
AT_ONCE = 64
#: More names than these are not remembered.
MOST = 1000

#: Families, and addresses in their usual form.
Found = Sequence[tuple[socket.AddressFamily, str]]


@attrs.define(eq=False)
class Names:
    """Looks names up, each once at a time, however many ask for it."""

    _asked: dict[str, asyncio.Task[Found]] = attrs.field(factory=dict, init=False)
    _unknown: dict[str, float] = attrs.field(factory=dict, init=False)
    _places: asyncio.Semaphore = attrs.field(
        factory=partial(asyncio.Semaphore, AT_ONCE), init=False
    )

    async def find(self, host: str) -> Found:
        """
        Return what a name or an address resolves to.

        Raises:
            gaierror: to nothing, or it takes too long.
        """
        literal = _literal(host)
        if literal is not None:
            return [literal]
        found: Found = ()
        if asyncio.get_running_loop().time() >= self._unknown.get(host, 0):
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    found = await asyncio.shield(self._asking(host))
            if not found:
                self._note_unknown(host)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "The name does not resolve.")
        return found

    def _asking(self, host: str) -> asyncio.Task[Found]:
        task = self._asked.get(host)
        if task is None:
            task = self._asked[host] = asyncio.create_task(self._look_up(host))
            task.add_done_callback(lambda _: self._asked.pop(host, None))
        return task

    async def _look_up(self, host: str) -> Found:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Found] = loop.create_future()

        def tell(addresses: Found) -> None:
            if not found.done():
                found.set_result(addresses)

        def ask() -> None:
            addresses = _addresses(host)
            # The server may have stopped by now: nobody waits for a thread like this.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(tell, addresses)

        async with self._places:
            threading.Thread(target=ask, name="name", daemon=True).start()
            return await found

    def _note_unknown(self, host: str) -> None:
        if len(self._unknown) >= MOST:
            self._unknown.clear()
        self._unknown[host] = asyncio.get_running_loop().time() + KEPT


def _literal(host: str) -> tuple[socket.AddressFamily, str] | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    sixth = address.version == 6  # noqa: PLR2004 - of IP
    return socket.AF_INET6 if sixth else socket.AF_INET, host


def _addresses(host: str) -> Found:
    """Ask the machine, which takes its time; return nothing if it knows nothing."""
    try:
        found = socket.getaddrinfo(
            host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
    except (OSError, UnicodeError):
        return ()
    return [(family, str(address[0])) for family, *_, address in found]
