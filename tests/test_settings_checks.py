"""Names that set nothing, and tokens that can be guessed."""

import secrets

import pytest

from pushserver.model.token import new_token_secret
from pushserver.settings_checks import PRINTED_TOKENS, is_guessable, unknown_variables

HEX = "0123456789abcdef" * 2  # 32 characters of 4 bits: 128
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
        ("12345678" * 10, False),
        ("1234567" * 10, True),
        ("correct-horse-battery-staple-and-so-on-for-good", True),
        ("admin-of-the-tests", True),
        ("", True),
    ],
)
def test_guessable(token: str, expected: bool) -> None:
    """A token needs 128 bits, were it made at random; words have few for their size."""
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


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("PUSHSERVER_DEVICE_KEY", "PUSHSERVER_DEVICE_KEYS"),
        ("PUSHSERVER_ADMINTOKEN", "PUSHSERVER_ADMIN_TOKEN"),
        ("PUSHSERVER_TOKENS", "PUSHSERVER_TOKEN"),
        ("PUSHSERVER_XYZZY", None),
    ],
)
def test_unknown_variables(name: str, nearest: str | None) -> None:
    """A variable that sets nothing is found, with the known one most like it."""
    environ = {name: "1", "PUSHSERVER_TOKEN": "x", "PUSHSERVER_PORT": "1", "HOME": "/"}

    assert {name: nearest} == unknown_variables(
        environ, ["device_keys", "admin_token", "port"]
    )
