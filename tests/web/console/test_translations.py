"""Every text of the console is in every language, and every one there is used."""

import re
from pathlib import Path

import pytest

from pushserver.model.audit import AuditAction, TargetKind
from pushserver.model.token import Permission
from pushserver.web import console
from pushserver.web.console.templating import TEMPLATES, TONES
from pushserver.web.console.translations import catalogues, choose_language

FOLDER = Path(console.__file__).parent
SOURCES = [*TEMPLATES.glob("*.html"), *FOLDER.glob("*.py")]
TEXT = "\n".join(path.read_text("utf-8") for path in SOURCES)
KEYS = set(catalogues()["en"].texts)
#: A key as it is written, whole or as the beginning of several.
_KEY = r"""["']((?:[a-z_-]+\.)+)["'] ~|["']((?:[a-z_-]+\.)*[\w-]+)["']"""
#: What may stand in a template outside of the braces, and is no text of a language.
NO_TEXT = {"pushserver", "p", "utf-8"}


def _used() -> set[str]:
    """Return the keys that are written somewhere, or whose beginning is."""
    found = re.findall(_KEY, TEXT)
    begins = tuple({begin for begin, _ in found if begin})
    written = {whole for _, whole in found} & KEYS
    plural = {k for k in KEYS if k.rpartition(".")[2] in ("one", "other")}
    said = {f"said.{name}" for _, name in found} | {
        f"format.{u}" for u in ("s", "min", "h", "d")
    }
    return written | {k for k in KEYS if k.startswith(begins)} | (KEYS & said) | plural


def test_same_keys() -> None:
    """
    All languages have the same keys, with the same names in braces.
    """
    for language in catalogues().values():
        for key, english in catalogues()["en"].texts.items():
            fields = [
                sorted(re.findall(r"{(\w+)}", t))
                for t in (english, language.texts[key])
            ]

            assert fields[0] == fields[1], (language.language, key)
        assert set(language.texts) == KEYS


def test_no_key_is_unused() -> None:
    """
    No text is left of a page that is gone.
    """
    assert set() == KEYS - _used()


def test_no_key_is_missing() -> None:
    """
    Every key that a template asks for is there.
    """
    asked = set(re.findall(r"""\bt\(\s*["']([\w.-]+)["']\s*[,)]""", TEXT))

    assert set() == asked - KEYS


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.html")), ids=lambda p: p.stem)
def test_no_text_is_untranslated(path: Path) -> None:
    """
    No template has words of a language outside of its catalogue.
    """
    source = path.read_text("utf-8")
    no_words = r"{#.*?#}|{%.*?%}|{{.*?}}|<code>.*?</code>"
    bare = re.sub(no_words, " ", source, flags=re.DOTALL)
    attributes = re.findall(r'(?:title|aria-label|placeholder|alt)="([^"]*)"', bare)
    texts = re.sub(r"<[^>]*>", " ", bare)
    words = re.findall(
        r"[^\W\d_]{2,}", texts + " ".join(a for a in attributes if ":" not in a)
    )

    assert set() == set(words) - NO_TEXT


def test_states_have_texts() -> None:
    """
    Each state that a badge may show is worded.
    """
    assert set() == {f"state.{tone}" for tone in TONES} - KEYS


def test_choices_have_texts() -> None:
    """
    What may be done, what was done, and to what is worded.
    """
    named = {"permission": Permission, "action": AuditAction, "kind": TargetKind}

    assert set() == {f"{k}.{each}" for k, kind in named.items() for each in kind} - KEYS


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "pt-BR,pt;q=0.9,en;q=0.8", "pt-BR"),
        (None, "de, pt-PT;q=0.5, en;q=0.4", "pt-BR"),
        (None, "en-GB, pt;q=0.9", "en"),
        ("pt-BR", "en", "pt-BR"),
        ("xx", ";;q=,\x00", "en"),
    ],
)
def test_choice(chosen: str | None, accepted: str, language: str) -> None:
    """
    What somebody chose counts, or else what their browser prefers.
    """
    assert language == choose_language(chosen, accepted).language
