"""Admin tokens that can be guessed."""

import base64
import secrets

import pytest

from pushserver.model.token import new_token_secret
from pushserver.settings_tokens import PRINTED_TOKENS, is_guessable

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
        ("1q2w3e4r5t6y7u8i9o0p1q2w3e4r5t6y", True),
        ("1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", True),
        ("zxcvbnm,./ZXCVBNM,./qawsedrftgyhujikolp1234", True),
        ("hunter2hunter3hunter4hunter5hunter6", True),
        ("hunter2024-hunter2025-hunter2026", True),
        ("ThisIsMySecretTokenForTheDoorServer", True),
        ("Correct-Horse-Battery-Staple-And-So", True),
        ("00112233445566778899aabbccddeeff", True),
        ("aaabbbcccdddeeefffggghhhiiijjj000111222", True),
        (HEX[:20] + HEX[:19], True),
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
    for _ in range(1500):
        assert not is_guessable(new_token_secret())
        assert not is_guessable(secrets.token_hex(32))
        assert not is_guessable(secrets.token_urlsafe(24))
        assert not is_guessable(base64.b64encode(secrets.token_bytes(32)).decode())
