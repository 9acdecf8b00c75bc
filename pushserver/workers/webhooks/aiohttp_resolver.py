"""Makes aiohttp use the SSRF guard's name resolver."""

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from pushserver.services.name_resolver import NameResolver


class AiohttpResolver(AbstractResolver):
    """Adapts a `NameResolver` to aiohttp."""

    def __init__(self, names: NameResolver) -> None:
        self._resolver = names

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,
    ) -> list[ResolveResult]:
        """
        Return the addresses of a host, of one family if it is given.

        Raises:
            gaierror: it does not resolve.
        """
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=kind,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, address in await self._resolver.resolve(host)
            if family in (socket.AF_UNSPEC, kind)
        ]

    async def close(self) -> None:
        """Do nothing: the resolver is shared."""
