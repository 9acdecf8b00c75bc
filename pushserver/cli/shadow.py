"""`pushserver shadow`: what should be on devices, and what is."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec
from cyclopts import App, Parameter

from pushserver.cli.context import CliContext, InjectedContext, UsageError
from pushserver.cli.pairs import parse_body
from pushserver.cli.resource_kind import TASK_KIND
from pushserver.cli.task_commands import FailureLimit, report_created
from pushserver.cli.task_options import (
    DEFAULT_TASK_OPTIONS,
    NO_TARGETS,
    Switch,
    TargetOptions,
    TaskOptions,
)
from pushserver.client import Json

if TYPE_CHECKING:
    from pushserver.client.types import TargetsInput

app = App(name="shadow", help="Say what should be on devices, and see what is.")

COLUMNS = ("service", "property", "desired", "reported", "status", "error")
COMMAND_COLUMNS = ("id", "deviceId", "endpoint", "state", "createdAt")


@app.command
async def show(device_id: str, /, *, context: InjectedContext) -> int:
    """Show what is desired of a device, what it reported, and how that stands."""
    async with context.client() as client:
        _print_shadow(context, await client.shadows.get(device_id))
    return 0


@app.command(name="set")
async def set_(
    *words: str,
    targets: Annotated[TargetOptions, Parameter(name="*")] = NO_TARGETS,
    task_options: Annotated[TaskOptions, Parameter(name="*")] = DEFAULT_TASK_OPTIONS,
    if_match: str | None = None,
    follow: Switch = False,
    failures: FailureLimit = 50,
    idempotency_key: str | None = None,
    context: InjectedContext,
) -> int:
    """
    Change what is desired of a device, or of many as a task.

    pushserver shadow set 478435 general.language=pt_BR ntp.enabled:=true

    Parameters
    ----------
    words
        The device's id, unless others are meant, and pairs: service.property=text, or
        :=JSON; :=null takes away.
    targets
        Which devices are meant, if many.
    task_options
        How the task goes.
    if_match
        Only if the shadow still has this version.
    follow
        Show how far the task is, until it has ended; exit code 1 unless all COMPLETED.
    idempotency_key
        With the same key the same task is made once, whatever happens.
    """
    if targets != NO_TARGETS:
        if if_match is not None:
            raise UsageError("--if-match is for one device.")
        meant = cast("TargetsInput", targets.api_fields())
        change = meant, parse_desired(words)
        async with context.client() as client:
            task = await client.shadows.update_desired_of_many(
                *change, idempotency_key=idempotency_key, **task_options.api_fields()
            )
            return await report_created(
                context, client, TASK_KIND, task, failures if follow else None
            )
    task_fields = task_options.api_fields()
    expires_in = task_fields.pop("expiresIn", None)
    if task_fields or follow or idempotency_key:
        raise UsageError("A task is for many devices: --device, --tag, or --all.")
    if not words or "=" in words[0]:
        raise UsageError(
            "Say which device, or which devices: --device, --tag, or --all."
        )
    async with context.client() as client:
        shadow = await client.shadows.update_desired(
            words[0], parse_desired(words[1:]), if_match=if_match, expires_in=expires_in
        )
    _print_shadow(context, shadow)
    return 0


@app.command
async def refresh(device_id: str, /, *names: str, context: InjectedContext) -> int:
    """
    Ask a device what it has of all that is known of.

    Parameters
    ----------
    device_id
        Which device.
    names
        Properties beside those: service.property.
    """
    keys: dict[str, list[str]] = {}
    for name in names:
        service, key = _split_property(name)
        keys.setdefault(service, []).append(key)
    async with context.client() as client:
        context.print_table(
            await client.shadows.refresh(device_id, keys), COMMAND_COLUMNS
        )
    return 0


def parse_desired(pairs: Iterable[str]) -> dict[str, dict[str, Any]]:
    """
    Return what pairs desire: `service.property=text`, `service.property:=JSON`.

    Raises:
        UsageError: a pair is malformed, repeated, or does not hold JSON.
    """
    desired: dict[str, dict[str, Any]] = {}
    for name, value in parse_body(pairs).items():
        service, key = _split_property(name)
        desired.setdefault(service, {})[key] = value
    return desired


def _split_property(name: str) -> tuple[str, str]:
    service, dot, key = name.partition(".")
    if not dot or not service or not key:
        raise UsageError(f"{name!r} is not service.property.")
    return service, key


def _print_shadow(context: CliContext, shadow: Json) -> None:
    if context.json:
        context.print_json(shadow)
        return
    context.print_line(f"Device {shadow['deviceId']}, version {shadow['version']}")
    context.print_rows(_property_rows(shadow), COLUMNS)


def _format_desired(value: Any) -> str | None:
    """Return a desired value as it was given, a switch as `true` or `false`."""
    is_plain = value is None or isinstance(value, str)
    return value if is_plain else msgspec.json.encode(value).decode()


def _property_rows(shadow: Json) -> Iterator[Json]:
    """Yield a row for each property that is desired or reported."""
    for service_id, service in shadow["services"].items():
        desired, reported = service["desired"], service["reported"]
        for name in sorted({*desired, *reported}):
            yield {
                "service": service_id,
                "property": name,
                "desired": _format_desired(desired.get(name)),
                "reported": reported.get(name),
                "status": service["status"],
                "error": service.get("error"),
            }
