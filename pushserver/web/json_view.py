"""JSON as a page shows it: a tree, lists of objects as tables, cut where it is long.

It runs apart from the event loop, in a process of its own where that is long: so it
imports little, and what it returns is small.
"""

from collections.abc import Sequence
from typing import Any

import attrs
import msgspec

from pushserver.web.device_url import mask_keys
from pushserver.web.secrets_mask import CUT, MASK, MAX_DEPTH, SecretsMask

#: Of one body, at most so many values are shown, in all and of one list or object.
MAX_NODES, MAX_ENTRIES, MAX_COLUMNS = 4000, 200, 16
#: The most characters of a value, and bytes of all photos.
MAX_TEXT, MAX_PHOTOS = 400, 4 * 1024 * 1024
_PHOTO_FIELDS = frozenset({"image", "photo", "access_photo"})
#: How photos begin in base64, and what they are then.
_PHOTO_TYPES = {"/9j/": "image/jpeg", "iVBOR": "image/png"}


@attrs.frozen
class Leaf:
    """One value; `kind` is how it looks: text, plain, masked."""

    text: str
    kind: str = "plain"


@attrs.frozen
class Photo:
    """A photo, as the source of an image."""

    source: str
    size: int
    kind: str = "photo"


@attrs.frozen
class Branch:
    """A list or an object; `left` of its entries are not shown."""

    entries: Sequence[tuple[str, Any]]
    size: int
    left: int
    kind: str = "branch"


@attrs.frozen
class Grid:
    """A list of objects; `left` of its rows are not shown, nor `left_columns`."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Leaf]]
    size: int
    left: int
    left_columns: int
    kind: str = "grid"


Node = Leaf | Photo | Branch | Grid


def build_view(body: bytes, mask: SecretsMask | None) -> Node | None:
    """Return a body as it is shown, None if it is no JSON; without *mask* all of it."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    return _Viewer(mask).node(value, "", is_secret=False, depth=0)


@attrs.define
class _Viewer:
    """Makes nodes until there are enough."""

    mask: SecretsMask | None
    nodes_left: int = MAX_NODES
    photos_left: int = MAX_PHOTOS

    def node(self, value: Any, name: str, *, is_secret: bool, depth: int) -> Node:
        self.nodes_left -= 1
        match value:
            case dict() | list() if not value or depth >= MAX_DEPTH:
                return Leaf(CUT if value else "[]" if value == [] else "{}")
            case dict():
                return self._object(value, is_secret, depth)
            case list() if name != "values" and _is_table(value):
                return self._grid(value, is_secret)
            case list():
                return self._list(value, name, is_secret, depth)
        return self._photo(value, name) or self._leaf(value, is_secret)

    def _object(self, value: dict[str, Any], is_secret: bool, depth: int) -> Branch:
        entries: list[tuple[str, Node]] = []
        beside = self.mask.names_beside(value) if self.mask else set()
        for key, each in value.items():
            if len(entries) >= MAX_ENTRIES or self.nodes_left <= 0:
                break
            covered = key in beside or self._covers(key, is_secret)
            node = self.node(each, key, is_secret=covered, depth=depth + 1)
            entries.append((self._name(key), node))
        return Branch(entries, len(value), len(value) - len(entries))

    def _list(self, value: list[Any], name: str, is_secret: bool, depth: int) -> Branch:
        entries: list[tuple[str, Node]] = []
        for number, each in enumerate(value[:MAX_ENTRIES]):
            if self.nodes_left <= 0:
                break
            inner = "" if isinstance(each, dict | list) else name
            node = self.node(each, inner, is_secret=is_secret, depth=depth + 1)
            entries.append((str(number), node))
        return Branch(entries, len(value), len(value) - len(entries))

    def _grid(self, value: list[dict[str, Any]], is_secret: bool) -> Grid:
        columns = list({key: None for row in value[:MAX_ENTRIES] for key in row})
        shown, rows = columns[:MAX_COLUMNS], []
        for row in value[:MAX_ENTRIES]:
            if self.nodes_left <= 0:
                break
            self.nodes_left -= len(shown)
            rows.append(self._row(row, shown, is_secret))
        return Grid(
            [self._name(each) for each in shown],
            rows,
            len(value),
            len(value) - len(rows),
            len(columns) - len(shown),
        )

    def _row(
        self, row: dict[str, Any], columns: Sequence[str], is_secret: bool
    ) -> list[Leaf]:
        beside = self.mask.names_beside(row) if self.mask else set()
        return [
            self._leaf(row[key], key in beside or self._covers(key, is_secret))
            if key in row
            else Leaf("")
            for key in columns
        ]

    def _covers(self, name: str, in_secret: bool) -> bool:
        return self.mask is not None and self.mask.covers(name, in_secret)

    def _name(self, name: str) -> str:
        return _cut(mask_keys(name) if self.mask else name)

    def _leaf(self, value: Any, is_secret: bool) -> Leaf:
        if self.mask:
            value = self.mask.apply_to_leaf(value, is_secret=is_secret)
        if isinstance(value, str):
            return Leaf(_cut(value), "masked" if value == MASK else "text")
        return Leaf(_cut(msgspec.json.encode(value).decode()))

    def _photo(self, value: Any, name: str) -> Photo | None:
        """Return the photo that this is, unless it is masked or there is no room."""
        if self.mask or not isinstance(value, str):
            return None
        found = [t for begin, t in _PHOTO_TYPES.items() if value.startswith(begin)]
        is_photo = found and name.lower() in _PHOTO_FIELDS
        if not is_photo or len(value) > self.photos_left or not value.isascii():
            return None
        self.photos_left -= len(value)
        return Photo(f"data:{found[0]};base64,{value}", len(value) * 3 // 4)


def _is_table(value: list[Any]) -> bool:
    """Tell whether these are objects of plain values, photos aside."""
    return all(
        isinstance(row, dict)
        and not _PHOTO_FIELDS.intersection(row)
        and not any(isinstance(each, dict | list) for each in row.values())
        for row in value
    )


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + CUT
