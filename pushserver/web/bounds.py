"""What msgspec says of a value beyond its bounds, in words for people."""

import re

_BOUND = re.compile(
    r"Expected `(?P<kind>\w+)`(?P<counts> of length)?"
    r" (?P<sign>>=|<=|>|<) (?P<bound>-?[0-9.]+)"
    r"(?P<of_key> \(a key\))?"
)
_SIGNS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}


def in_plain_words(text: str) -> str:
    """Return what is said of a bound in plain words, and everything else as it is."""
    found = _BOUND.fullmatch(text)
    if found is None:
        return text
    bound = found["bound"].removesuffix(".0")
    what = "A key" if found["of_key"] else "This"
    limit = f"{_SIGNS[found['sign']]} {bound}"
    if not found["counts"]:
        return f"{what} must be {limit}."
    unit = "character" if found["kind"] == "str" else "item"
    return f"{what} must have {limit} {unit}{'' if bound == '1' else 's'}."
