"""Quirks of firmware: how devices differ, drawn from a seed."""

import enum
from random import Random
from typing import Any

import attrs


class ResultFormat(enum.StrEnum):
    """How a device writes the body of a result."""

    JSON = "json"
    FORM_TYPE = "form_type"  # JSON, declared as a form
    FORM_FIELDS = "form_fields"  # form fields whose values are JSON
    NO_TYPE = "no_type"  # JSON without a Content-Type


@attrs.frozen(kw_only=True)
class Quirks:
    """
    The quirks of one device; the defaults are those of a recent one without faults.

    Numbers are probabilities: per poll for `hang_ups` and `stray_calls`, per command
    for the others. With `failed_loads` a device refuses a firmware, with
    `lost_installs` it restarts before it has answered.
    """

    no_uuid: bool = False
    no_endpoint: bool = False
    stringified: bool = False
    new_connections: bool = False
    doubled_path: bool = False
    trailing_slash: bool = False
    empty_results: bool = False
    result_format: ResultFormat = ResultFormat.JSON
    lost_answers: float = 0.0
    lost_results: float = 0.0
    late_results: float = 0.0
    doubled_results: float = 0.0
    slow_commands: float = 0.0
    hang_ups: float = 0.0
    stray_calls: float = 0.0
    failed_loads: float = 0.0
    lost_installs: float = 0.0


#: Quirks that a device has or does not have.
PERMANENT_QUIRKS = (
    "no_uuid",
    "no_endpoint",
    "stringified",
    "new_connections",
    "doubled_path",
    "trailing_slash",
    "empty_results",
)
FORMAT_QUIRKS = tuple(form for form in ResultFormat if form is not ResultFormat.JSON)
#: Quirks that occur at random.
RANDOM_QUIRKS = (
    "lost_answers",
    "lost_results",
    "late_results",
    "doubled_results",
    "slow_commands",
    "hang_ups",
    "stray_calls",
    "failed_loads",
    "lost_installs",
)
QUIRK_NAMES = (*PERMANENT_QUIRKS, *FORMAT_QUIRKS, *RANDOM_QUIRKS)
#: The share of devices with each permanent quirk when every quirk is on.
PERMANENT_QUIRK_SHARE = 0.25
#: The share of polls or commands in which a random quirk occurs.
RANDOM_QUIRK_RATE = 0.03


def parse_quirk_names(text: str) -> frozenset[str]:
    """
    Return the quirks that `all`, `none` or a list with commas stands for.

    Raises:
        ValueError: there is no such quirk; the message names those that are.
    """
    if text in ("all", "none"):
        return frozenset(QUIRK_NAMES) if text == "all" else frozenset()
    names = frozenset(name.strip().replace("-", "_") for name in text.split(","))
    if unknown := sorted(names - frozenset(QUIRK_NAMES)):
        known = ", ".join(QUIRK_NAMES)
        raise ValueError(f"No quirk is called {', '.join(unknown)}. There are: {known}")
    return names


def draw_quirks(rng: Random, names: frozenset[str]) -> Quirks:
    """
    Draw the quirks of one device.

    With every quirk on, a device has some of the permanent ones; otherwise it has all
    of *names*.
    """
    is_mixed = names >= frozenset(QUIRK_NAMES)
    traits: dict[str, Any] = {
        name: name in names and _draw_permanent(rng, is_mixed)
        for name in PERMANENT_QUIRKS
    }
    if is_mixed and traits["no_uuid"]:
        # With neither, a late result could not be matched to its command.
        traits["no_endpoint"] = False
    forms = [form for form in FORMAT_QUIRKS if form in names]
    form = rng.choice([ResultFormat.JSON, *forms] if is_mixed or not forms else forms)
    chances: dict[str, Any] = {
        name: RANDOM_QUIRK_RATE if name in names else 0.0 for name in RANDOM_QUIRKS
    }
    return Quirks(result_format=form, **traits, **chances)


def _draw_permanent(rng: Random, is_mixed: bool) -> bool:
    return not is_mixed or rng.random() < PERMANENT_QUIRK_SHARE
