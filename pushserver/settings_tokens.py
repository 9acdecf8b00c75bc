"""Finds admin tokens that can be guessed: words, what repeats, keys in a row."""

import itertools
import math
import re
import string

#: Bits below which a token can be guessed by somebody who tries.
MIN_TOKEN_BITS = 128
#: Tokens that README and docs print, so that everybody knows them.
PRINTED_TOKENS = frozenset({"pst_only-for-trying-things-out"})
#: How many different characters a secret of 128 random bits has at least.
_MIN_DIFFERENT = 8
#: Bits that 128 random ones keep by far when a character that is doubled counts once.
_MIN_BITS_UNDOUBLED = MIN_TOKEN_BITS / 2
_BITS_OF_TEXT = 2.0  # for each character, if it is made of words
_CHARACTER_CLASSES = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
_HEX = frozenset("0123456789abcdef")
_OTHER_CHARACTERS = 2  # as in base64
#: A unit that is looked for is so long at most; by chance nothing repeats so many.
_MAX_UNIT, _MIN_REPEATED = 64, 8
_DOUBLED = re.compile(r"(.)\1+", re.DOTALL)
_DIGITS = re.compile(r"\d+", re.ASCII)
#: A word as in CamelCase, or in small letters; and a capital that begins none.
_WORD, _ODD_CAPITAL = re.compile("[A-Z]?[a-z]+"), re.compile("[A-Z](?![a-z])")
_VOWELS = "aeiouyAEIOUY"
#: Letters of a word on average, and vowels among letters, in texts; by chance, fewer.
_MIN_WORD_LENGTH, _MIN_VOWELS = 3.5, 0.3
_TO_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_COLUMNS = ("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik", "9ol", "0p")
#: By chance few secrets have so many keys in a row.
_RUN_LENGTH = 6


def _zigzags() -> list[str]:
    """Return neighboring rows of keys, as fingers go up and down between them."""
    zigzags = []
    for upper, lower in itertools.pairwise(_ROWS):
        for one, other in ((upper, lower), (lower, upper)):
            pairs = zip(one, other, strict=False)
            zigzags.append("".join(map("".join, pairs)))
    return zigzags


def _lines_of_keys() -> str:
    """Return all along which fingers run, forward and back, a line each."""
    around = [row + row[0] for row in ("0123456789", string.ascii_lowercase, *_ROWS)]
    columns = ["".join(_COLUMNS), "".join(column[::-1] for column in _COLUMNS)]
    lines = [*around, *_zigzags(), *columns]
    return "\n".join([*lines, *(line[::-1] for line in lines)])


_LINES = _lines_of_keys()


def is_guessable(token: str) -> bool:
    """Tell whether a token is printed in the docs, or has too few bits."""
    if token in PRINTED_TOKENS:
        return True
    secret = token.removeprefix("pst_")
    undoubled = _DOUBLED.sub(r"\1", secret)
    return (
        _bits(_without_patterns(secret)) < MIN_TOKEN_BITS
        or _bits(_without_patterns(undoubled)) < _MIN_BITS_UNDOUBLED
    )


def _without_patterns(secret: str) -> str:
    """Return what is left if what repeats is counted once, and a run as its start."""
    repeated = _without_repetition(secret)
    without_digits = _DIGITS.sub("", repeated)
    unit = _without_repetition(without_digits)
    if unit != without_digits:
        # A word again and again, with another number each time.
        repeated = unit + "".join(_DIGITS.findall(repeated))
    return _without_runs(repeated)


def _without_repetition(text: str) -> str:
    """Return what *text* repeats again and again, perhaps cut off amid it."""
    longest = min(_MAX_UNIT, len(text) - _MIN_REPEATED)
    for size in range(1, longest + 1):
        if text.startswith(text[size:]):
            return text[:size]
    return text


def _without_runs(secret: str) -> str:
    """Return what is left if of keys in a row the first one counts."""
    keys, left, start = secret.translate(_TO_LOWER), "", 0
    while start < len(keys):
        left += secret[start]
        end = start + _RUN_LENGTH
        if len(keys) < end or keys[start:end] not in _LINES:
            start += 1
            continue
        while end < len(keys) and keys[start : end + 1] in _LINES:
            end += 1
        start = end
    return left


def _bits(secret: str) -> float:
    """Return at most how many bits are in a secret, were it made at random."""
    if len(set(secret)) < _MIN_DIFFERENT:
        return 0
    if _looks_like_words(secret):
        return _BITS_OF_TEXT * len(secret)
    if set(secret) <= _HEX:
        return len(secret) * math.log2(len(_HEX))
    classes = [c for c in _CHARACTER_CLASSES if not set(c).isdisjoint(secret)]
    size = sum(map(len, classes)) + _OTHER_CHARACTERS
    return len(secret) * math.log2(size)


def _looks_like_words(secret: str) -> bool:
    """Tell whether it has no digits, and letters of one case, or in words."""
    if any(character.isdigit() for character in secret):
        return False
    return secret in (secret.lower(), secret.upper()) or _is_camel_case(secret)


def _is_camel_case(secret: str) -> bool:
    """Tell whether its words begin with capitals, and can be spoken."""
    words = _WORD.findall(secret)
    if not words or _ODD_CAPITAL.search(secret):
        return False
    vowels = [sum(map(word.count, _VOWELS)) for word in words]
    size = sum(map(len, words))
    return (
        size >= len(words) * _MIN_WORD_LENGTH
        and all(vowels)
        and sum(vowels) >= size * _MIN_VOWELS
    )
