"""The console's texts in each language, from the catalogues beside this file."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import attrs

CATALOGUES = Path(__file__).parent / "catalogues"
DEFAULT_LANGUAGE = "en"
_QUALITY = re.compile(r"([\w*-]+)(?:\s*;\s*q=([01](?:\.\d{0,3})?))?", re.ASCII)


@attrs.frozen(eq=False)
class Catalogue:
    """The texts of one language, by key."""

    language: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """Return the text with this key, with *values* in the place of their names."""
        text = self.texts[key]
        return text.format(**values) if values else text

    def has(self, key: str) -> bool:
        """Tell whether there is a text with this key."""
        return key in self.texts

    def counted(self, key: str, count: int, shown: str | None = None) -> str:
        """Return the text for *count* things, in the singular or the plural."""
        is_one = count == 1 or (count == 0 and self.language.startswith("pt"))
        text = self.texts[f"{key}.{'one' if is_one else 'other'}"]
        return text.format(n=str(count) if shown is None else shown)


@cache
def catalogues() -> Mapping[str, Catalogue]:
    """Return every language's catalogue, the default one first."""
    paths = sorted(CATALOGUES.glob("*.toml"), key=lambda p: p.stem != DEFAULT_LANGUAGE)
    return {path.stem: Catalogue(path.stem, _read(path)) for path in paths}


def _read(path: Path) -> Mapping[str, str]:
    return dict(_flat(tomllib.loads(path.read_text("utf-8")), ""))


def _flat(table: Mapping[str, object], prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in table.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, str(value)))
    return found


def choose_language(chosen: str | None, accepted: str) -> Catalogue:
    """
    Return the catalogue of the language that somebody chose, or else prefers.

    *accepted* is the header Accept-Language.
    """
    known = catalogues()
    if chosen in known:
        return known[str(chosen)]
    ranked: list[tuple[float, str]] = []
    for part in accepted[:500].split(","):
        if match := _QUALITY.fullmatch(part.strip()):
            ranked.append((-float(match[2] or 1), match[1].lower()))
    for _, tag in sorted(ranked, key=lambda each: each[0]):
        for language, catalogue in known.items():
            if language.split("-")[0].lower() == tag.split("-")[0]:
                return catalogue
    return known[DEFAULT_LANGUAGE]
