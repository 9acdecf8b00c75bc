"""Names that set nothing, and tokens that can be guessed."""

import secrets

import pytest

from pushserver.model.token import new_token_secret
from pushserver.settings_checks import PRINTED_TOKENS, is_guessable, unknown_variables

HEX = "3f9c0a71e5d28b46b7d10c58f2e9a364"  # 32 characters of 4 bits: 128
MIXED = "aB3" + "dE7fG2hK9mNqR4sTvW"  # 21 characters of 6 bits: 126


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (HEX, False),
        (HEX[:-1], True),
        (MIXED + "x", False),
        (MIXED, True),
        ("pst_" + HEX, False),
        ("pst_" + HEX[:-1], True),
        ("12345678" * 10, True),
        (HEX[:16] * 4, True),
        ("0123456789abcdef" * 4, True),
        ("x" + "1234567890" * 9, True),
        ("qwertyuiopasdfghjklzxcvbnm1234567890", True),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZ0987654321", True),
        ("correct-horse-battery-staple-and-so-on-for-good", True),
        ("admin-of-the-tests", True),
        ("", True),
    ],
)
def test_guessable(token: str, expected: bool) -> None:
    """
    A token needs 128 bits, were it made at random; words have few for their size, and
    what repeats, or runs along the keyboard, has hardly any.
    """
    assert expected is is_guessable(token)


@pytest.mark.parametrize("token", sorted(PRINTED_TOKENS))
def test_printed(token: str) -> None:
    """A printed token is refused, whatever it looks like."""
    assert is_guessable(token)


def test_good_ones() -> None:
    """What makes good tokens makes none that is refused."""
    for _ in range(1000):
        assert not is_guessable(new_token_secret())
        assert not is_guessable(secrets.token_hex(32))
        assert not is_guessable(secrets.token_urlsafe(24))


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("PUSHSERVER_DEVICE_KEY", "PUSHSERVER_DEVICE_KEYS"),
        ("PUSHSERVER_ADMINTOKEN", "PUSHSERVER_ADMIN_TOKEN"),
        ("PUSHSERVER_TOKENS", "PUSHSERVER_TOKEN"),
        ("PUSHSERVER_XYZZY", None),
        ("pushserver_device_keys", "PUSHSERVER_DEVICE_KEYS"),
        ("PUSH_SERVER_DEVICE_KEYS", "PUSHSERVER_DEVICE_KEYS"),
        ("PushServer-device-keys", "PUSHSERVER_DEVICE_KEYS"),
    ],
)
def test_unknown_variables(name: str, nearest: str | None) -> None:
    """A variable that sets nothing is found, with the known one most like it."""
    environ = {name: "1", "PUSHSERVER_TOKEN": "x", "PUSHSERVER_PORT": "1", "HOME": "/"}

    assert {name: nearest} == unknown_variables(
        environ, ["device_keys", "admin_token", "port"]
    )
