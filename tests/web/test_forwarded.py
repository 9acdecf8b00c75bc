"""Whose request it is: what proxies say of it, and who is believed."""

import ipaddress

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from pushserver.web.proxies import Proxies, RequestOrigin

#: Addresses of proxies that are trusted: of a network, and of one each.
PROXIES = Proxies(
    networks=[
        ipaddress.ip_network(each)
        for each in ("10.1.0.0/16", "192.0.2.7", "2001:db8:1::/48")
    ]
)
PEER = "10.1.0.1"
FOR, FORWARDED = "X-Forwarded-For", "Forwarded"
#: Of somebody else, to be told from the one that is right.
SPOOFED = "203.0.113.66"


def origin(*headers: tuple[str, str], peer: str | None = PEER) -> RequestOrigin:
    """Return where a request with these headers comes from, if *peer* sent it."""
    return PROXIES.find_origin(peer, CIMultiDictProxy(CIMultiDict(headers)))


#: How one address is written, and what it is.
ADDRESSES = [
    ("198.51.100.9", "198.51.100.9"),
    ("198.51.100.9:4711", "198.51.100.9"),
    ("[2001:db8::9]", "2001:db8::9"),
    ("[2001:db8::9]:4711", "2001:db8::9"),
    ("[2001:DB8:0:0::9]:_port", "2001:db8::9"),
    ("[::ffff:198.51.100.9]:80", "198.51.100.9"),
    ("198.51.100.9:_port", "198.51.100.9"),
]
#: What hides an address, or is none.
NO_ADDRESSES = [
    "unknown",
    "UNKNOWN",
    "unknown:80",
    "_hidden",
    "_hidden:4711",
    "x",
    "198.51.100",
    "198.51.100.256",
    "198.51.100.09",
    "198.51.100.9:",
    "198.51.100.9:123456",
    "198.51.100.9:http",
    "198.51.100.9/32",
    "[198.51.100.9",
    "2001:db8::9]",
    "[]",
    "[2001:db8::9]x",
    "[2001:db8::9%eth0]",
    "fe80::9%eth0",
    "2001:db8:::9",
    "1",
    "3325256713",
    "localhost",
    "198.51.100.9 198.51.100.8",
    "١٩٨.51.100.9",
]


@pytest.mark.parametrize(("text", "address"), [*ADDRESSES, ("2001:db8::9", None)])
def test_x_forwarded_for(text: str, address: str | None) -> None:
    """
    An address is read however proxies write it, with or without a port.
    """
    assert (address or text) == origin((FOR, text)).address


@pytest.mark.parametrize(("text", "address"), ADDRESSES)
@pytest.mark.parametrize(
    "form",
    [
        'for="{}"',
        'For="{}";proto=https;by=10.1.0.1',
        'by=_secret;host="x.example" ; FOR="{}"',
        ';for="{}";',
    ],
)
def test_forwarded(form: str, text: str, address: str) -> None:
    """
    Of RFC 7239's header the parameter `for` counts, in any case and at any place.
    """
    assert address == origin((FORWARDED, form.format(text))).address


def test_forwarded_without_quotes() -> None:
    """
    What needs no quotes may have none; what is escaped in them is read.
    """
    assert "198.51.100.9" == origin((FORWARDED, "for=198.51.100.9")).address
    assert "198.51.100.9" == origin((FORWARDED, r'for="198.51.\100.9"')).address


@pytest.mark.parametrize("text", NO_ADDRESSES)
@pytest.mark.parametrize(
    ("name", "form"),
    [
        (FOR, "{}"),
        (FOR, SPOOFED + ", {}"),
        (FORWARDED, 'for="{}"'),
        (FORWARDED, f'for={SPOOFED}, for="{{}}"'),
    ],
)
def test_hidden(name: str, form: str, text: str) -> None:
    """
    Who hides the client is all that is known of it; what stands left of that may be
    made up.
    """
    assert PEER == origin((name, form.format(text))).address


@pytest.mark.parametrize(
    "text",
    [
        "for",
        "for=",
        "for=[2001:db8::9]",
        "198.51.100.9",
        'for="198.51.100.9',
        'for=198.51.100.9"',
        "for=198.51.100.9;for=198.51.100.9",
        "for =198.51.100.9",
        "for=198.51.100.9;proto",
        'for="198.51.100.9";host="a;b"',
        "=198.51.100.9",
        'for="198.51.100.9\\"',
        "for==198.51.100.9",
    ],
)
@pytest.mark.parametrize("left", ["", f"for={SPOOFED}, "])
def test_malformed(left: str, text: str) -> None:
    """
    An element that is not as the RFC has it says nothing, and neither does what stands
    left of it.
    """
    assert PEER == origin((FORWARDED, left + text)).address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (f"{SPOOFED}, 198.51.100.9", "198.51.100.9"),
        (f"{SPOOFED}, 198.51.100.9, 10.1.2.3", "198.51.100.9"),
        (f"{SPOOFED},198.51.100.9 ,  192.0.2.7,2001:db8:1::5", "198.51.100.9"),
        (f"{SPOOFED}, 10.1.9.9, 198.51.100.9, 10.1.2.3", "198.51.100.9"),
        (f"{SPOOFED}, unknown, 10.1.2.3", "10.1.2.3"),
        (f"{SPOOFED}, _hidden, 10.1.2.3, 10.1.2.4", "10.1.2.3"),
        (f"{SPOOFED}, ::ffff:10.1.2.3, ::ffff:198.51.100.9", "198.51.100.9"),
        ("198.51.100.9, ::ffff:10.1.2.3", "198.51.100.9"),
        ("10.1.7.7, 10.1.2.3", "10.1.7.7"),
        (f"{SPOOFED}, 192.0.2.8, 192.0.2.7", "192.0.2.8"),
        (",, ,", PEER),
        ("", PEER),
        (f"{SPOOFED}, , 198.51.100.9,", "198.51.100.9"),
    ],
)
def test_right_most(text: str, address: str) -> None:
    """
    The client is the right-most address that is no trusted proxy's; of proxies alone,
    the left-most.
    """
    elements = (f'for="{e.strip()}"' for e in text.split(",") if e.strip())
    rfc = [f'for="[{e[5:-1]}]"' if e.count(":") > 1 else e for e in elements]

    assert address == origin((FOR, text)).address
    assert address == origin((FORWARDED, ", ".join(rfc))).address


@pytest.mark.parametrize("prefix", ["", "for="])
def test_doubled(prefix: str) -> None:
    """
    A header in several lines is one list: what the proxy added is its end.
    """
    name = FORWARDED if prefix else FOR
    lines = [(name, prefix + SPOOFED), (name, f"{prefix}198.51.100.9")]

    assert "198.51.100.9" == origin(*lines).address


def test_unbalanced_quote() -> None:
    """
    A quote that a client has opened takes nothing of what the proxy adds.
    """
    text = f'for="{SPOOFED}, for=198.51.100.9'

    assert "198.51.100.9" == origin((FORWARDED, text)).address


def test_contradiction() -> None:
    """
    A proxy that sets one of the headers may pass on the other as it came. Where they
    name two clients none is believed, nor anything else; where they agree it is.
    """
    other = ("X-Forwarded-Proto", "https")
    for one, two in ((SPOOFED, "198.51.100.9"), ("198.51.100.9", SPOOFED)):
        headers = (FORWARDED, f"for={one}"), (FOR, two), other
        assert RequestOrigin(PEER) == origin(*headers)

    same = "198.51.100.9"
    agreed = origin((FORWARDED, f"for={same}"), (FOR, f"{SPOOFED}, {same}"), other)
    assert RequestOrigin(same, "https") == agreed


def test_forwarded_without_client() -> None:
    """
    `Forwarded` may say how the server was called, and leave the client to the other.
    """
    found = origin((FORWARDED, "proto=https;host=x.example"), (FOR, "198.51.100.9"))

    assert "198.51.100.9" == found.address
    assert RequestOrigin(PEER, "https", "x.example") == origin(
        (FORWARDED, "proto=https;host=x.example")
    )


#: All that can be said, by both ways to say it.
EVERYTHING = [
    (
        (FORWARDED, 'for=198.51.100.9;proto=HTTPS;host="push.example:8443"'),
        ("X-Forwarded-Prefix", "/doors/"),
    ),
    (
        (FOR, "198.51.100.9"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "push.example:8443"),
        ("X-Forwarded-Prefix", "/doors"),
    ),
]


@pytest.mark.parametrize("headers", EVERYTHING, ids=["rfc", "x"])
def test_everything(headers: tuple[tuple[str, str], ...]) -> None:
    """
    A trusted proxy also says by which URL the server was called.
    """
    assert RequestOrigin(
        "198.51.100.9", "https", "push.example:8443", "/doors"
    ) == origin(*headers)


@pytest.mark.parametrize(
    "peer",
    [
        None,
        SPOOFED,
        "127.0.0.1",
        "10.2.0.1",
        "::1",
        "fe80::1%eth0",
        "192.0.2.8",
        "::ffff:10.2.0.1",
    ],
)
@pytest.mark.parametrize("headers", EVERYTHING, ids=["rfc", "x"])
def test_untrusted(peer: str | None, headers: tuple[tuple[str, str], ...]) -> None:
    """
    Of what anybody else says nothing counts.
    """
    assert RequestOrigin(peer) == origin(*headers, peer=peer)


@pytest.mark.parametrize("headers", EVERYTHING, ids=["rfc", "x"])
def test_nobody_is_trusted(headers: tuple[tuple[str, str], ...]) -> None:
    """
    Without trusted proxies nobody is believed.
    """
    given = CIMultiDictProxy(CIMultiDict(headers))

    for peer in ("127.0.0.1", "::1", None):
        assert RequestOrigin(peer) == Proxies().find_origin(peer, given)


@pytest.mark.parametrize("peer", ["2001:db8:1::7", "::ffff:10.1.0.1", "192.0.2.7"])
def test_trusted_peers(peer: str) -> None:
    """
    A proxy is known by an address of IPv6, too, and by one of IPv4 that looks like it.
    """
    assert "198.51.100.9" == origin((FOR, "198.51.100.9"), peer=peer).address
    assert peer == origin(peer=peer).address


def test_unix_socket() -> None:
    """
    Who comes by a Unix socket has no address, and is believed if that is trusted.
    """
    proxies = Proxies(on_unix_socket=True)
    headers = CIMultiDictProxy(CIMultiDict({FOR: f"{SPOOFED}, 198.51.100.9"}))

    assert "198.51.100.9" == proxies.find_origin(None, headers).address
    assert None is proxies.find_origin(None, CIMultiDictProxy(CIMultiDict())).address
    assert "127.0.0.1" == proxies.find_origin("127.0.0.1", headers).address


@pytest.mark.parametrize(
    ("chain", "proto", "scheme"),
    [
        ("198.51.100.9", "https", "https"),
        ("198.51.100.9", "http, https", "https"),
        ("198.51.100.9, 10.1.2.3", "https, http", "https"),
        ("198.51.100.9, 10.1.2.3", "ftp, https, http", "https"),
        ("198.51.100.9, 10.1.2.3", "https", "https"),
        (f"{SPOOFED}, 198.51.100.9", "http, https", "https"),
        ("198.51.100.9", "wss", None),
        ("198.51.100.9", "https http", None),
        ("198.51.100.9", "", None),
    ],
)
def test_scheme_of_several_proxies(chain: str, proto: str, scheme: str | None) -> None:
    """
    Where each proxy adds how it was called, that of the outermost trusted one counts.
    """
    assert scheme == origin((FOR, chain), ("X-Forwarded-Proto", proto)).scheme


def test_host_of_several_proxies() -> None:
    """
    In the RFC's header the URL is what that proxy says who names the client.
    """
    text = (
        f"for={SPOOFED};host=evil.example;proto=http,"
        " for=198.51.100.9;host=push.example;proto=https,"
        " for=10.1.2.3;host=inner;proto=http"
    )

    assert RequestOrigin("198.51.100.9", "https", "push.example") == origin(
        (FORWARDED, text)
    )


@pytest.mark.parametrize(
    "host",
    ["", "a b", "a/b", "//a", "a@b", "a\\b", "a?b", "-a", "[x]", "a:b", "a" * 300, '"'],
)
def test_no_host(host: str) -> None:
    """
    What is no host goes into no URL.
    """
    assert None is origin(("X-Forwarded-Host", host)).host


@pytest.mark.parametrize(
    ("given", "prefix"),
    [
        ("/doors", "/doors"),
        ("/doors/", "/doors"),
        ("/a/b-c_d.e~f", "/a/b-c_d.e~f"),
        ("/", ""),
        ("doors", ""),
        ("//evil.example", ""),
        ("/..", ""),
        ("/a/../b", ""),
        ("/a//b", ""),
        ("https://evil.example", ""),
        ("/a?b", ""),
        ("/a%2fb", ""),
        ("/a b", ""),
        ("/" + "a" * 300, ""),
    ],
)
def test_prefix(given: str, prefix: str) -> None:
    """
    A prefix is a plain path; anything else goes into no address.
    """
    assert prefix == origin(("X-Forwarded-Prefix", given)).prefix
