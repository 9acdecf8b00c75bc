"""The header `Accept`: which media type a program prefers."""

from collections.abc import Sequence


def preferred_media_type(accept: str, offered: Sequence[str]) -> str:
    """
    Return which of the *offered* types the header prefers.

    Between equals the first of the header counts. The first that is *offered* is what
    a program gets that likes anything, or none of them.
    """
    best, best_quality = offered[0], 0.0
    for item in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = _quality(parameters)
        chosen = _match(media_type, offered)
        if chosen is not None and quality > best_quality:
            best, best_quality = chosen, quality
    return best


def _match(media_type: str, offered: Sequence[str]) -> str | None:
    if media_type == "*/*":
        return offered[0]
    group = media_type.removesuffix("*")
    wildcard = group != media_type
    return next(
        (o for o in offered if o == media_type or (wildcard and o.startswith(group))),
        None,
    )


def _quality(parameters: Sequence[str]) -> float:
    text = next((p[2:] for p in parameters if p.startswith("q=")), "1")
    try:
        return float(text)
    except ValueError:
        return 0.0
