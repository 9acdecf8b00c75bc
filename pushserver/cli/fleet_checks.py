"""What `doctor` makes of devices and their commands: pure functions."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import attrs

from pushserver.cli.checks import Finding, Level, findings_about
from pushserver.client import Json

#: Seconds without a poll that are normal even for a device that polls often.
MIN_OFFLINE_AFTER = 30
#: Poll periods without a poll after which a device counts as offline.
OFFLINE_PERIODS = 3
#: Seconds in flight after which a command is reported.
LONG_IN_FLIGHT = 60
#: Seconds since an unknown request after which it says nothing of today's settings.
RECENT = 3600
#: How many devices are read one by one, at most.
MAX_INSPECTED = 100
#: As many devices hardly share one address.
MANY_DEVICES = 10
#: The most addresses that a line names.
_MAX_SHUT_OUT = 10

QUARANTINE = Finding(
    Level.NOTICE,
    "quarantine",
    "Devices that wait in quarantine",
    "Run `pushserver devices adopt ID` for those that are yours.",
)
NEVER_POLLED = Finding(
    Level.NOTICE,
    "unseen",
    "Devices that never polled",
    "Set push_server.push_remote_address on the device to this server, and check that"
    " the id is its deviceId and not its serial.",
)
#: One may be switched off, which is nobody's fault.
OFFLINE = Finding(
    Level.NOTICE,
    "offline",
    "Devices that stopped polling",
    "Check their power and network, and that the address did not change.",
)
CONFLICT = Finding(
    Level.WRONG,
    "identityConflict",
    "Devices that two addresses poll as in turn",
    "Two terminals have one id: find both by `address`, and give one another deviceId,"
    " or give the right one a key with `pushserver devices key ID`.",
)
KEYLESS = Finding(
    Level.WRONG,
    "key",
    "Keys that are not enforced",
    "Give the device its new address. If it was not the device that polled without its"
    " key, run `pushserver devices key ID --enforce`.",
)
NOT_PUSH = Finding(
    Level.NOTICE,
    "unknownCalls",
    "Devices that made calls that are not Push",
    "Nothing is there, so they got 404; `pushserver devices show ID` has the paths.",
)
OVERDUE = Finding(
    Level.WRONG,
    "inFlight",
    "Commands whose time is over, and that are still in flight",
    "See worker.round_failed in the server's log.",
)
LONG_UNANSWERED = Finding(
    Level.NOTICE,
    "inFlight",
    f"Commands in flight for over {LONG_IN_FLIGHT} s",
    "Nothing yet: each is given up when its responseTimeout is over.",
)
HELD = Finding(
    Level.NOTICE,
    "held",
    "Commands that are held after a restore",
    "See `pushserver commands --held`, then `commands release ID`, or `commands cancel"
    " ID` for what was done already.",
)


def check_fleet(devices: Sequence[Json], now: datetime) -> list[Finding]:
    """Judge the devices: quarantined ones, those that never polled or stopped."""
    adopted = [device for device in devices if device["state"] == "adopted"]
    findings = [
        *findings_about([d for d in devices if d["state"] != "adopted"], QUARANTINE),
        *findings_about([d for d in adopted if "lastSeenAt" not in d], NEVER_POLLED),
        *findings_about([d for d in adopted if _is_offline(d, now)], OFFLINE),
        *_judge_conflicts([d for d in adopted if "identityConflictAt" in d]),
        *findings_about([d for d in adopted if "keyless" in d], KEYLESS, _say_keyless),
    ]
    healthy = sum(_is_healthy(device, now) for device in adopted)
    ok_text = f"Devices that poll as they should: {healthy}."
    if healthy or not findings:
        findings.insert(0, Finding(Level.OK, "devices", ok_text))
    return findings


def devices_to_inspect(devices: Sequence[Json], now: datetime) -> list[str]:
    """Return the ids of the devices to read one by one, unhealthy ones first."""
    sorted_devices = sorted(devices, key=lambda device: _is_healthy(device, now))
    return [device["deviceId"] for device in sorted_devices[:MAX_INSPECTED]]


def check_unknown_requests(devices: Sequence[Json], now: datetime) -> list[Finding]:
    """
    Judge what devices sent that is no Push: one line for each cause.

    Only what came of late says something of a device's settings today, and it is wrong
    only of one that does not poll: with the others it is something beside Push.
    """
    by_hint: dict[str, list[Json]] = defaultdict(list)
    for device in devices:
        calls = device.get("unknownCalls", {}).get("last", ())
        recent = [call for call in calls if age_seconds(call["at"], now) < RECENT]
        hints = {hint_for_path(call["path"]) or "" for call in recent}
        for hint in (hints - {""}) or hints:
            by_hint[hint].append(device)
    return [
        finding
        for hint, found in by_hint.items()
        for finding in _judge_unknown_requests(hint, found, now)
    ]


def check_addresses(devices: Sequence[Json]) -> list[Finding]:
    """Judge whether a proxy hides where devices are: many come from one address."""
    addresses = {device["address"] for device in devices if "address" in device}
    seen = sum("address" in device for device in devices)
    if seen < MANY_DEVICES or len(addresses) > 1:
        return []
    found = f"All {seen} devices come from the one address {addresses.pop()}."
    todo = "If that is a proxy of yours, name its network in TRUSTED_PROXIES."
    return [Finding(Level.NOTICE, "proxies", found, todo)]


def check_in_flight(commands: Iterable[Json], now: datetime) -> list[Finding]:
    """Judge the commands in flight that their devices have not answered."""
    long, overdue = list[Json](), list[Json]()
    for command in commands:
        age = age_seconds(command.get("sentAt"), now)
        if age > command.get("responseTimeout", 0) + LONG_IN_FLIGHT:
            overdue.append(command)
        elif age > LONG_IN_FLIGHT:
            long.append(command)
    findings = [
        *findings_about(overdue, OVERDUE, itemgetter("id")),
        *findings_about(long, LONG_UNANSWERED, itemgetter("id")),
    ]
    return findings or [
        Finding(Level.OK, "commands", "No command is in flight for long.")
    ]


def check_held(commands: Sequence[Json]) -> list[Finding]:
    """Judge the commands that wait for somebody's decision after a restore."""
    return findings_about(commands, HELD, itemgetter("id"))


def hint_for_path(path: str) -> str | None:
    """Return what an unknown request to *path* says about the device's settings."""
    if "/api/notifications" in path:
        return "the Monitor is pointed here: empty monitor.hostname on the device"
    if path.partition("?")[0].rstrip("/").endswith(".fcgi"):
        return (
            "the online mode is pointed here, where nobody decides who may pass, so a"
            " device gets 404 and decides by itself: switch it off, or point it"
            " elsewhere"
        )
    parts = path.partition("?")[0].rstrip("/").split("/")
    if parts.count("push") + parts.count("result") > 1:
        return "push_remote_address ends in /push or /result: leave that away"
    if parts[-1] in ("push", "result"):
        return "the key is left out: give the device the address of `devices key`"
    return None


def _judge_unknown_requests(
    hint: str, devices: Sequence[Json], now: datetime
) -> list[Finding]:
    if not hint:
        return findings_about(devices, NOT_PUSH)
    is_well = all(_is_healthy(device, now) for device in devices)
    level = Level.NOTICE if is_well else Level.WRONG
    finding = attrs.evolve(NOT_PUSH, level=level, todo=f"Perhaps {hint}.")
    return findings_about(devices, finding)


def _judge_conflicts(devices: Sequence[Json]) -> list[Finding]:
    shut_out = sorted({d["shutOutAddress"] for d in devices if "shutOutAddress" in d})
    more = f" Shut out: {', '.join(shut_out[:_MAX_SHUT_OUT])}." if shut_out else ""
    return [
        attrs.evolve(finding, found=finding.found + more)
        for finding in findings_about(devices, CONFLICT)
    ]


def _say_keyless(device: Json) -> str:
    """Return a device, since when it is served without its key, and from where."""
    keyless = device["keyless"]
    since = f" since {keyless['since']}" if "since" in keyless else ""
    address = f" from {keyless['address']}" if "address" in keyless else ""
    return f"{device['deviceId']}{since}{address}"


def _is_healthy(device: Json, now: datetime) -> bool:
    has_polled = "lastSeenAt" in device
    return has_polled and device["state"] == "adopted" and not _is_offline(device, now)


def _is_offline(device: Json, now: datetime) -> bool:
    longest: float = max(device.get("pollPeriod", 0), device.get("hold", 0))
    offline_after = max(OFFLINE_PERIODS * longest, MIN_OFFLINE_AFTER)
    return age_seconds(device.get("lastSeenAt"), now) > offline_after


def age_seconds(instant: Any, now: datetime) -> float:
    """Return how many seconds ago *instant* was; 0 without one."""
    if instant is None:
        return 0.0
    return (now - datetime.fromisoformat(instant).astimezone(UTC)).total_seconds()
