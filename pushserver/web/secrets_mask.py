"""JSON as people may see it: with what is secret in it masked."""

import re
from typing import Any

import attrs
import msgspec

from pushserver.model.secret_fields import SecretFields, is_harmless
from pushserver.web.device_url import mask_keys

MASK = "••••••"
#: Deeper lists and objects are not shown. JSON in a text counts for several levels:
#: whenever one is written into the other, it may become twice as long.
MAX_DEPTH, _DEPTH_OF_TEXT = 24, 6
#: Stands for what is not shown.
CUT = "…"
#: What names the field that `value` beside it is of.
_NAMING = ("field", "name", "parameter")
#: Where the rows of the object that a command names are, and what is said of them.
_OF_OBJECT = ("values", "where", "value")
#: `password=…` and `"password": …` in text, up to the value.
_NAME = re.compile(r'(?<![\w-])([\w-]++)\\*+"?+\s*+[=:]\s*+\\*+')
_VALUE = re.compile(r'"(?:[^"\\]|\\.)*+"?+|[^\s,;&}\]"]*+', re.DOTALL)
#: `user:password@` in an address.
_USER = re.compile(r"(?<=://)[^/\s@]++@")
#: A photo, or a finger: whatever field it is in.
_BASE64 = re.compile(
    r"\A(?=[^A-Z]*+[A-Z])(?=[^a-z]*+[a-z])(?=[^0-9]*+[0-9])"
    r"(?:data:[a-z/;0-9]*+,)?+[A-Za-z0-9+/_\r\n-]{64,}+={0,2}+\s*+"
)


@attrs.frozen
class SecretsMask:
    """Masks the secrets of one vendor, and whatever may be a device's key."""

    fields: SecretFields

    def apply(self, value: Any, *, is_secret: bool = False, depth: int = 0) -> Any:
        """Return JSON with its secrets masked; all of it if it *is_secret*."""
        match value:
            case dict() | list() if value and depth >= MAX_DEPTH:
                return CUT
            case dict():
                beside = self.names_beside(value)
                return {
                    mask_keys(name): self.apply(
                        each,
                        is_secret=name in beside or self.covers(name, is_secret),
                        depth=depth + 1,
                    )
                    for name, each in value.items()
                }
            case list():
                return [
                    self.apply(each, is_secret=is_secret, depth=depth + 1)
                    for each in value
                ]
        return self.apply_to_leaf(value, is_secret=is_secret, depth=depth)

    def apply_to_leaf(self, value: Any, *, is_secret: bool, depth: int = 0) -> Any:
        """Return a text, a number or the like; true, false and null are no secret."""
        if value is None or isinstance(value, bool):
            return value
        if is_secret:
            return MASK
        return self._apply_to_text(value, depth) if isinstance(value, str) else value

    def covers(self, name: str, in_secret: bool) -> bool:
        """Tell whether a field is secret; in a secret object all but harmless are."""
        return (in_secret and not is_harmless(name)) or self.fields.covers(name)

    def names_beside(self, value: dict[str, Any]) -> set[str]:
        """Return which fields are secret by what others beside them say."""
        found: set[str] = set()
        if self.fields.covers(str(value.get("object", ""))):
            found.update(_OF_OBJECT)
        if any(self.fields.covers(str(value.get(name, ""))) for name in _NAMING):
            found.add("value")
        return found

    def _apply_to_text(self, text: str, depth: int) -> str:
        """Mask what is secret in a text, which may be JSON itself."""
        if text.lstrip()[:1] in ("{", "[", '"'):
            if depth >= MAX_DEPTH:
                return CUT
            try:
                inner = msgspec.json.decode(text)
                inner = self.apply(inner, depth=depth + _DEPTH_OF_TEXT)
                return msgspec.json.encode(inner).decode()
            except RecursionError:
                return CUT
            except msgspec.DecodeError:
                pass
        if _BASE64.fullmatch(text):
            return MASK
        return mask_keys(_USER.sub(f"{MASK}@", self._apply_to_pairs(text)))

    def _apply_to_pairs(self, text: str) -> str:
        """Mask the values that stand in a text behind a secret name."""
        shown, position = [], 0
        for name in _NAME.finditer(text):
            start = name.end()
            value = _VALUE.match(text, start)
            if value and start >= position and self.fields.covers(name[1]):
                shown += [text[position:start], MASK]
                position = value.end()
        return "".join([*shown, text[position:]])
