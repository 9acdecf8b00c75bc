"""Which fields of an order or a result hold secrets: the words of their names tell."""

import re
from collections.abc import Iterator
from functools import lru_cache

import attrs

#: In whichever way a name is put together: `userPIN`, `user_pin`, `user-pin`.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
#: Words that no harmless name contains, not even as a part of a longer one.
_UNMISTAKABLE = re.compile(r"passw|passphrase|secret|credential|token|api_?key", re.I)
_WORDS = frozenset({"pass", "pwd", "key", "salt"})
#: A name that ends in one of these is about a secret, and holds none.
_HARMLESS = frozenset(
    {"id", "ids", "type", "enabled", "count", "length", "size", "timeout", "mode"}
    | {"time", "timestamp", "index"}
)
#: What names of secrets are made of besides: `usercard`, `cardnumber`. No other words,
#: or `cardinal` would be a card, and `pinging` a PIN.
_COMPANIONS = frozenset(
    _WORD.findall("""
    access admin alarm api app auth badge base bin bio bytes client code codes confirm
    confirmation content credit current data db debit default device door duress
    employee enc encrypted entry exit face facility file finger fingerprint first ftp
    gate guest hash hashed hex holder host http https id last list lock login magnetic
    master member mifare mqtt my new nfc no nr num number numbers old owner panel panic
    person plain pre private proximity prox public raw reader repeat rfid root rtsp
    second serial server session shared sip smart smtp ssh ssl staff str string super
    tag temp temporary text tls unlock user users usr val value values visitor web
    wiegand wifi wlan
    """)
)
_LONGEST_PIECE = 12
#: No longer name is taken apart.
_LONGEST_NAME = 64


def _with_common(words: frozenset[str]) -> frozenset[str]:
    return _WORDS | words


@attrs.frozen
class SecretFields:
    """
    What of a vendor's fields opens doors, or proves who somebody is.

    `words`: those of its names, in lower case and the singular; `password`, `key` and
    others that everybody uses are added. Words may be written together: `cardnumber`
    is secret since it is made of a secret word and of what usually stands beside one.
    """

    words: frozenset[str] = attrs.field(default=_WORDS, converter=_with_common)

    def covers(self, name: str) -> bool:
        """Tell whether a field, or an object, with this name holds secrets."""
        return not is_harmless(name) and (
            _UNMISTAKABLE.search(name) is not None
            or any(
                word in self.words or word.removesuffix("s") in self.words
                for word in map(str.lower, _WORD.findall(name))
            )
            or (len(name) <= _LONGEST_NAME and _is_made_of(name, self.words))
        )


@lru_cache(maxsize=1024)
def _is_made_of(name: str, secret: frozenset[str]) -> bool:
    """Tell whether a name is nothing but secret words and companions of theirs."""
    letters = "".join(_WORD.findall(name)).lower()
    # Up to where it can be taken apart: into companions alone, or with a secret word.
    plain, with_secret = {0}, set[int]()
    for start in range(len(letters)):
        if start not in plain and start not in with_secret:
            continue
        for piece in _pieces(letters, start):
            end = start + len(piece)
            if piece in secret or piece.removesuffix("s") in secret:
                with_secret.add(end)
            elif piece in _COMPANIONS:
                plain |= {end} if start in plain else set()
                with_secret |= {end} if start in with_secret else set()
    return len(letters) in with_secret


def _pieces(letters: str, start: int) -> Iterator[str]:
    """Return what may be a word there; one at the end that holds no secret is none."""
    for end in range(start + 2, min(len(letters), start + _LONGEST_PIECE) + 1):
        piece = letters[start:end]
        if end < len(letters) or piece not in _HARMLESS:
            yield piece


def is_harmless(name: str) -> bool:
    """Tell whether a field may be shown even in an object that holds secrets."""
    return bool(words := _WORD.findall(name)) and words[-1].lower() in _HARMLESS
