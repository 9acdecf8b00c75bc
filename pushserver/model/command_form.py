"""Forms by which people ask for commands: what a vendor's folder says of its own."""

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

#: A text in each language, by the language's tag.
Words = Mapping[str, str]
#: What was filled in, by the names of the fields; what was left empty is left out.
FormValues = Mapping[str, Any]


class FieldKind(enum.StrEnum):
    """What a field takes, and so what a form gets of it."""

    TEXT = "text"  # str
    SECRET = "secret"  # noqa: S105 - a kind: str, not shown while it is typed
    NUMBER = "number"  # int
    SWITCH = "switch"  # bool; never left out
    CHOICE = "choice"  # str, one of the choices
    JSON = "json"  # what it says, decoded
    FILE = "file"  # bytes: the whole body of the command


@attrs.frozen(kw_only=True)
class FormField:
    """
    One field. `name` is the vendor's, `choices` are values and their texts.

    A number is from `minimum` to `maximum`; a file has at most `maximum` bytes.
    """

    name: str
    label: Words
    kind: FieldKind = FieldKind.TEXT
    required: bool = False
    default: str = ""
    choices: Sequence[tuple[str, Words]] = ()
    minimum: int | None = None
    maximum: int | None = None
    hint: Words | None = None


@attrs.frozen(kw_only=True)
class FilledForm:
    """What a form asks of a device; the body of one with a file is that file."""

    body: Any = None
    query: Mapping[str, str | int] = attrs.Factory(dict)


def fill_body(values: FormValues) -> FilledForm:
    """Return the values as they are."""
    return FilledForm(body=dict(values) or None)


@attrs.frozen(kw_only=True)
class CommandForm:
    """
    A form for an endpoint; an endpoint may have several. `name` is its own.

    `fill` makes the command's body of the values. `destroys`: what it takes away nobody
    can bring back, or the device is no longer reached.
    """

    name: str
    endpoint: str
    label: Words
    fields: Sequence[FormField] = ()
    fill: Callable[[FormValues], FilledForm] = fill_body
    verb: str = "POST"
    destroys: bool = False

    @property
    def file_field(self) -> FormField | None:
        """The field whose file is the body, if there is one."""
        return next((f for f in self.fields if f.kind is FieldKind.FILE), None)


def words_in(words: Words, language: str) -> str:
    """Return the text in a language, or else in the first that there is."""
    return words.get(language) or next(iter(words.values()))
