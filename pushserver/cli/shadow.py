"""`pushserver shadow`: what should be on devices, and what is."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from pushserver.cli import following
from pushserver.cli.here import Here, InHere, Usage
from pushserver.cli.pairs import body_of
from pushserver.cli.targets import AT_WILL, NOBODY, Flag, Pace, Targets
from pushserver.cli.tasks import Failures, show_expected, show_task
from pushserver.client import Json

app = App(name="shadow", help="Say what should be on devices, and see what is.")

COLUMNS = ("service", "property", "desired", "reported", "status", "error")
ASKED = ("id", "deviceId", "endpoint", "state", "createdAt")


@app.command
async def show(device_id: str, /, *, here: InHere) -> int:
    """Show what is desired of a device, what it reported, and how that stands."""
    async with here.client() as client:
        _show(here, await client.shadow(device_id))
    return 0


@app.command(name="set")
async def set_(
    *words: str,
    targets: Annotated[Targets, Parameter(name="*")] = NOBODY,
    pace: Annotated[Pace, Parameter(name="*")] = AT_WILL,
    if_match: str | None = None,
    follow: Flag = False,
    failures: Failures = 50,
    idempotency_key: str | None = None,
    here: InHere,
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
    pace
        How the task goes.
    if_match
        Only if the shadow still has this version.
    follow
        Show how far the task is, until it has ended; exit code 1 unless all COMPLETED.
    idempotency_key
        With the same key the same task is made once, whatever happens.
    """
    if targets != NOBODY:
        if if_match is not None:
            raise Usage("--if-match is for one device.")
        wanted = targets.body(), desired_of(words)
        how = (idempotency_key, failures if follow else None)
        return await _set_many(here, *wanted, pace, *how)
    given = pace.fields()
    expires_in = given.pop("expiresIn", None)
    if given or follow or idempotency_key:
        raise Usage("A task is for many devices: --device, --tag, or --all.")
    if not words or "=" in words[0]:
        raise Usage("Say which device, or which devices: --device, --tag, or --all.")
    async with here.client() as client:
        shadow = await client.desire(
            words[0], desired_of(words[1:]), if_match=if_match, expires_in=expires_in
        )
    _show(here, shadow)
    return 0


async def _set_many(
    here: Here,
    targets: Json,
    desired: Json,
    pace: Pace,
    key: str | None,
    failures: int | None,
) -> int:
    async with here.client() as client:
        made = await client.desire_of_many(
            targets, desired, idempotency_key=key, **pace.fields()
        )
        if pace.dry_run:
            show_expected(here, made)
            return 0
        if failures is not None:
            here.note(f"Task {made['id']}")
            return await following.follow(here, client, made, failures)
    show_task(here, made)
    return 0


@app.command
async def refresh(device_id: str, /, *names: str, here: InHere) -> int:
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
        service, key = _split(name)
        keys.setdefault(service, []).append(key)
    async with here.client() as client:
        here.table(await client.refresh_shadow(device_id, keys), ASKED)
    return 0


def desired_of(pairs: Iterable[str]) -> dict[str, dict[str, Any]]:
    """
    Return what pairs desire: `service.property=text`, `service.property:=JSON`.

    Raises:
        Usage: a pair is none, comes twice, or holds no JSON.
    """
    desired: dict[str, dict[str, Any]] = {}
    for name, value in body_of(pairs).items():
        service, key = _split(name)
        desired.setdefault(service, {})[key] = value
    return desired


def _split(name: str) -> tuple[str, str]:
    service, dot, key = name.partition(".")
    if not dot or not service or not key:
        raise Usage(f"{name!r} is no service.property.")
    return service, key


def _show(here: Here, shadow: Json) -> None:
    if here.json:
        here.object(shadow)
        return
    here.line(f"Device {shadow['deviceId']}, version {shadow['version']}")
    here.table(_rows(shadow), COLUMNS)


def _plain(value: Any) -> str | None:
    """Return a desired value as it was given, a switch as `true` or `false`."""
    plain = value is None or isinstance(value, str)
    return value if plain else msgspec.json.encode(value).decode()


def _rows(shadow: Json) -> Iterator[Json]:
    """Yield a row for each property that is desired or reported."""
    for service_id, service in shadow["services"].items():
        desired, reported = service["desired"], service["reported"]
        for name in sorted({*desired, *reported}):
            yield {
                "service": service_id,
                "property": name,
                "desired": _plain(desired.get(name)),
                "reported": reported.get(name),
                "status": service["status"],
                "error": service.get("error"),
            }
