"""`pushserver upgrades`: change the version of what devices run, and follow it."""

import asyncio
import math
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

from cyclopts import App, Parameter

from pushserver.cli import following
from pushserver.cli.context import CliContext, InjectedContext, UsageError
from pushserver.cli.json_files import read_json
from pushserver.cli.task_options import (
    DEFAULT_TASK_OPTIONS,
    NO_TARGETS,
    Switch,
    TargetOptions,
    TaskOptions,
)
from pushserver.cli.tasks import FailureLimit, print_expected
from pushserver.client import Client, Json, iter_items

app = App(name="upgrades", help="Make, list, follow and steer upgrades of devices.")

COLUMNS = ("id", "name", "state", "targetVersion", "done", "devices", "failed")
FAILURE_COLUMNS = ("deviceId", "errorCode", "sourceVersion", "currentVersion", "error")


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
    pace
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
        upgrade = await client.create_upgrade(
            fields.pop("targets"),
            fields.pop("targetVersion", None),
            fields.pop("phases", None),
            idempotency_key=idempotency_key,
            **fields,
        )
        if task_options.dry_run:
            print_expected(context, upgrade)
            return 0
        if follow:
            context.print_note(f"Upgrade {upgrade['id']}")
            return await following.follow(
                context, client, upgrade, failures, UPGRADE_KIND
            )
    _print_upgrade(context, upgrade)
    return 0


def _read_upgrade_file(file: str) -> dict[str, Any]:
    """
    Return the upgrade in *file*; `-` is the standard input.

    Raises:
        Usage: it is no JSON object.
        OSError: it cannot be read.
    """
    name, fields = read_json(file)
    if not isinstance(fields, dict):
        raise UsageError(f"{name} is no JSON object.")
    return fields


def _merge_task_options(body: Json, task_options: TaskOptions) -> Json:
    """Return what is wanted with what the options say: most of it is its policy."""
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


@app.command(name="list")
@app.default
async def list_(*, limit: int = 50, context: InjectedContext) -> int:
    """
    List upgrades, newest first.

    Parameters
    ----------
    limit
        How many at most; 0 for all.
    """
    async with context.client() as client:
        upgrades = iter_items(client.upgrades, limit)
        await context.print_stream(
            upgrades if context.json else _to_rows(upgrades), COLUMNS
        )
    return 0


@app.command
async def show(
    upgrade_id: str, /, *, failures: FailureLimit = 50, context: InjectedContext
) -> int:
    """Show one upgrade, and what failed."""
    async with context.client() as client:
        upgrade = await client.upgrade(upgrade_id)
        if not context.json:
            context.print_fields(_to_row(upgrade))
        await following.print_failures(context, client, upgrade, failures, UPGRADE_KIND)
    return 0


@app.command(name="follow")
async def follow_(
    upgrade_id: str, /, *, failures: FailureLimit = 50, context: InjectedContext
) -> int:
    """
    Show how far an upgrade is, until it has ended or is paused, and what failed.

    The exit code is 0 only if all devices have the target version.
    """
    async with context.client() as client:
        upgrade = await client.upgrade(upgrade_id)
        return await following.follow(context, client, upgrade, failures, UPGRADE_KIND)


@app.command
async def pause(upgrade_id: str, /, *, context: InjectedContext) -> int:
    """Begin with no further device until the upgrade is resumed."""
    async with context.client() as client:
        _print_upgrade(context, await client.pause_upgrade(upgrade_id))
    return 0


@app.command
async def resume(upgrade_id: str, /, *, context: InjectedContext) -> int:
    """Go on with a paused upgrade; the failures so far are forgiven."""
    async with context.client() as client:
        _print_upgrade(context, await client.resume_upgrade(upgrade_id))
    return 0


@app.command
async def cancel(upgrade_id: str, /, *, context: InjectedContext) -> int:
    """Cancel an upgrade; steps in flight run to their end."""
    async with context.client() as client:
        _print_upgrade(context, await client.cancel_upgrade(upgrade_id))
    return 0


@app.command
async def retry(upgrade_id: str, /, *, context: InjectedContext) -> int:
    """Begin anew on the devices that failed."""
    async with context.client() as client:
        _print_upgrade(context, await client.retry_upgrade(upgrade_id))
    return 0


def counts_by_label(upgrade: Json) -> dict[str, int]:
    """Return an upgrade's counts by their words; idle are here those that run."""
    states, results = upgrade["states"], upgrade["results"]
    return {
        "waiting": states["waiting"],
        "idle": states["idle"] - sum(results.values()),
        "downloading": states["downloading"],
        "downloaded": states["downloaded"],
        "updating": states["updating"],
        "completed": results["SUCCESS"],
        "failed": results["FAIL"],
    }


async def _list_failures(client: Client, upgrade_id: str, limit: int) -> list[Json]:
    fetch_page = partial(client.upgrade_devices, upgrade_id, result="FAIL")
    return [each async for each in iter_items(fetch_page, limit)]


UPGRADE_KIND = following.ResourceKind(
    noun="upgrade",
    command_group="upgrades",
    fetch=Client.upgrade,
    counts_by_label=counts_by_label,
    list_failures=_list_failures,
    columns=FAILURE_COLUMNS,
)


def _print_upgrade(context: CliContext, upgrade: Json) -> None:
    context.print_fields(upgrade if context.json else _to_row(upgrade))


def _to_row(upgrade: Json) -> Json:
    """Return an upgrade as people read it: its counts one by one, no fractions."""
    hidden = ("waiting", "counts", "results", "failures", "failuresCursor")
    fields = {k: v for k, v in upgrade.items() if k not in hidden}
    index = list(fields).index("states")
    items = list(fields.items())
    items[index : index + 1] = counts_by_label(upgrade).items()
    return {**dict(items), "done": f"{math.floor(100 * upgrade['done'])} %"}


async def _to_rows(upgrades: AsyncIterator[Json]) -> AsyncIterator[Json]:
    async for upgrade in upgrades:
        yield _to_row(upgrade)
