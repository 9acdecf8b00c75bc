"""`pushserver simulate`: a fleet of devices for users who have no hardware yet."""

import asyncio
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
import msgspec
from cyclopts import Parameter

from pushserver.cli.context import CliContext, CliError, InjectedContext, UsageError
from pushserver.interrupts import EXIT_INTERRUPTED

# Help does without it, and starts faster for that.
if TYPE_CHECKING:
    from pushserver.simulate import FleetPlan, Journal


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class FleetOptions:
    """What the fleet is like."""

    devices: int = 100
    "How many devices."
    period: float = 5.0
    "Seconds between two polls of an idle device."
    seed: int = 1
    "The same seed makes the same devices."
    duration: float | None = None
    "Seconds to run; without it, until Ctrl-C."
    first_id: int = 1000
    "The first device's id; the others follow."
    quirks: str = "all"
    "Habits of firmware: all, none, or names with commas; a wrong one lists them."
    prefix: str = ""
    "A path before /push and /result, as in push_remote_address."
    keys: Path | None = None
    "A file with a device's id and key on each line."
    hold_timeout: float = 30.0
    "Seconds that a device waits for the answer to its poll."
    journal: Path | None = None
    "A file to write what each device did, as NDJSON."
    images: Path | None = None
    "A folder to save the photos that the devices receive."
    adopt: Annotated[bool, Parameter(negative=())] = False
    "Make the devices known to the server first; needs a token."


async def simulate(
    *,
    options: Annotated[FleetOptions, Parameter(name="*")] = FleetOptions(),
    context: InjectedContext,
) -> int:
    """
    Poll a server as a fleet of devices would, with the habits of real firmware.

    What an upgrade needs they have in words of their own: firmware_load, whose body
    says a version, and firmware_install; system_information tells the version then.
    """
    plan = _build_plan(context.server, options)
    if options.adopt:
        await _import_devices(context, plan)
    journal = _open_journal(options.journal)
    try:
        is_interrupted = await _run_fleet(context, plan, journal, options.duration)
    finally:
        journal.close()
    _print_counts(context, journal.counts)
    if journal.counts["polls"] == journal.counts["unreachable"] > 0:
        raise CliError(f"No poll was answered by {context.server}.")
    return EXIT_INTERRUPTED if is_interrupted else 0


def parse_device_keys(text: str) -> dict[int, str]:
    """
    Return the keys in *text*, a device's id and its key on each line.

    Raises:
        CliError: a line is something else.
    """
    keys = {}
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.replace(",", " ").split()
        if not fields:
            continue
        try:
            device, key = fields
            keys[int(device)] = key
        except ValueError:
            raise CliError(f"Line {number} is not a device id and a key.") from None
    return keys


def _build_plan(server: str, options: FleetOptions) -> "FleetPlan":
    from pushserver.simulate import FleetPlan, parse_quirk_names  # noqa: PLC0415

    try:
        quirk_names = parse_quirk_names(options.quirks)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if options.devices < 1 or options.period < 0 or options.hold_timeout <= 0:
        raise UsageError("--devices, --period and --hold-timeout must be positive.")
    if options.images:
        options.images.mkdir(parents=True, exist_ok=True)
    return FleetPlan(
        server=server,
        devices=options.devices,
        first_id=options.first_id,
        seed=options.seed,
        period=options.period,
        hold_timeout=options.hold_timeout,
        quirk_names=quirk_names,
        prefix=options.prefix,
        keys=parse_device_keys(options.keys.read_text("utf-8")) if options.keys else {},
        images=options.images,
    )


def _open_journal(path: Path | None) -> "Journal":
    from pushserver.simulate import Journal  # noqa: PLC0415

    return Journal.open_file(path) if path else Journal(keep_entries=False)


async def _import_devices(context: CliContext, plan: "FleetPlan") -> None:
    lines = (msgspec.json.encode({"deviceId": str(each)}) for each in plan.ids)
    async with context.client() as client:
        await client.devices.import_file(b"\n".join(lines))


async def _run_fleet(
    context: CliContext, plan: "FleetPlan", journal: "Journal", duration: float | None
) -> bool:
    """Run the fleet until its end; tell whether Ctrl-C was that."""
    from pushserver.simulate import SimulatedFleet  # noqa: PLC0415

    _raise_open_file_limit()
    stop, interrupted = asyncio.Event(), asyncio.Event()

    def interrupt() -> None:
        interrupted.set()
        stop.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, interrupt)
    if duration is not None:
        loop.call_later(duration, stop.set)
    context.print_note(_describe(plan))
    async with SimulatedFleet.opened(plan, journal) as fleet:
        await fleet.run(stop)
    return interrupted.is_set()


def _describe(plan: "FleetPlan") -> str:
    what = f"{plan.server} every {plan.period:g} s"
    if plan.devices == 1:
        return f"1 device polls {what}. Ctrl-C stops it."
    return f"{plan.devices} devices poll {what}. Ctrl-C stops them."


def _raise_open_file_limit() -> None:
    """Raise the limit of open files as far as allowed: each held poll needs one."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))


def _print_counts(context: CliContext, counts: Counter[str]) -> None:
    if context.json:
        context.print_json(dict(counts))
    else:
        rows = ({"what": name, "times": counts[name]} for name in sorted(counts))
        context.print_table(rows, ("what", "times"))
