"""The options of `pushserver enqueue`: its body, its delivery, and for whom it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast
from urllib.parse import urlencode

import attrs
from cyclopts import Parameter

from pushserver.cli.api_fields import given_options
from pushserver.cli.command_body import CommandBody, read_body
from pushserver.cli.context import UsageError
from pushserver.cli.enqueue_many import CommandForMany
from pushserver.cli.pairs import parse_text_pairs
from pushserver.client import Json

if TYPE_CHECKING:
    from pushserver.client.types import StepInput

#: The options that are fields of a command.
_COMMAND_OPTIONS = (
    "verb",
    "priority",
    "expires_in",
    "not_before",
    "response_timeout",
    "delivery",
    "max_attempts",
    "supersede",
)


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class EnqueueOptions:
    """How the command is delivered; what is not given is left to the server."""

    body: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    "The whole body as JSON, instead of pairs; from a @file, or - for the input."
    file: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None
    "A file that is the body, such as a photo; - is the standard input."
    content_type: str | None = None
    "The body's type; by default JSON, and bytes for a file not named .json."
    query: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "A parameter of the query string, key=value; may be repeated."
    verb: Literal["GET", "POST"] | None = None
    "The verb that the device uses."
    priority: int | None = None
    "From -100 to 100; the higher is handed out first."
    expires_in: int | None = None
    "Seconds after which it is not handed out any more."
    not_before: str | None = None
    "An instant (2026-11-20T13:00:00Z) before which it is not handed out."
    response_timeout: int | None = None
    "Seconds that the device has to answer."
    delivery: Literal["atLeastOnce", "atMostOnce"] | None = None
    "Whether it may be handed out again when no answer comes."
    max_attempts: int | None = None
    "How often it is handed out at most."
    supersede: str | None = None
    "A key: waiting commands of the device with the same key make room for this one."
    idempotency_key: str | None = None
    "The same key enqueues once, however often it is sent."
    to: str | None = None
    "Many devices, as a task: all, ids with commas, or tag:key=value."
    yes: Annotated[bool, Parameter(negative=())] = False
    "Do not ask whether many are meant."
    dry_run: Annotated[bool, Parameter(negative=())] = False
    "Only have the command checked, and show who would get it."
    adopt: Annotated[bool, Parameter(negative=())] = False
    "Create the device if it is not known yet."
    wait: float | None = None
    "Wait for the outcome, [SECONDS] long (120); exit code 1 unless SUCCESSFUL."

    def read_body(self, pairs: Sequence[str]) -> CommandBody:
        """Return the body, which is given as *pairs* or by an option."""
        return read_body(pairs, self.body, self.file, self.content_type)

    def for_many(self, to: str, fields: Json, body: CommandBody) -> CommandForMany:
        """
        Return the command with *fields* as a step for the devices that *to* means.

        Raises:
            UsageError: an option is for one device's queue.
        """
        if self.to is not None and (self.supersede or self.adopt):
            raise UsageError("--supersede and --adopt are for one device.")
        step = {k: v for k, v in fields.items() if k != "supersede"}
        key = self.idempotency_key
        return CommandForMany(
            to=to,
            step=cast("StepInput", step | body.json_fields()),
            idempotency_key=key,
        )

    def api_fields(self, endpoint: str) -> dict[str, Any]:
        """Return the command's fields but its body, as the API names them."""
        fields: dict[str, Any] = {"endpoint": endpoint}
        if self.query:
            fields["queryString"] = urlencode(parse_text_pairs(self.query))
        return fields | given_options(self, _COMMAND_OPTIONS)


DEFAULT_OPTIONS = EnqueueOptions()
