"""Settings that name networks and addresses: the form of each, and what it means."""

import ipaddress
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import attrs

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: How whoever comes by a Unix socket is called among networks.
_UNIX = "unix"
#: A URL of nothing but a host, a port and a path that needs no escapes.
_PUBLIC_URL = re.compile(
    r"https?://(?:[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
    r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*"
)


def validate_networks(_: object, field: "attrs.Attribute[Any]", value: str) -> None:
    """Refuse what is no list of networks."""
    try:
        parse_networks(value)
    except ValueError as error:
        raise ValueError(f"{field.name} must be networks: {error}") from None


def parse_networks(text: str) -> tuple[Network, ...]:
    """Parse networks that are separated by commas or spaces."""
    return tuple(ipaddress.ip_network(each) for each in _split(text))


def validate_proxies(_: object, field: "attrs.Attribute[Any]", value: str) -> None:
    """Refuse what is no list of networks, or of `unix`."""
    try:
        parse_proxies(value)
    except ValueError as error:
        raise ValueError(
            f"{field.name} must be networks, or {_UNIX}: {error}"
        ) from None


def parse_proxies(text: str) -> tuple[tuple[Network, ...], bool]:
    """Parse networks; tell also whether `unix` is among them."""
    given = _split(text)
    networks = (ipaddress.ip_network(each) for each in given if each != _UNIX)
    return tuple(networks), _UNIX in given


def validate_public_url(_: object, field: "attrs.Attribute[Any]", value: str) -> None:
    """Refuse what is no URL, or has more than a host, a port and a path."""
    if value and not _PUBLIC_URL.fullmatch(value):
        raise ValueError(
            f"{field.name} must be a URL such as https://push.example or"
            " https://www.example/push"
        )


def without_slash(url: str) -> str:
    """Return a URL without a slash at its end."""
    return url.rstrip("/")


def _split(text: str) -> list[str]:
    return [each for each in re.split(r"[,\s]+", text) if each]
