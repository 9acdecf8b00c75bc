"""Which tags are asked for: of each key one of some values."""

from collections.abc import Collection, Mapping

#: Values by their keys.
TagFilter = Mapping[str, Collection[str]]


def has_tags(tags: Mapping[str, str], tag_filter: TagFilter) -> bool:
    """Tell whether *tags* have, of every key that is asked for, one of its values."""
    return all(tags.get(key) in values for key, values in tag_filter.items())
