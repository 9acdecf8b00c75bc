"""Of which network an address is."""

import ipaddress

_IPV6_PREFIX = 64  # one customer has that many at least


def network_of(address: str | None) -> str:
    """Return an address; of IPv6 its network, in which one peer has all."""
    if address is None or ":" not in address:
        return address or "unknown"
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))
