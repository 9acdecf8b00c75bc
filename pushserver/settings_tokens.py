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
#: Other characters, as in base64 with both alphabets, and of any keyboard.
_OF_BASE64, _PUNCTUATION = frozenset("+/-_="), len(string.punctuation)
_BASE64, _OTHER_CHARACTERS = 64, 2
#: A unit that is looked for is so long at most; by chance nothing repeats so many.
_MAX_UNIT, _MIN_REPEATED = 64, 8
_DOUBLED = re.compile(r"(.)\1+", re.DOTALL | re.IGNORECASE)
_NO_LETTERS = re.compile(r"[\W\d_]+")
#: What may be words between other characters: in letters of one case, or in CamelCase.
_WORDS = re.compile("[A-Z]+|[a-z]*(?:[A-Z][a-z]+)*")
_WORD = re.compile("[A-Z]?[a-z]+|[A-Z]+")
_VOWELS = "aeiouyAEIOUY"
#: Letters of a word on average, and vowels among letters, in texts; by chance, fewer.
_MIN_WORD_LENGTH, _MIN_VOWELS = 3.5, 1 / 3
#: What keys write with Shift, and without.
_UNSHIFTED = str.maketrans(
    string.ascii_uppercase + "!@#$%^&*()", string.ascii_lowercase + "1234567890"
)
_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_COLUMNS = ("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik", "9ol", "0p")
_KEYPAD = ("789456123", "741852963")
#: By chance few secrets have so many keys in a row, and hardly any has more than so
#: much of it in such runs.
_RUN_LENGTH, _MIN_IN_RUNS = 5, 1 / 4


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
    columns = [
        "".join(column[start:][::step] for column in _COLUMNS)
        for start in (0, 1)
        for step in (1, -1)
    ]
    lines = [*around, *_zigzags(), *columns, *_KEYPAD]
    return "\n".join([*lines, *(line[::-1] for line in lines)])


_LINES = _lines_of_keys()


def is_guessable(token: str) -> bool:
    """Tell whether a token has a printed one in it, or too few bits."""
    if any(printed in token.translate(_UNSHIFTED) for printed in PRINTED_TOKENS):
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
    letters = _NO_LETTERS.sub("", repeated)
    unit = _without_repetition(letters)
    if unit != letters:
        # A word again and again, with another number or sign each time.
        repeated = unit + "".join(_NO_LETTERS.findall(repeated))
    return _without_runs(repeated)


def _without_repetition(text: str) -> str:
    """Return what *text* repeats, in any case, and perhaps cut off amid it."""
    keys = text.translate(_UNSHIFTED)
    longest = min(_MAX_UNIT, len(text) - _MIN_REPEATED)
    for size in range(1, longest + 1):
        if keys.startswith(keys[size:]):
            return text[:size]
    return text


def _without_runs(secret: str) -> str:
    """Return what is left if of keys in a row the first one counts."""
    keys, left, start = secret.translate(_UNSHIFTED), "", 0
    while start < len(keys):
        left += secret[start]
        end = start + _RUN_LENGTH
        if len(keys) < end or keys[start:end] not in _LINES:
            start += 1
            continue
        while end < len(keys) and keys[start : end + 1] in _LINES:
            end += 1
        start = end
    in_runs = len(secret) - len(left)
    return left if in_runs > _MIN_IN_RUNS * len(secret) else secret


def _bits(secret: str) -> float:
    """Return at most how many bits are in a secret, were it made at random."""
    if len(set(secret)) < _MIN_DIFFERENT:
        return 0
    if _looks_like_words(secret):
        return _BITS_OF_TEXT * len(secret)
    if set(secret) <= _HEX:
        return len(secret) * math.log2(len(_HEX))
    return len(secret) * math.log2(_alphabet_size(secret))


def _alphabet_size(secret: str) -> int:
    """Return of how many characters it was made; both cases are base64, at least."""
    classes = [c for c in _CHARACTER_CLASSES if not set(c).isdisjoint(secret)]
    letters_and_digits = sum(map(len, classes))
    others = set(secret) - set().union(*_CHARACTER_CLASSES)
    if others - _OF_BASE64:
        return letters_and_digits + _PUNCTUATION
    if secret not in (secret.lower(), secret.upper()):
        return _BASE64
    return letters_and_digits + _OTHER_CHARACTERS


def _looks_like_words(secret: str) -> bool:
    """Tell whether it has no digits, and letters of one case, or words in any."""
    if any(character.isdigit() for character in secret):
        return False
    return secret in (secret.lower(), secret.upper()) or _can_be_spoken(secret)


def _can_be_spoken(secret: str) -> bool:
    """Tell whether what capitals and other characters part in it can be words."""
    parts = _NO_LETTERS.split(secret)
    if not all(map(_WORDS.fullmatch, parts)):
        return False
    words = _WORD.findall(secret)
    vowels = [sum(map(word.count, _VOWELS)) for word in words]
    size = sum(map(len, words))
    return (
        size > 0
        and size >= len(words) * _MIN_WORD_LENGTH
        and all(vowels)
        and sum(vowels) >= size * _MIN_VOWELS
    )
