"""How many labels there may be, and how long: they are in memory, or on each page."""

from collections.abc import Mapping

from pushserver.errors import Invalid

#: The most labels of a kind.
MAX_LABELS = 100
#: The most characters of a key, and of the value of a tag.
MAX_KEY_LENGTH = 100
MAX_TAG_LENGTH = 200
#: The most characters of all keys and values in a mapping.
MAX_LABEL_SIZE = 8000


def check_tags(tags: Mapping[str, str], pointer: str = "/tags") -> None:
    """
    Check the tags of a device, which are at *pointer*.

    Raises:
        Invalid: they are too many, or too long.
    """
    if len(tags) > MAX_LABELS:
        raise Invalid(f"There are at most {MAX_LABELS} tags.", pointer=pointer)
    if any(len(key) > MAX_KEY_LENGTH for key in tags):
        raise Invalid(
            f"The key of a tag has at most {MAX_KEY_LENGTH} characters.",
            pointer=pointer,
        )
    if any(len(value) > MAX_TAG_LENGTH for value in tags.values()):
        raise Invalid(
            f"A tag has at most {MAX_TAG_LENGTH} characters.", pointer=pointer
        )
    check_label_size(tags, pointer)


def check_label_size(labels: Mapping[str, str], pointer: str) -> None:
    """
    Check how long labels, which are at *pointer*, are in all.

    Raises:
        Invalid: they are too long.
    """
    if sum(len(key) + len(value) for key, value in labels.items()) > MAX_LABEL_SIZE:
        raise Invalid(
            f"All keys and values have at most {MAX_LABEL_SIZE} characters.",
            pointer=pointer,
        )
