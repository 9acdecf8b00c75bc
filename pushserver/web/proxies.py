"""What is in front of the server: whom it believes, and by which address it is called.

This is the one place that decides whose request it is. Whoever is not trusted can write
what he likes into a header: nothing of it counts.
"""

import ipaddress
from collections.abc import Callable, Sequence
from functools import lru_cache

import attrs
from aiohttp import hdrs
from multidict import CIMultiDictProxy

from pushserver.web.forwarded import (
    Address,
    Hop,
    element_at,
    parse_address,
    parse_forwarded,
    parse_forwarded_for,
    parse_host,
    parse_prefix,
    parse_scheme,
    split_list,
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Headers = CIMultiDictProxy[str]

_HEADERS = (
    hdrs.FORWARDED,
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Prefix",
)
#: So many clients are known by what a proxy says of them, if it is no longer than this.
_CACHE_SIZE, _MAX_CACHED_LENGTH = 4096, 300


@attrs.frozen
class RequestOrigin:
    """
    Where a request comes from, and how it was made, as far as that is known.

    `address` is the client's, or that of the last proxy that is known. `scheme`,
    `host` and `prefix` are what trusted proxies say of the URL that was called.
    """

    address: str | None
    scheme: str | None = None
    host: str | None = None
    prefix: str = ""


@attrs.frozen(kw_only=True, eq=False)
class Proxies:
    """
    The proxies in front of the server.

    `networks`: where they are; `on_unix_socket`: whoever comes by a socket of this
    machine is one, too. `public_url`: how programs and devices reach the server, with
    no slash at its end; empty: that is not known.
    """

    networks: Sequence[Network] = ()
    on_unix_socket: bool = False
    public_url: str = ""
    _find_cached: Callable[..., RequestOrigin] = attrs.field(init=False, repr=False)

    @_find_cached.default
    def _make_cache(self) -> Callable[..., RequestOrigin]:
        return lru_cache(_CACHE_SIZE)(self._find)

    @property
    def are_known(self) -> bool:
        """Tell whether the settings say that there are any."""
        return bool(self.networks or self.on_unix_socket or self.public_url)

    def base_of(self, origin: RequestOrigin) -> str:
        """
        Return what stands before each path, as whoever comes from there has to call it.

        That is the public URL, or else the prefix below which a trusted proxy serves.
        """
        return self.public_url or origin.prefix

    def is_trusted(self, peer: str | None) -> bool:
        """Tell whether the other side of a connection is a trusted proxy."""
        if peer is None:
            return self.on_unix_socket
        return bool(self.networks) and self._is_in_network(parse_address(peer))

    def _is_in_network(self, address: Address | None) -> bool:
        return address is not None and any(address in each for each in self.networks)

    def find_origin(self, peer: str | None, headers: Headers) -> RequestOrigin:
        """
        Return where a request with *headers* comes from.

        *peer*: the address of the other side; None on a Unix socket, which has none.
        """
        said = tuple([",".join(headers.getall(name, ())) for name in _HEADERS])
        # A device says the same with each poll; to read it takes as long as to poll.
        if sum(map(len, said)) <= _MAX_CACHED_LENGTH:
            return self._find_cached(peer, *said)
        return self._find(peer, *said)

    def _find(
        self, peer: str | None, rfc: str, addresses: str, *url_parts: str
    ) -> RequestOrigin:
        if not self.is_trusted(peer):
            return RequestOrigin(peer)
        forwarded, x_forwarded = parse_forwarded(rfc), parse_forwarded_for(addresses)
        if not (forwarded and forwarded[-1].names_client):
            hops = x_forwarded
        elif not x_forwarded or self._agree(forwarded, x_forwarded):
            hops = forwarded
        else:
            # A proxy sets one of them, and passes on the other, which may be made up.
            return RequestOrigin(peer)
        client, depth = self._find_client(hops)
        hop = hops[-depth] if hops else (forwarded or [Hop()])[-1]
        address = peer if client is None else str(client)
        scheme, host, prefix = (
            element_at(split_list(part), max(depth, 1)) for part in url_parts
        )
        return RequestOrigin(
            address,
            hop.scheme or parse_scheme(scheme),
            hop.host or parse_host(host),
            parse_prefix(prefix),
        )

    def _agree(self, one: Sequence[Hop], other: Sequence[Hop]) -> bool:
        return self._find_client(one)[0] == self._find_client(other)[0]

    def _find_client(self, hops: Sequence[Hop]) -> tuple[Address | None, int]:
        """
        Return the right-most address that is not trusted, and how far left it stands.

        Where one is hidden, that is the proxy that hides it; None: it is the peer.
        """
        client: Address | None = None
        for depth, hop in enumerate(reversed(hops), 1):
            if hop.address is None:
                return client, depth
            client = hop.address
            if not self._is_in_network(client):
                return client, depth
        return client, len(hops)
