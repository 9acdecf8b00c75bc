"""Fields of forms, and their texts in each language."""

from typing import Any

from pushserver.model.command_form import FieldKind, FormField, Words

_MAX_ID = 2**63 - 1


def words(english: str, portuguese: str) -> Words:
    """Return a text in both languages of the console."""
    return {"en": english, "pt-BR": portuguese}


def number(name: str, label: Words, **given: Any) -> FormField:
    """Return a field for a whole number, of 0 at least."""
    given.setdefault("minimum", 0)
    given.setdefault("maximum", _MAX_ID)
    return FormField(name=name, label=label, kind=FieldKind.NUMBER, **given)


def json_field(name: str, label: Words, **given: Any) -> FormField:
    """Return a field for JSON."""
    return FormField(name=name, label=label, kind=FieldKind.JSON, **given)
