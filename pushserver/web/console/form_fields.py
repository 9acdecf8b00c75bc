"""Fields of forms as the JSON of the API, which checks them and names what is wrong."""

from collections.abc import Mapping
from typing import Any, TypeVar

import attrs
import msgspec

from pushserver.errors import Invalid, PushServerError
from pushserver.web.console.formats import showable
from pushserver.web.console.page import SignedInCall
from pushserver.web.json_body import decode_json

T = TypeVar("T")
#: The most characters of a word that is typed to confirm.
_MAX_TYPED = 40


@attrs.frozen
class Wrong:
    """What was wrong with a form; `field` is the one that is, by its name."""

    error: PushServerError

    @property
    def field(self) -> str:
        """The field's name in the API; empty if it is none."""
        return (self.error.pointer or "").partition("/")[2].partition("/")[0]

    def of(self, field: str) -> str | None:
        """Return what is wrong with a field."""
        return self.error.detail if self.field == field else None


def decode_fields(fields: Mapping[str, Any], kind: type[T]) -> T:
    """
    Return the fields as the API reads them; those that are None are left out.

    Raises:
        Invalid: one is wrong; the pointer names it.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    decoded: T = decode_json(msgspec.json.encode(given), kind)
    return decoded


def checked(form: Mapping[str, str], prefix: str) -> list[str]:
    """Return what stands after *prefix* in the names of the boxes that are checked."""
    names = (name for name in form if name.startswith(prefix))
    return [name.removeprefix(prefix) for name in names]


def words(text: str) -> list[str] | None:
    """
    Return the words of a text, with commas or spaces between; None if it is blank.

    Raises:
        Invalid: there is something, but no word: blank may mean all.
    """
    found = text.replace(",", " ").split()
    if not found and text.strip():
        raise Invalid("A list has words with commas or spaces between.")
    return found or None


def tag_pairs(text: str) -> list[tuple[str, str]]:
    """
    Return the tags of a text such as `site=north gate=1`.

    Raises:
        Invalid: a word is no tag.
    """
    pairs = [each.partition("=") for each in words(text) or ()]
    if wrong := [key for key, equals, _ in pairs if not equals]:
        raise Invalid(f"A tag is key=value, not {wrong[0][:100]}.", pointer="/tags")
    return [(key, value) for key, _, value in pairs]


def typed_word(name: str) -> str:
    """Return what is typed to confirm that the thing with this name is destroyed."""
    return " ".join(showable(name)[:_MAX_TYPED].split())


def require_typed(call: SignedInCall, name: str) -> None:
    """
    Check that whoever destroys something typed its name.

    Raises:
        Invalid: they typed something else.
    """
    if " ".join(call.form.get("typed", "").split()) != typed_word(name):
        raise Invalid("What was typed is not the name: nothing was done.")
