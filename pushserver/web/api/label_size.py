"""How long labels may be: they are in memory, or in each item of a page of 1000."""

from collections.abc import Mapping

from pushserver.errors import Invalid

#: The most characters of all keys and values in a mapping.
MAX_LABEL_SIZE = 8000


def refuse_long_labels(labels: Mapping[str, str], pointer: str) -> None:
    """
    Refuse labels, which are at *pointer*, that are too long in all.

    Raises:
        Invalid: they are.
    """
    if sum(len(key) + len(value) for key, value in labels.items()) > MAX_LABEL_SIZE:
        raise Invalid(
            f"All keys and values have at most {MAX_LABEL_SIZE} characters.",
            pointer=pointer,
        )
