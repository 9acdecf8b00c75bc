"""Which URLs and addresses webhooks may go to.

Programs choose the URLs, so internal addresses are refused: the machine itself, the
networks around it, a cloud's metadata service. `check_url` and `check_resolved` report
that early; the protection is `refusal_reason`, which is checked for each address when
connecting, because a name may resolve differently by then.
"""

import ipaddress
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import SplitResult, urlsplit

import attrs

from pushserver.errors import Invalid
from pushserver.services.name_resolver import NameResolver

MAX_URL_LENGTH = 2000
ALLOW_NETWORKS_SETTING = "PUSHSERVER_WEBHOOK_ALLOW_NETWORKS"
ALLOW_HTTP_SETTING = "PUSHSERVER_WEBHOOK_ALLOW_HTTP"

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

#: The first network that contains an address gives the reason of its refusal.
_RESERVED_NETWORKS: tuple[tuple[Network, str], ...] = tuple(
    (ipaddress.ip_network(network), reason)
    for reason, networks in (
        ("unspecified", "0.0.0.0/8 ::/128"),
        ("loopback", "127.0.0.0/8 ::1/128"),
        (
            # AWS and most others; Azure and Oracle; AWS and Google over IPv6.
            "metadata service",
            "169.254.169.254/32 168.63.129.16/32 192.0.0.192/32"
            " fd00:ec2::254/128 fd20:ce::254/128",
        ),
        ("link-local", "169.254.0.0/16 fe80::/10"),
        (
            "private network",
            "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10",
        ),
        ("provider's shared network (CGNAT)", "100.64.0.0/10"),
        ("multicast", "224.0.0.0/4 ff00::/8"),
        ("broadcast", "255.255.255.255/32"),
        (
            "reserved",
            "192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24"
            " 203.0.113.0/24 240.0.0.0/4 2001::/23 2001:db8::/32 3fff::/20",
        ),
    )
    for network in networks.split()
)
#: All global unicast addresses of IPv6 that are assigned.
_IPV6_GLOBAL = IPv6Network("2000::/3")
#: IPv6 networks whose last 32 bits are the IPv4 address that packets reach.
_EMBEDDED_IPV4: tuple[tuple[IPv6Network, str], ...] = (
    (IPv6Network("::ffff:0:0/96"), "IPv4 written as IPv6"),
    (IPv6Network("::ffff:0:0:0/96"), "IPv4 written as IPv6"),
    (IPv6Network("64:ff9b::/96"), "NAT64"),
    (IPv6Network("64:ff9b:1::/48"), "NAT64"),
)
#: IPv6 networks that are tunneled over IPv4, to an address inside the IPv6 one.
_TUNNELS: tuple[tuple[IPv6Network, str], ...] = (
    (IPv6Network("2002::/16"), "6to4"),
    (IPv6Network("2001::/32"), "Teredo"),
)
_HOST_NAME = re.compile(r"[\w.-]+", re.ASCII)
#: What some parsers accept as an IPv4 address, though not four decimal numbers.
_AMBIGUOUS_IPV4 = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?")
_FORBIDDEN_CHARS = re.compile(r"[\s\\]")


@attrs.frozen
class SsrfGuard:
    """
    Refuses URLs and addresses that webhooks must not reach.

    `allow_http` allows unencrypted URLs; `networks` are allowed although reserved. The
    sender uses the same `resolver`.
    """

    allow_http: bool = False
    networks: Sequence[Network] = ()
    resolver: NameResolver = attrs.field(factory=NameResolver, eq=False)

    def check_url(self, url: str) -> None:
        """
        Check a URL without resolving its host.

        Raises:
            Invalid: webhooks may not go there; the detail says why.
        """
        parts = _parse_url(url)
        if "@" in parts.netloc:
            raise _invalid("must have no credentials; send them as a header")
        if "#" in url:
            raise _invalid("must have no fragment (#…)")
        _check_port(parts)
        host = _canonical_host(parts)
        if parts.scheme == "http" and not self._may_use_http(host):
            raise _invalid(f"must be https; {ALLOW_HTTP_SETTING} allows http")

    async def check_resolved(self, url: str) -> None:
        """
        Check a URL and every address that its host has now.

        A host that does not resolve yet is accepted: its addresses are checked again
        whenever a connection is made.

        Raises:
            Invalid: webhooks may not go there, or one of the addresses is refused.
        """
        self.check_url(url)
        try:
            addresses = await self.resolver.resolve(_canonical_host(urlsplit(url)))
        except OSError:
            return
        for _, address in addresses:
            reason = self.refusal_reason(address)
            if reason is not None:
                raise Invalid(refusal_message(address, reason), pointer="/url")

    def refusal_reason(self, address: str) -> str | None:
        """Return why webhooks may not connect to an address, None if they may."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return "not an address in its usual form"
        for network, kind in _EMBEDDED_IPV4:
            if ip in network:
                return self._embedded_refusal(ip, kind)
        for network, kind in _TUNNELS:
            if ip in network:
                return self._tunnel_refusal(ip, kind)
        return None if self._is_allowed(ip) else _reserved_reason(ip)

    def _may_use_http(self, host: str) -> bool:
        if self.allow_http:
            return True
        try:
            return self._is_allowed(ipaddress.ip_address(host))
        except ValueError:
            return False

    def _is_allowed(self, ip: Address) -> bool:
        return any(ip in network for network in self.networks)

    def _embedded_refusal(self, ip: Address, kind: str) -> str | None:
        """Check the embedded IPv4 address, which is the one that packets reach."""
        inner = IPv4Address(int(ip) & 0xFFFFFFFF)
        if self._is_allowed(inner):
            return None
        reason = _reserved_reason(inner)
        if reason is None and self._is_allowed(ip):
            return None
        return f"{kind} of {inner}" + ("" if reason is None else f", {reason}")

    def _tunnel_refusal(self, ip: Address, kind: str) -> str | None:
        """Check both the address and its IPv4 tunnel endpoints."""
        for inner in _tunnel_endpoints(ip):
            reason = None if self._is_allowed(inner) else _reserved_reason(inner)
            if reason is not None:
                return f"{kind} of {inner}, {reason}"
        return None if self._is_allowed(ip) else kind


def refusal_message(address: str, reason: str) -> str:
    """Return the message: the refused address, why, and what would allow it."""
    return (
        f"The address {address} is refused: {reason}; allow it with"
        f" {ALLOW_NETWORKS_SETTING}."
    )


def _reserved_reason(ip: Address) -> str | None:
    for network, reason in _RESERVED_NETWORKS:
        if ip in network:
            return reason
    return "reserved" if ip.version == 6 and ip not in _IPV6_GLOBAL else None  # noqa: PLR2004


def _tunnel_endpoints(ip: Address) -> list[IPv4Address]:
    """Return the IPv4 addresses inside a tunneled address."""
    ipv6 = IPv6Address(int(ip))
    if ipv6.teredo is not None:
        return list(ipv6.teredo)
    return [] if ipv6.sixtofour is None else [ipv6.sixtofour]


def _invalid(problem: str) -> Invalid:
    return Invalid(f"The URL {problem}.", pointer="/url")


def _parse_url(url: str) -> SplitResult:
    if len(url) > MAX_URL_LENGTH:
        raise _invalid(f"must have at most {MAX_URL_LENGTH} characters")
    if not url.isprintable() or _FORBIDDEN_CHARS.search(url) is not None:
        raise _invalid("must have no spaces, backslashes or control characters")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _invalid("does not parse") from None
    if parts.scheme not in ("http", "https"):
        raise _invalid("must begin with https://")
    return parts


def _check_port(parts: SplitResult) -> None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise _invalid("must have a port from 1 to 65535, or none")


def _canonical_host(parts: SplitResult) -> str:
    """Return the canonical ASCII host; refuse ambiguous forms."""
    try:
        host = (parts.hostname or "").encode("idna").decode()
    except UnicodeError:
        raise _invalid("has a host that is no name") from None
    if not host:
        raise _invalid("must have a host")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        _check_host_name(host)
    return host


def _check_host_name(host: str) -> None:
    if _AMBIGUOUS_IPV4.fullmatch(host) is not None:
        raise _invalid("must have an IPv4 address as four decimal numbers")
    if _HOST_NAME.fullmatch(host) is None:
        raise _invalid("has a host that is no name")
