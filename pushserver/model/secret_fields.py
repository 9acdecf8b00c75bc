"""Which fields of an order or a result hold secrets: the words of their names tell."""

import re

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


@attrs.frozen
class SecretFields:
    """
    What of a vendor's fields opens doors, or proves who somebody is.

    `words`: those of its names, in lower case and the singular, beside `password`,
    `key` and others that everybody uses.
    """

    words: frozenset[str] = frozenset()

    def covers(self, name: str) -> bool:
        """Tell whether a field, or an object, with this name holds secrets."""
        secret = self.words | _WORDS
        return not is_harmless(name) and (
            _UNMISTAKABLE.search(name) is not None
            or any(
                word in secret or word.removesuffix("s") in secret
                for word in map(str.lower, _WORD.findall(name))
            )
        )


def is_harmless(name: str) -> bool:
    """Tell whether a field may be shown even in an object that holds secrets."""
    return bool(words := _WORD.findall(name)) and words[-1].lower() in _HARMLESS
