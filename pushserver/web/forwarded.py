"""What proxies say of the requests that they pass on: `Forwarded` and `X-Forwarded-…`.

Each proxy adds an element at the right, so whatever stands left of the one that a
trusted proxy has added may be made up. An element that cannot be read says nothing.
"""

import ipaddress
import re
from collections.abc import Sequence

import attrs

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - it is RFC 9110's
_PAIR = re.compile(rf'({_TOKEN})=(?:({_TOKEN})|"((?:[^"\\]|\\.)*)")')
_ESCAPED = re.compile(r"\\(.)")
_PORT = r":(?:[0-9]{1,5}|_[A-Za-z0-9._-]+)"
_NODE = re.compile(
    rf"\[(?P<bracketed>[0-9A-Fa-f:.]{{2,45}})\](?:{_PORT})?"
    rf"|(?P<v4>[0-9.]{{7,15}})(?:{_PORT})?"
    r"|(?P<bare>[0-9A-Fa-f:.]{2,45})"
)
_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?"
)
#: Parts of a path that need no escape, and lead nowhere else.
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
_MAX_PREFIX_LENGTH = 255
_SCHEMES = ("http", "https")


@attrs.frozen
class Hop:
    """
    What one proxy says of whom it was called by, and how; None: it does not say.

    An `address` is also None where it is hidden (`unknown`, `_name`) or no address.
    """

    address: Address | None = None
    scheme: str | None = None
    host: str | None = None
    names_client: bool = False


def parse_forwarded(text: str) -> list[Hop]:
    """Return the elements of the header `Forwarded` (RFC 7239)."""
    return [_parse_element(each) for each in split_list(text)]


def parse_forwarded_for(text: str) -> list[Hop]:
    """Return the elements of the header `X-Forwarded-For`."""
    return [Hop(parse_node(each), names_client=True) for each in split_list(text)]


def split_list(text: str) -> list[str]:
    """
    Return the elements of a header that is a list.

    No address, name or path contains a comma, so one in quotes ends an element, too.
    """
    elements = (each.strip(" \t") for each in text.split(","))
    return [each for each in elements if each]


def _parse_element(text: str) -> Hop:
    pairs: dict[str, str] = {}
    for part in text.split(";"):
        found = _PAIR.fullmatch(part.strip(" \t"))
        if found is None:
            if part.strip(" \t"):
                return Hop(names_client=True)
            continue
        name, token, quoted = found.groups()
        if name.lower() in pairs:
            return Hop(names_client=True)
        pairs[name.lower()] = _ESCAPED.sub(r"\1", quoted) if token is None else token
    return Hop(
        parse_node(pairs.get("for", "")),
        parse_scheme(pairs.get("proto")),
        parse_host(pairs.get("host")),
        names_client="for" in pairs,
    )


def parse_node(text: str) -> Address | None:
    """Return the address in what a proxy says of its caller, without a port."""
    found = _NODE.fullmatch(text)
    if found is None:
        return None
    return parse_address(found["bracketed"] or found["v4"] or found["bare"])


def parse_address(text: str) -> Address | None:
    """Return an address; one of IPv4 that is written as IPv6 is one of IPv4."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def parse_scheme(text: str | None) -> str | None:
    """Return the scheme, if it is one of HTTP's."""
    scheme = (text or "").lower()
    return scheme if scheme in _SCHEMES else None


def parse_host(text: str | None) -> str | None:
    """Return a host with its port, if it has the form of one."""
    return text if text is not None and _HOST.fullmatch(text) else None


def parse_prefix(text: str | None) -> str:
    """Return the path below which a proxy serves, without a slash at its end."""
    prefix = (text or "").rstrip("/")
    is_path = len(prefix) <= _MAX_PREFIX_LENGTH and _PREFIX.fullmatch(prefix)
    return prefix if is_path else ""


def element_at(elements: Sequence[str], depth: int) -> str | None:
    """
    Return the element that *depth* proxies ago was added, counted from the right.

    A list that is shorter was not added to by each of them; then it is its first.
    """
    return elements[-min(depth, len(elements))] if elements else None
