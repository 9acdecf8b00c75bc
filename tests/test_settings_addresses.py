"""Settings that say where the server is, and who stands in front of it."""

import pytest

from pushserver.errors import Misconfigured
from pushserver.model.device import DeviceKeys
from pushserver.settings_loading import load


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("", []),
        ("10.20.0.0/16", ["10.20.0.0/16"]),
        ("10.20.0.0/16,::1", ["10.20.0.0/16", "::1/128"]),
        (
            " 10.20.0.0/16 , 192.168.7.15 ::1,",
            ["10.20.0.0/16", "192.168.7.15/32", "::1/128"],
        ),
    ],
)
def test_webhook_networks(text: str, networks: list[str]) -> None:
    """Networks have commas or spaces between them; without any, none is allowed."""
    settings = load({}, {"PUSHSERVER_WEBHOOK_ALLOW_NETWORKS": text})

    assert networks == [str(network) for network in settings.webhook_networks]
    assert not settings.webhook_allow_http


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "192.0.2.7", "push.example.com", ""],  # noqa: S104
)
def test_beyond_loopback(host: str) -> None:
    """Beyond the loopback somebody must have decided about keys."""
    with pytest.raises(Misconfigured, match="DEVICE_KEYS"):
        load({"host": host}, {})

    for keys in DeviceKeys:
        assert (
            keys
            is load({"host": host, "device_keys": keys.value}, {}).device_key_policy
        )


@pytest.mark.parametrize(
    "proxied", [{"public_url": "https://x.example"}, {"trusted_proxies": "127.0.0.1"}]
)
def test_behind_a_proxy(proxied: dict[str, str]) -> None:
    """Behind a proxy others reach it, on the loopback, too."""
    with pytest.raises(Misconfigured, match="DEVICE_KEYS"):
        load(proxied, {})
    with pytest.raises(Misconfigured, match="ADMIN_TOKEN"):
        load({**proxied, "device_keys": "required", "admin_token": "guess"}, {})

    assert load({**proxied, "device_keys": "optional"}, {}).is_behind_proxy


@pytest.mark.parametrize(
    ("text", "networks", "unix"),
    [
        ("", [], False),
        ("unix", [], True),
        ("10.1.0.7, unix fd12::/16", ["10.1.0.7/32", "fd12::/16"], True),
    ],
)
def test_trusted_proxies(text: str, networks: list[str], unix: bool) -> None:
    """Proxies are networks; those that come by a Unix socket are `unix`."""
    settings = load({"trusted_proxies": text, "device_keys": "required"}, {})

    assert networks == [str(network) for network in settings.trusted_networks]
    assert unix is settings.trusts_unix_socket


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://push.example", "https://push.example"),
        ("https://push.example/", "https://push.example"),
        ("http://push.example:8080/a/b-c/", "http://push.example:8080/a/b-c"),
        ("http://[2001:db8::1]:8080", "http://[2001:db8::1]:8080"),
    ],
)
def test_public_url(url: str, kept: str) -> None:
    """The public URL is kept without a slash at its end."""
    settings = load({"public_url": url, "device_keys": "required"}, {})

    assert kept == settings.public_url


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback(host: str) -> None:
    """On the loopback nobody need decide."""
    assert DeviceKeys.OPTIONAL is load({"host": host}, {}).device_key_policy
