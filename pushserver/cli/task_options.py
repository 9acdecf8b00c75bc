"""Options of tasks: which devices they are for, and how they proceed."""

from typing import Annotated, Any

import attrs
from cyclopts import Parameter

from pushserver.cli.api_fields import given_options
from pushserver.cli.choices import choose_each
from pushserver.cli.context import UsageError
from pushserver.cli.pairs import parse_tags
from pushserver.model.task import TaskState

#: The states that a task can be seen in.
SHOWN_STATES = [each for each in TaskState if each is not TaskState.PREPARING]
#: An option without a value.
Switch = Annotated[bool, Parameter(negative=())]


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class TargetOptions:
    """Which devices are meant, in exactly one of three ways."""

    device: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "A device's id; may be repeated."
    tag: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "Devices with this tag, key=value; may be repeated: with all of them."
    all: Switch = False
    "Every device."

    def api_fields(self) -> dict[str, Any]:
        """
        Return what is given, as the API names it.

        Raises:
            UsageError: not exactly one of the options is given, or a tag is malformed.
        """
        if bool(self.device) + bool(self.tag) + self.all != 1:
            raise UsageError("Say which devices: --device, --tag, or --all.")
        if self.device:
            return {"deviceIds": list(self.device)}
        return {"tags": parse_tags(self.tag)} if self.tag else {"all": True}


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class TaskOptions:
    """How the task goes."""

    name: str | None = None
    "A name for people."
    concurrency: int | None = None
    "How many devices work at once, at most."
    stop_after_failures: str | None = None
    "Pause after so many failures: 5, or 5% of the devices."
    expires_in: int | None = None
    "Seconds after which devices that have not begun do not begin any more."
    dry_run: Switch = False
    "Only tell who would be hit."

    def api_fields(self) -> dict[str, Any]:
        """Return what is given, as the API names it."""
        names = ("name", "concurrency", "stop_after_failures", "expires_in")
        dry_run = {"dryRun": True} if self.dry_run else {}
        return given_options(self, names) | dry_run


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class TaskFilters:
    """Which tasks, or upgrades, to list."""

    state: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "Only those that are RUNNING, PAUSED, CANCELED or COMPLETED; may be repeated."
    name: str | None = None
    "Only those with just this name."
    created_by: str | None = None
    "Only those of the token with this id."

    def query_params(self) -> dict[str, Any]:
        """Return the filters as the API names them."""
        return {
            "state": choose_each(self.state, SHOWN_STATES, "state"),
            "name": self.name,
            "createdBy": self.created_by,
        }


#: The defaults where no option is given.
NO_TARGETS = TargetOptions()
DEFAULT_TASK_OPTIONS = TaskOptions()
ALL_TASKS = TaskFilters()
