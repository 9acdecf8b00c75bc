"""The guard: where webhooks may go, however an address is written."""

import ipaddress
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushserver.errors import Invalid
from pushserver.services.ssrf_guard import Network, SsrfGuard

LAN = ipaddress.ip_network("10.20.0.0/16")
#: What must be refused unless somebody allows it.
INSIDE = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
]
INSIDE_6 = [
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]
OUTSIDE = ["8.0.0.0/9", "93.184.0.0/16", "2600::/12", "2a00::/16"]


def _addresses_of(*networks: str) -> st.SearchStrategy[Any]:
    return st.one_of([st.ip_addresses(network=network) for network in networks])


def _disguises(inner: IPv4Address) -> list[str]:
    """Return the IPv6 addresses that lead to an IPv4 one."""
    number = int(inner)
    flipped = number ^ 0xFFFFFFFF
    forms = [
        (0xFFFF << 32) + number,
        (0xFFFF << 48) + number,
        int(IPv6Address("64:ff9b::")) + number,
        int(IPv6Address("64:ff9b:1::")) + number,
        (0x2002 << 112) + (number << 80),
        int(IPv6Address("2001:0:808:808::")) + flipped,
        (0x20010000 << 96) + (number << 64) + (0x08080808 ^ 0xFFFFFFFF),
    ]
    return [str(IPv6Address(form)) for form in forms]


def _tunnel_guard(*more: str) -> SsrfGuard:
    """Return a guard that lets every disguise pass, but not what is inside it."""
    forms = ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/32", "2001::/32")
    networks = (*forms, "2002::/16", *more)
    return SsrfGuard(networks=[ipaddress.ip_network(each) for each in networks])


@given(_addresses_of(*INSIDE, *INSIDE_6))
def test_inside(address: IPv4Address | IPv6Address) -> None:
    """Every address of a network that is not on the public internet is refused."""
    assert None is not SsrfGuard().refusal_reason(str(address))


@given(st.ip_addresses())
def test_what_is_not_global(address: IPv4Address | IPv6Address) -> None:
    """Whatever Python's own tables do not take for global is refused."""
    if not address.is_global or address.is_multicast:
        assert None is not SsrfGuard().refusal_reason(str(address))


@given(_addresses_of(*OUTSIDE))
def test_outside(address: IPv4Address | IPv6Address) -> None:
    """Public addresses may be reached."""
    assert None is SsrfGuard().refusal_reason(str(address))


@given(_addresses_of(*INSIDE))
def test_disguised(inner: IPv4Address) -> None:
    """An IPv4 address that is refused is refused in each form that IPv6 has for it."""
    for address in _disguises(inner):
        assert None is not SsrfGuard().refusal_reason(address)
        assert str(inner) in (_tunnel_guard().refusal_reason(address) or "")


@given(st.ip_addresses(network="8.0.0.0/9"))
def test_disguised_though_public(inner: IPv4Address) -> None:
    """A form of a public IPv4 address passes only if its own network is allowed."""
    for address in _disguises(inner):
        assert None is not SsrfGuard().refusal_reason(address)
        assert None is _tunnel_guard().refusal_reason(address)


@given(st.data(), st.ip_addresses(), st.integers(0, 32))
def test_allowed(
    data: st.DataObject, base: IPv4Address | IPv6Address, length: int
) -> None:
    """An address in an allowed network is not refused, unless it stands for another."""
    network: Network = ipaddress.ip_network((base, length), strict=False)
    address = data.draw(st.ip_addresses(network=str(network)))
    number = int(address)
    stands_for_another = address.version == 6 and (
        number >> 112 in (0, 0x64, 0x2002) or number >> 96 == 0x20010000
    )
    if not stands_for_another:
        assert None is SsrfGuard(networks=[network]).refusal_reason(str(address))


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("0.0.0.0", "unspecified"),  # noqa: S104
        ("::", "unspecified"),
        ("10.0.0.5", "private network"),
        ("fd12::1", "private network"),
        ("fe80::1%eth0", "link-local"),
        ("169.254.1.1", "link-local"),
        ("169.254.169.254", "metadata service"),
        ("168.63.129.16", "metadata service"),
        ("fd00:ec2::254", "metadata service"),
        ("100.100.100.200", "provider's shared network (CGNAT)"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("240.0.0.1", "reserved"),
        ("4000::1", "reserved"),
        ("::ffff:10.0.0.5", "IPv4 written as IPv6 of 10.0.0.5, private network"),
        ("::ffff:8.8.8.8", "IPv4 written as IPv6 of 8.8.8.8"),
        ("64:ff9b::7f00:1", "NAT64 of 127.0.0.1, loopback"),
        ("2002:a00:5::1", "6to4 of 10.0.0.5, private network"),
        ("2002:808:808::1", "6to4"),
        ("2001:0:808:808::f7f7:f7f7", "Teredo"),
        ("2130706433", "not an address in its usual form"),
        ("0177.0.0.1", "not an address in its usual form"),
        ("127.1", "not an address in its usual form"),
        ("receiver.example", "not an address in its usual form"),
    ],
)
def test_reason(address: str, reason: str) -> None:
    """A refusal says why."""
    assert reason == SsrfGuard().refusal_reason(address)


@pytest.mark.parametrize(
    ("address", "passes"),
    [
        ("10.20.0.1", True),
        ("::ffff:10.20.0.1", True),
        ("64:ff9b::10.20.0.1", True),
        ("10.21.0.1", False),
        ("::ffff:10.21.0.1", False),
        ("2002:a14:1::1", False),
    ],
)
def test_an_allowed_lan(address: str, passes: bool) -> None:
    """A LAN is allowed in each form that reaches it, but not through a tunnel."""
    assert passes == (SsrfGuard(networks=[LAN]).refusal_reason(address) is None)


@pytest.mark.parametrize(
    "url",
    [
        "https://receiver.example",
        "https://receiver.example:8443/hook?token=x&y=%2F",
        "https://r_1.example./hook",
        "https://bücher.example/hook",
        "https://[2600::1]:8443/hook",
        "https://93.184.1.1/hook",
        "HTTPS://RECEIVER.EXAMPLE/",
        "https://receiver.example/" + "x" * 1975,
    ],
)
def test_fit_urls(url: str) -> None:
    """A URL that an application may have is accepted."""
    SsrfGuard().check_url(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "must begin with https"),
        ("ftp://receiver.example/", "must begin with https"),
        ("file:///etc/passwd", "must begin with https"),
        ("receiver.example/hook", "must begin with https"),
        ("//receiver.example/hook", "must begin with https"),
        ("http://receiver.example/", "must be https"),
        ("http://10.20.0.1/", "must be https"),
        ("https://me:secret@receiver.example/", "credentials"),
        ("https://me@receiver.example/", "credentials"),
        ("https://@receiver.example/", "credentials"),
        ("https:///hook", "must have a host"),
        ("https://", "must have a host"),
        ("https://:8443/", "must have a host"),
        ("https://receiver.example/#part", "fragment"),
        ("https://receiver.example/#", "fragment"),
        ("https://receiver.example:0/", "port"),
        ("https://receiver.example:65536/", "port"),
        ("https://receiver.example:x/", "port"),
        ("https://receiver.example/a b", "spaces"),
        ("https://receiver.example/\n", "control characters"),
        ("https://receiver.example/\x00", "control characters"),
        ("https://receiver.example/\u202e", "control characters"),
        ("https://receiver.example\\@10.0.0.1/", "backslashes"),
        ("https://[::1/", "does not parse"),
        ("https://2130706433/", "four decimal numbers"),
        ("https://0x7f.1/", "four decimal numbers"),
        ("https://0177.0.0.1/", "four decimal numbers"),
        ("https://127.1/", "four decimal numbers"),
        ("https://a..b/", "no name"),
        ("https://" + "a" * 64 + ".example/", "no name"),
        ("https://a%2eb/", "no name"),
        ("https://receiver.example/" + "x" * 1976, "at most 2000"),
    ],
)
def test_unfit_urls(url: str, reason: str) -> None:
    """A URL that must not be used is refused with the reason, and without itself."""
    with pytest.raises(Invalid, match=reason) as caught:
        SsrfGuard().check_url(url)

    assert "/url" == caught.value.pointer
    assert "secret" not in caught.value.detail


@pytest.mark.parametrize(
    ("guard", "url"),
    [
        (SsrfGuard(allow_http=True), "http://receiver.example/"),
        (SsrfGuard(networks=[LAN]), "http://10.20.0.1/"),
        (SsrfGuard(networks=[ipaddress.ip_network("::1")]), "http://[::1]:8000/"),
    ],
)
def test_plain(guard: SsrfGuard, url: str) -> None:
    """Plain http is accepted where it is allowed, or for an allowed address."""
    guard.check_url(url)


Resolve = Callable[[dict[str, list[str]]], None]


@pytest.fixture(name="names")
def _names(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Return what decides to which addresses names resolve."""
    addresses: dict[str, list[str]] = {}

    def getaddrinfo(host: str, *_: Any, **__: Any) -> list[Any]:
        if host not in addresses:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return [(0, 0, 0, "", (address, 0)) for address in addresses[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return addresses.update


async def test_resolved(names: Resolve) -> None:
    """One refused address among those of a host refuses the URL, and is named."""
    names({"receiver.example": ["93.184.1.1", "10.0.0.5"]})

    with pytest.raises(Invalid) as caught:
        await SsrfGuard().check_resolved("https://receiver.example/")

    assert (
        "The address 10.0.0.5 is refused: private network; allow it with"
        " PUSHSERVER_WEBHOOK_ALLOW_NETWORKS." == caught.value.detail
    )
    assert "/url" == caught.value.pointer


async def test_resolved_and_fit(names: Resolve) -> None:
    """A host whose addresses are all public or allowed is accepted."""
    names({"receiver.example": ["93.184.1.1", "10.20.0.5", "2600::1"]})

    await SsrfGuard(networks=[LAN]).check_resolved("https://receiver.example/")


@pytest.mark.usefixtures("names")
async def test_not_resolved() -> None:
    """A host that does not resolve is accepted: it may later."""
    await SsrfGuard().check_resolved("https://receiver.example/")


@pytest.mark.parametrize("url", ["https://localhost/", "https://[::1]/"])
async def test_resolved_by_the_machine(url: str) -> None:
    """The machine's own names and literal addresses are judged by what they are."""
    with pytest.raises(Invalid, match="loopback"):
        await SsrfGuard().check_resolved(url)


async def test_resolving_checks() -> None:
    """A URL that is refused as it is written is not resolved."""
    with pytest.raises(Invalid, match="must begin"):
        await SsrfGuard().check_resolved("ftp://localhost/")
