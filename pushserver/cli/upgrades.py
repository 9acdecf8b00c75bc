"""`pushserver upgrades`: change the version of what devices run, and follow it."""

import asyncio
import math
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

from cyclopts import App, Parameter

from pushserver.cli import following
from pushserver.cli.here import Here, InHere, Usage
from pushserver.cli.steps import json_in
from pushserver.cli.targets import AT_WILL, NOBODY, Flag, Pace, Targets
from pushserver.cli.tasks import Failures, show_expected
from pushserver.client import Client, Json, every

app = App(name="upgrades", help="Make, list, follow and steer upgrades of devices.")

COLUMNS = ("id", "name", "state", "targetVersion", "done", "devices", "failed")
FAILURES = ("deviceId", "errorCode", "sourceVersion", "currentVersion", "error")


@app.command
async def make(
    *,
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    targets: Annotated[Targets, Parameter(name="*")] = NOBODY,
    pace: Annotated[Pace, Parameter(name="*")] = AT_WILL,
    idempotency_key: str | None = None,
    follow: Flag = False,
    failures: Failures = 50,
    here: InHere,
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
    body = {**await asyncio.to_thread(_wanted_in, file), "targets": targets.body()}
    fields = _with_pace(body, pace)
    async with here.client() as client:
        made = await client.make_upgrade(
            fields.pop("targets"),
            fields.pop("targetVersion", None),
            fields.pop("phases", None),
            idempotency_key=idempotency_key,
            **fields,
        )
        if pace.dry_run:
            show_expected(here, made)
            return 0
        if follow:
            here.note(f"Upgrade {made['id']}")
            return await following.follow(here, client, made, failures, UPGRADE)
    _show(here, made)
    return 0


def _wanted_in(file: str) -> dict[str, Any]:
    """
    Return the upgrade in *file*; `-` is the standard input.

    Raises:
        Usage: it is no JSON object.
        OSError: it cannot be read.
    """
    name, wanted = json_in(file)
    if not isinstance(wanted, dict):
        raise Usage(f"{name} is no JSON object.")
    return wanted


def _with_pace(body: Json, pace: Pace) -> Json:
    """Return what is wanted with what the options say: most of it is its policy."""
    said = pace.fields()
    own: Json = {name: said.pop(name) for name in ("name", "dryRun") if name in said}
    policy = body.get("policy", {})
    if said and isinstance(policy, dict):
        policy = {**policy, **said}
    return {**body, **own, **({"policy": policy} if policy else {})}


@app.command(name="list")
@app.default
async def list_(*, limit: int = 50, here: InHere) -> int:
    """
    List upgrades, newest first.

    Parameters
    ----------
    limit
        How many at most; 0 for all.
    """
    async with here.client() as client:
        found = every(client.upgrades, limit)
        await here.stream(found if here.json else _each_flat(found), COLUMNS)
    return 0


@app.command
async def show(upgrade_id: str, /, *, failures: Failures = 50, here: InHere) -> int:
    """Show one upgrade, and what failed."""
    async with here.client() as client:
        upgrade = await client.upgrade(upgrade_id)
        if not here.json:
            here.show(_flat(upgrade))
        await following.tell(here, client, upgrade, failures, UPGRADE)
    return 0


@app.command(name="follow")
async def follow_(upgrade_id: str, /, *, failures: Failures = 50, here: InHere) -> int:
    """
    Show how far an upgrade is, until it has ended or is paused, and what failed.

    The exit code is 0 only if all devices have the target version.
    """
    async with here.client() as client:
        upgrade = await client.upgrade(upgrade_id)
        return await following.follow(here, client, upgrade, failures, UPGRADE)


@app.command
async def pause(upgrade_id: str, /, *, here: InHere) -> int:
    """Begin with no further device until the upgrade is resumed."""
    async with here.client() as client:
        _show(here, await client.pause_upgrade(upgrade_id))
    return 0


@app.command
async def resume(upgrade_id: str, /, *, here: InHere) -> int:
    """Go on with a paused upgrade; the failures so far are forgiven."""
    async with here.client() as client:
        _show(here, await client.resume_upgrade(upgrade_id))
    return 0


@app.command
async def cancel(upgrade_id: str, /, *, here: InHere) -> int:
    """Cancel an upgrade; steps in flight run to their end."""
    async with here.client() as client:
        _show(here, await client.cancel_upgrade(upgrade_id))
    return 0


@app.command
async def retry(upgrade_id: str, /, *, here: InHere) -> int:
    """Begin anew on the devices that failed."""
    async with here.client() as client:
        _show(here, await client.retry_upgrade(upgrade_id))
    return 0


def counted(upgrade: Json) -> dict[str, int]:
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


async def _failures(client: Client, upgrade_id: str, limit: int) -> list[Json]:
    ask = partial(client.upgrade_devices, upgrade_id, result="FAIL")
    return [each async for each in every(ask, limit)]


UPGRADE = following.Kind(
    noun="upgrade",
    group="upgrades",
    ask=Client.upgrade,
    counted=counted,
    failures=_failures,
    columns=FAILURES,
)


def _show(here: Here, upgrade: Json) -> None:
    here.show(upgrade if here.json else _flat(upgrade))


def _flat(upgrade: Json) -> Json:
    """Return an upgrade as people read it: its counts one by one, no fractions."""
    left_out = ("waiting", "counts", "results", "failures", "failuresCursor")
    fields = {k: v for k, v in upgrade.items() if k not in left_out}
    at = list(fields).index("states")
    flat = list(fields.items())
    flat[at : at + 1] = counted(upgrade).items()
    return {**dict(flat), "done": f"{math.floor(100 * upgrade['done'])} %"}


async def _each_flat(upgrades: AsyncIterator[Json]) -> AsyncIterator[Json]:
    async for upgrade in upgrades:
        yield _flat(upgrade)
