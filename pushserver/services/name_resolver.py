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
LOOKUP_TIMEOUT = 5.0
#: For so long (seconds) a name that did not resolve is not looked up again.
NEGATIVE_TTL = 5.0
#: So many names are looked up at the same time.
MAX_CONCURRENT_LOOKUPS = 64
#: More names than these are not remembered.
MAX_NEGATIVE_ENTRIES = 1000

#: Families, and addresses in their usual form.
ResolvedAddresses = Sequence[tuple[socket.AddressFamily, str]]


@attrs.define(eq=False)
class NameResolver:
    """Looks names up, each once at a time, however many ask for it."""

    _lookups: dict[str, asyncio.Task[ResolvedAddresses]] = attrs.field(
        factory=dict, init=False
    )
    _failed_until: dict[str, float] = attrs.field(factory=dict, init=False)
    _slots: asyncio.Semaphore = attrs.field(
        factory=partial(asyncio.Semaphore, MAX_CONCURRENT_LOOKUPS), init=False
    )

    async def resolve(self, host: str) -> ResolvedAddresses:
        """
        Return what a name or an address resolves to.

        Raises:
            gaierror: to nothing, or it takes too long.
        """
        literal = _parse_literal(host)
        if literal is not None:
            return [literal]
        addresses: ResolvedAddresses = ()
        if asyncio.get_running_loop().time() >= self._failed_until.get(host, 0):
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOKUP_TIMEOUT):
                    addresses = await asyncio.shield(self._shared_lookup(host))
            if not addresses:
                self._record_failure(host)
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "The name does not resolve.")
        return addresses

    def _shared_lookup(self, host: str) -> asyncio.Task[ResolvedAddresses]:
        task = self._lookups.get(host)
        if task is None:
            task = self._lookups[host] = asyncio.create_task(self._look_up(host))
            task.add_done_callback(lambda _: self._lookups.pop(host, None))
        return task

    async def _look_up(self, host: str) -> ResolvedAddresses:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[ResolvedAddresses] = loop.create_future()

        def set_addresses(addresses: ResolvedAddresses) -> None:
            if not future.done():
                future.set_result(addresses)

        def run_lookup() -> None:
            addresses = _lookup_addresses(host)
            # The server may have stopped by now: nobody waits for a thread like this.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(set_addresses, addresses)

        async with self._slots:
            threading.Thread(target=run_lookup, name="name", daemon=True).start()
            return await future

    def _record_failure(self, host: str) -> None:
        if len(self._failed_until) >= MAX_NEGATIVE_ENTRIES:
            self._failed_until.clear()
        self._failed_until[host] = asyncio.get_running_loop().time() + NEGATIVE_TTL


def _parse_literal(host: str) -> tuple[socket.AddressFamily, str] | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    is_ipv6 = address.version == 6  # noqa: PLR2004 - of IP
    return socket.AF_INET6 if is_ipv6 else socket.AF_INET, host


def _lookup_addresses(host: str) -> ResolvedAddresses:
    """Ask the machine, which takes its time; return nothing if it knows nothing."""
    try:
        entries = socket.getaddrinfo(
            host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
    except (OSError, UnicodeError):
        return ()
    return [(family, str(address[0])) for family, *_, address in entries]
