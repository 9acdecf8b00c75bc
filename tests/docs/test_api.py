"""docs/api.md says what the program does: calls, codes, states, endpoints."""

import re
from collections.abc import Iterator
from pathlib import Path

from pushserver.errors import Misconfigured, PushServerError
from pushserver.model.command import DeliveryOutcome, MatchedBy
from pushserver.model.guarantee import DeliveryGuarantee, EndpointDefaults
from pushserver.model.state import TRANSITIONS, CommandEvent, CommandState
from pushserver.model.token import Permission
from pushserver.model.withdrawal import MAX_ENDED_AT_ONCE
from pushserver.protocols.controlid.catalogue import CATALOGUE
from pushserver.protocols.controlid.refusals import REFUSALS
from pushserver.web.api import ROUTES
from pushserver.web.problems import STATUS_BY_ERROR

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/api.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
#: Dressed in the web layer from aiohttp's own error, so no class of ours has it.
METHOD_NOT_ALLOWED = ("method-not-allowed", 405)

_CALL = re.compile(
    r"^\| `(?P<method>GET|POST|PUT|PATCH|DELETE) (?P<path>/\S*)` \|"
    r" [^|]+ \| `?(?P<permission>[a-z:]+)`? \|$",
    re.MULTILINE,
)
_CODE = re.compile(r"^\| `(?P<code>[a-z-]+)` \| (?P<status>\d{3}) \|", re.MULTILINE)
_ARROW = re.compile(r"^ +(?P<a>\w+) --> (?P<b>\w+): (?P<events>.+)$", re.MULTILINE)
_ENDPOINT = re.compile(
    r"^\| `(?P<name>\w+)` \| `(?P<delivery>\w+)` \| (?P<count>\d+) (?P<unit>h|s)"
    r" \| (?P<slow>slow )?\| [^|]*\|$",
    re.MULTILINE,
)
_REFUSAL = re.compile(
    r"^\| `(?P<name>\w+)` \| `(?P<field>\w+)` `[^`]+`"
    r" \| (?:an item of `(?P<items>\w+)`|the response) \| [^|]+ \|$",
    re.MULTILINE,
)
_SECONDS = {"h": 3600, "s": 1}


def _shape(path: str) -> str:
    """Return *path* below the API's base, with its parameters unnamed."""
    return re.sub(r"\{[^}]*\}", "{}", path.removeprefix("/api/v1"))


def _section(heading: str) -> str:
    """Return the part of the page under *heading*."""
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def _kinds(root: type[PushServerError]) -> Iterator[type[PushServerError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _kinds(kind)


def _status(kind: type[PushServerError]) -> int:
    return next(
        STATUS_BY_ERROR[each] for each in kind.__mro__ if each in STATUS_BY_ERROR
    )


def test_every_call_is_listed() -> None:
    """
    The table of calls has those that are served, with the permission each needs.
    """
    served = {
        (route.method, _shape(route.path), str(route.permission or "none"))
        for route in ROUTES
    }
    listed = {
        (found["method"], _shape(found["path"]), found["permission"])
        for found in _CALL.finditer(_section("All calls"))
    }

    assert served == listed


def test_every_problem_code_is_listed() -> None:
    """
    The table of errors has each code that a caller may see, with its status.
    """
    # A server that is misconfigured does not start, so no caller sees that.
    kinds = set(_kinds(PushServerError)) - {Misconfigured, *_kinds(Misconfigured)}
    raised = {(kind.code, _status(kind)) for kind in kinds} | {METHOD_NOT_ALLOWED}
    listed = {
        (found["code"], int(found["status"]))
        for found in _CODE.finditer(_section("Errors"))
    }

    assert raised == listed


def test_the_diagram_is_the_table_of_states() -> None:
    """
    The arrows of the diagram are the transitions that the program makes.
    """
    expected = {
        (str(source), str(transition.target), str(event))
        for event, transition in TRANSITIONS.items()
        for source in transition.sources
    }
    drawn = {
        (found["a"], found["b"], event)
        for found in _ARROW.finditer(PAGE)
        for event in found["events"].split(", ")
    }

    assert expected == drawn


def test_the_readme_draws_no_arrow_of_its_own() -> None:
    """
    The README's simpler diagram has only arrows that the program makes.
    """
    allowed = {
        (str(source), str(transition.target))
        for transition in TRANSITIONS.values()
        for source in transition.sources
    }
    drawn = {(found["a"], found["b"]) for found in _ARROW.finditer(README)}

    assert drawn
    assert set() == drawn - allowed


def test_the_endpoints_are_those_of_the_catalogue() -> None:
    """
    The table of endpoints equals the catalogue.
    """
    listed = {
        found["name"]: EndpointDefaults(
            DeliveryGuarantee(found["delivery"]),
            int(found["count"]) * _SECONDS[found["unit"]],
            slow=found["slow"] is not None,
        )
        for found in _ENDPOINT.finditer(PAGE)
    }

    assert dict(CATALOGUE) == listed


def test_refusals_are_those_of_the_catalogue() -> None:
    """
    The table of responses that say no has each rule, with its field and its items.
    """
    listed = {
        found["name"]: (found["field"], found["items"])
        for found in _REFUSAL.finditer(PAGE)
    }

    assert {name: (rule.field, rule.items) for name, rule in REFUSALS.items()} == listed


def test_every_word_of_a_command_is_explained() -> None:
    """
    States, events, outcomes, ways of matching and permissions are all named.
    """
    words = (
        *CommandState,
        *CommandEvent,
        *DeliveryOutcome,
        *MatchedBy,
        *Permission,
        *DeliveryGuarantee,
    )
    missing = [word for word in words if f"`{word}`" not in PAGE]

    assert [] == missing


def test_how_many_commands_end_in_a_commit() -> None:
    """
    What the page says of taking many back, and of deleting a device, is so.
    """
    sentences = (
        f"taken back in one commit, up to {MAX_ENDED_AT_ONCE} of them",
        f"of more than {MAX_ENDED_AT_ONCE} waiting commands",
    )

    assert [] == [each for each in sentences if each not in PAGE]
