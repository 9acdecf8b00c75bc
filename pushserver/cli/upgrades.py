"""`pushserver upgrades`: change the version of what devices run, and follow it."""

import asyncio
from functools import partial
from typing import Annotated, Any

from cyclopts import App, Parameter

from pushserver.cli.choices import choose
from pushserver.cli.context import InjectedContext, UsageError
from pushserver.cli.id_commands import add_asking_command, add_id_commands
from pushserver.cli.json_files import read_json
from pushserver.cli.paging import ONE_PAGE, PageOptionsArg, print_list
from pushserver.cli.resource_kind import UPGRADE_KIND
from pushserver.cli.task_commands import (
    FailureLimit,
    add_commands,
    report_created,
)
from pushserver.cli.task_options import (
    DEFAULT_TASK_OPTIONS,
    NO_TARGETS,
    Switch,
    TargetOptions,
    TaskOptions,
)
from pushserver.client import Json
from pushserver.model.upgrade import DeviceUpgradeResult, DeviceUpgradeState

#: What a list of an upgrade's devices shows.
DEVICE_COLUMNS = (
    *("deviceId", "state", "result", "sourceVersion", "currentVersion"),
    *("errorCode", "error", "startedAt", "endedAt", "subOperationId"),
)

app = App(name="upgrades", help="Make, list, follow and steer upgrades of devices.")
add_commands(
    app,
    UPGRADE_KIND,
    list_="List upgrades, newest first.",
    show="Show one upgrade, and what failed.",
    follow="Show how far an upgrade is, until it has ended or is paused, and what"
    " failed.\n\nThe exit code is 0 only if all devices have the target version.",
)
add_id_commands(
    app,
    "upgrade_id",
    {
        "pause": (
            lambda client, upgrade_id: client.upgrades.pause(upgrade_id),
            "Begin with no further device until the upgrade is resumed.",
        ),
        "resume": (
            lambda client, upgrade_id: client.upgrades.resume(upgrade_id),
            "Go on with a paused upgrade; the failures so far are forgiven.",
        ),
        "retry": (
            lambda client, upgrade_id: client.upgrades.retry(upgrade_id),
            "Begin anew on the devices that failed.",
        ),
    },
    UPGRADE_KIND.print_resource,
)
add_asking_command(
    app,
    "upgrade_id",
    "cancel",
    (
        lambda client, upgrade_id: client.upgrades.cancel(upgrade_id),
        "Cancel an upgrade; steps in flight run to their end.",
        "Cancel upgrade {} on all devices that have not finished?",
    ),
    UPGRADE_KIND.print_resource,
)


@app.command
async def devices(
    upgrade_id: str,
    /,
    *,
    state: str | None = None,
    result: str | None = None,
    page: PageOptionsArg = ONE_PAGE,
    context: InjectedContext,
) -> int:
    """
    List the devices of an upgrade, and how far each is.

    Parameters
    ----------
    upgrade_id
        Whose devices.
    state
        Only those that are waiting, idle, downloading, downloaded or updating.
    result
        Only those that ended so: SUCCESS or FAIL.
    page
        How many.
    """
    filters: dict[str, Any] = {
        "state": state and choose(state, ["waiting", *DeviceUpgradeState], "state"),
        "result": result and choose(result, DeviceUpgradeResult, "result"),
    }
    async with context.client() as client:
        fetch = partial(client.upgrades.devices, upgrade_id, **filters)
        await print_list(context, client, fetch, DEVICE_COLUMNS, page)
    return 0


@app.command
async def make(
    *,
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    targets: Annotated[TargetOptions, Parameter(name="*")] = NO_TARGETS,
    task_options: Annotated[TaskOptions, Parameter(name="*")] = DEFAULT_TASK_OPTIONS,
    idempotency_key: str | None = None,
    follow: Switch = False,
    failures: FailureLimit = 50,
    context: InjectedContext,
) -> int:
    """
    Make an upgrade of many devices; it begins at once.

    Parameters
    ----------
    file
        A file with targetVersion, phases and policy, as the API takes them.
    targets
        Which devices are meant.
    task_options
        How the upgrade goes; it goes before the file.
    idempotency_key
        The same key makes it once, however often it is sent.
    follow
        Show how far it is, until it has ended; exit code 1 unless all succeeded.
    """
    body = {
        **await asyncio.to_thread(_read_upgrade_file, file),
        "targets": targets.api_fields(),
    }
    fields = _merge_task_options(body, task_options)
    async with context.client() as client:
        upgrade = await client.upgrades.create(
            fields.pop("targets"),
            fields.pop("targetVersion", None),
            fields.pop("phases", None),
            idempotency_key=idempotency_key,
            **fields,
        )
        return await report_created(
            context, client, UPGRADE_KIND, upgrade, failures if follow else None
        )


def _read_upgrade_file(file: str) -> dict[str, Any]:
    """
    Return the upgrade in *file*; `-` is the standard input.

    Raises:
        UsageError: it is not a JSON object.
        OSError: it cannot be read.
    """
    name, fields = read_json(file)
    if not isinstance(fields, dict):
        raise UsageError(f"{name} is not a JSON object.")
    return fields


def _merge_task_options(body: Json, task_options: TaskOptions) -> dict[str, Any]:
    """Return *body* with the options merged in, most of them into its policy."""
    option_fields = task_options.api_fields()
    top_level: Json = {
        name: option_fields.pop(name)
        for name in ("name", "dryRun")
        if name in option_fields
    }
    policy = body.get("policy", {})
    if option_fields and isinstance(policy, dict):
        policy = {**policy, **option_fields}
    return {**body, **top_level, **({"policy": policy} if policy else {})}
