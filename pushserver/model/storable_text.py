"""What others say, as it may be stored: by any store, and in any answer."""

from typing import TypeVar

OptionalText = TypeVar("OptionalText", str, str | None)

#: Characters of a uuid that are kept: no more than an index of PostgreSQL takes.
_MAX_UUID_LENGTH = 512


def storable_uuid(text: str | None) -> str | None:
    """Return a device's uuid, if it sent one, as it is stored and looked up."""
    return storable_text(text, _MAX_UUID_LENGTH)


def storable_text(text: OptionalText, max_length: int | None = None) -> OptionalText:
    """Return *text*, if there is one, fit for any store: valid Unicode, and no NUL."""
    if text is None:
        return None
    if text.isascii() and "\0" not in text:
        return text[:max_length]
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return clean.replace("\0", "\N{REPLACEMENT CHARACTER}")[:max_length]
