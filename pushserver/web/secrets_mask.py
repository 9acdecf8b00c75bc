"""Which values open doors, or prove who somebody is: those are masked at first."""

from typing import Any

import attrs

MASK = "••••••"
#: Fields that are such a secret, whatever they stand in.
_SECRET_FIELDS = frozenset(
    {
        "password",
        "user_password",
        "panic_password",
        "salt",
        "pin",
        "secret",
        "key",
        "api_key",
        "token",
        "template",
        "image",
        "photo",
        "access_photo",
        "qrcode",
        "qrcode_value",
        "card",
        "card_value",
    }
)
#: Objects whose `value` is one.
_SECRET_OBJECTS = frozenset({"cards", "qrcodes", "uhf_tags", "pins", "templates"})


@attrs.frozen
class Mask:
    """Masks secrets while it `hides`."""

    hides: bool = True
    text: str = MASK

    def covers(self, name: str, value: Any, owner: str) -> bool:
        """
        Tell whether a value is masked: of the field *name* of an object *owner*.

        What is only true, false or null is no secret.
        """
        if not self.hides or value is None or isinstance(value, bool):
            return False
        is_value = name == "value" and owner in _SECRET_OBJECTS
        return is_value or name.lower() in _SECRET_FIELDS

    def apply(self, value: Any, name: str = "", owner: str = "") -> Any:
        """Return JSON with its secrets masked, for a file."""
        match value:
            case dict():
                owner = str(value.get("object", owner))
                return {k: self.apply(v, k, owner) for k, v in value.items()}
            case list():
                inner = owner if name == "values" else name or owner
                return [
                    self.apply(v, "" if isinstance(v, dict) else name, inner)
                    for v in value
                ]
        return self.text if self.covers(name, value, owner) else value
