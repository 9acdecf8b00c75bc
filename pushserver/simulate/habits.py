"""What one device does differently from the next, drawn from a seed."""

import enum
from random import Random
from typing import Any

import attrs


class Form(enum.StrEnum):
    """How a device writes the body of a result."""

    JSON = "json"
    FORM_TYPE = "form_type"  # JSON, but called a form
    FORM_FIELDS = "form_fields"  # form fields whose values are JSON
    NO_TYPE = "no_type"  # JSON that nothing is said of


@attrs.frozen(kw_only=True)
class Habits:
    """
    The quirks of one device; as it stands, a faultless recent one.

    The numbers are chances: of a poll for `hang_ups` and `stray_calls`, of a command
    for the others. `failed_loads` and `lost_installs` strike firmware: it is refused,
    or the device restarts with it before it has answered.
    """

    no_uuid: bool = False
    no_endpoint: bool = False
    stringified: bool = False
    new_connections: bool = False
    doubled_path: bool = False
    trailing_slash: bool = False
    empty_results: bool = False
    form: Form = Form.JSON
    lost_answers: float = 0.0
    lost_results: float = 0.0
    late_results: float = 0.0
    doubled_results: float = 0.0
    slow_commands: float = 0.0
    hang_ups: float = 0.0
    stray_calls: float = 0.0
    failed_loads: float = 0.0
    lost_installs: float = 0.0


#: Habits that a device has or has not.
TRAITS = (
    "no_uuid",
    "no_endpoint",
    "stringified",
    "new_connections",
    "doubled_path",
    "trailing_slash",
    "empty_results",
)
FORMS = tuple(form for form in Form if form is not Form.JSON)
#: Habits that strike now and then.
CHANCES = (
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
QUIRKS = (*TRAITS, *FORMS, *CHANCES)
#: Of devices that have a trait, when every quirk is on.
SHARE = 0.25
#: Of polls or commands that a habit strikes.
RATE = 0.03


def quirks_named(text: str) -> frozenset[str]:
    """
    Return the quirks that `all`, `none` or a list with commas stands for.

    Raises:
        ValueError: there is no such quirk; the message names those that are.
    """
    if text in ("all", "none"):
        return frozenset(QUIRKS) if text == "all" else frozenset()
    names = frozenset(name.strip().replace("-", "_") for name in text.split(","))
    if unknown := sorted(names - frozenset(QUIRKS)):
        known = ", ".join(QUIRKS)
        raise ValueError(f"No quirk is called {', '.join(unknown)}. There are: {known}")
    return names


def habits_of(rng: Random, quirks: frozenset[str]) -> Habits:
    """
    Draw the habits of one device.

    With every quirk on, a device has some of the traits; otherwise all those named.
    """
    mixed = quirks >= frozenset(QUIRKS)
    traits: dict[str, Any] = {
        name: name in quirks and _has(rng, mixed) for name in TRAITS
    }
    if mixed and traits["no_uuid"]:
        # With neither, nobody could tell whose a late result is.
        traits["no_endpoint"] = False
    forms = [form for form in FORMS if form in quirks]
    form = rng.choice([Form.JSON, *forms] if mixed or not forms else forms)
    chances: dict[str, Any] = {
        name: RATE if name in quirks else 0.0 for name in CHANCES
    }
    return Habits(form=form, **traits, **chances)


def _has(rng: Random, mixed: bool) -> bool:
    return not mixed or rng.random() < SHARE
