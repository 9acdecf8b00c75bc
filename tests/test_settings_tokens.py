"""Admin tokens that can be guessed."""

from base64 import b64encode, b85encode, urlsafe_b64encode
from collections.abc import Callable
from random import Random
from string import ascii_letters, digits, punctuation
from uuid import UUID

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
        ("CORRECT horse BATTERY staple MONDAY friday", True),
        ("Correct-HORSE-battery-STAPLE-sunday", True),
        ("SecretsecretSECRETsecretSecretsecretSECRET", True),
        ("Secret1secret2SECRET3Secret4secret5", True),
        ("password-password-password-passworD", True),
        ("PasswordPASSWORDpassword12345678", True),
        ("door1!door2@door3#door4$door5%door6^", True),
        ("qwertasdfgzxcvb12345QWERTASDFGZXCVB", True),
        ("qweasdzxc123QWEASDZXC!@#", True),
        ("zaq1ZAQ!xsw2XSW@cde3CDE#", True),
        ("741852963qazwsxedcQAZWSXEDC", True),
        (HEX[:16] + "1234567890" + HEX[16:22], True),
        (HEX[:20] + "12345" + HEX[20:27], False),
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
    """A printed token is refused, in any case, and with characters around it."""
    for each in (token, token.upper(), token + "2", "4" + token, token + HEX):
        assert is_guessable(each)


def of_characters(characters: str, size: int) -> Callable[[Random], str]:
    """Return what makes secrets of so many of these characters."""
    return lambda chance: "".join(chance.choices(characters, k=size))


def pair(chance: Random) -> str:
    """Return two UUIDs in a row."""
    return "".join(str(UUID(bytes=chance.randbytes(16), version=4)) for _ in range(2))


GENERATORS: dict[str, Callable[[Random], str]] = {
    "hex-16": lambda chance: chance.randbytes(16).hex(),
    "hex-32": lambda chance: chance.randbytes(32).hex(),
    "hex-32-in-capitals": lambda chance: chance.randbytes(32).hex().upper(),
    "base64-16": lambda chance: b64encode(chance.randbytes(16)).decode(),
    "base64-32": lambda chance: b64encode(chance.randbytes(32)).decode(),
    "urlsafe-24": lambda chance: urlsafe_b64encode(chance.randbytes(24)).decode(),
    "urlsafe-32": lambda chance: urlsafe_b64encode(chance.randbytes(32)).decode()[:-1],
    "base85-24": lambda chance: b85encode(chance.randbytes(24)).decode(),
    "uuid-pair": pair,
    "alphanumeric-32": of_characters(ascii_letters + digits, 32),
    "letters-32": of_characters(ascii_letters, 32),
    "of-a-keyboard-24": of_characters(ascii_letters + digits + punctuation, 24),
}


@pytest.mark.parametrize("kind", GENERATORS)
def test_good_ones(kind: str) -> None:
    """What makes good tokens makes none that is refused, with or without our prefix."""
    chance = Random(kind)  # noqa: S311 - it must repeat

    made = [GENERATORS[kind](chance) for _ in range(3000)]

    assert [] == [each for each in made if is_guessable(each)]
    assert not is_guessable(f"pst_{made[0]}")
    assert not is_guessable(new_token_secret())
