"""Resolves the host names of receivers.

Each lookup has its own thread: slow ones would exhaust asyncio's shared pool.
"""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import attrs

#: Seconds after which a name counts as unresolvable.
LOOKUP_TIMEOUT = 5.0
#: Seconds for which an unresolvable name is not looked up again.
NEGATIVE_TTL = 5.0
#: The most names looked up at the same time.
MAX_CONCURRENT_LOOKUPS = 64
#: The most unresolvable names in the cache.
MAX_NEGATIVE_ENTRIES = 1000

#: Families, and addresses in canonical form.
ResolvedAddresses = Sequence[tuple[socket.AddressFamily, str]]


@attrs.define(eq=False)
class NameResolver:
    """Resolves names; concurrent calls for one name share a lookup."""

    _lookups: dict[str, asyncio.Task[ResolvedAddresses]] = attrs.field(
        factory=dict, init=False
    )
    _failed_until: dict[str, float] = attrs.field(factory=dict, init=False)
    _slots: asyncio.Semaphore = attrs.field(
        factory=partial(asyncio.Semaphore, MAX_CONCURRENT_LOOKUPS), init=False
    )

    async def resolve(self, host: str) -> ResolvedAddresses:
        """
        Return the addresses of a name; an address is returned as it is.

        Raises:
            gaierror: the name does not resolve, or not in time.
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
            # The loop may be closed: a stopping server does not wait for lookups.
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
    """Ask the system's resolver, which blocks; return () if it knows no address."""
    try:
        entries = socket.getaddrinfo(
            host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
    except (OSError, UnicodeError):
        return ()
    return [(family, str(address[0])) for family, *_, address in entries]
