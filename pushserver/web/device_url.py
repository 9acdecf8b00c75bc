"""What of a device's request address may be shown, and stored."""


def redact_key(path: str) -> str:
    """Return a decoded path fit to be shown: what may be a key is left out of it."""
    shown, previous = [], ""
    for part in path.split("/"):
        shown.append("…" if part and previous == "d" else part)
        previous = part or previous
    return "/".join(shown)


def storable_text(text: str) -> str:
    """Return *text* fit for any store: valid Unicode, and no NUL."""
    if text.isascii() and "\0" not in text:
        return text
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return clean.replace("\0", "\N{REPLACEMENT CHARACTER}")
