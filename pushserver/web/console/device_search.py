"""Reads what is typed above the devices: `tag:site=north state:quarantined door`."""

import re
from collections.abc import Mapping

import attrs

from pushserver.model.device import DeviceState
from pushserver.model.device_filter import DeviceFilter, fold

_TERM = re.compile(r'(?:(\w+):)?("[^"]*"|\S+)', re.ASCII)
#: What is longer is not read to its end.
_MAX_TYPED = 500
_ANSWERS: Mapping[str, bool] = {
    **dict.fromkeys(("yes", "sim", "true"), True),
    **dict.fromkeys(("no", "não", "nao", "false"), False),
}


@attrs.define
class DeviceSearch:
    """What was typed, understood; `unknown` are the words that mean nothing."""

    state: DeviceState | None = None
    online: bool | None = None
    conflict: bool | None = None
    tags: dict[str, set[str]] = attrs.Factory(dict)
    words: list[str] = attrs.Factory(list)
    unknown: list[str] = attrs.Factory(list)

    @property
    def is_for_all(self) -> bool:
        """Whether it leaves no device out."""
        return self.online is None and self.criteria() == DeviceFilter()

    def criteria(self) -> DeviceFilter:
        """Return the filter."""
        text = fold(" ".join(self.words))
        return DeviceFilter(
            state=self.state,
            tags=self.tags,
            text=text,
            conflict=self.conflict,
        )


def parse_device_search(typed: str) -> DeviceSearch:
    """Return what *typed* means; half a word is no error: somebody is typing."""
    search = DeviceSearch()
    for name, value in _TERM.findall(typed[:_MAX_TYPED]):
        plain = value.strip('"')
        if not _add_term(search, name.lower(), plain):
            search.unknown.append(f"{name}:{value}")
    if typed[_MAX_TYPED:]:
        # Without its end it may mean more devices.
        search.unknown.append("…")
    return search


def _add_term(search: DeviceSearch, name: str, value: str) -> bool:
    """Add a term to the search; tell whether it is known."""
    key, equals, tag = value.partition("=")
    states = [state for state in DeviceState if state.startswith(value.lower())]
    match name:
        case "":
            search.words.append(value)
        case "tag" if equals and key:
            search.tags.setdefault(key, set()).add(tag)
        case "state" if states:
            search.state = states[0]
        case "online" if value.lower() in _ANSWERS:
            search.online = _ANSWERS[value.lower()]
        case "conflict" if value.lower() in _ANSWERS:
            search.conflict = _ANSWERS[value.lower()]
        case _:
            return False
    return True
