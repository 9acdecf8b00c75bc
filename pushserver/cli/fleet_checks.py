"""What `doctor` makes of devices and their commands: pure functions."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pushserver.cli.checks import MAX_LISTED_IDS, Finding, Level
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


def check_fleet(devices: Sequence[Json], now: datetime) -> list[Finding]:
    """Judge the devices: quarantined ones, those that never polled or stopped."""
    adopted = [device for device in devices if device["state"] == "adopted"]
    candidates = [
        _quarantine_finding([d for d in devices if d["state"] != "adopted"]),
        _never_polled_finding([d for d in adopted if "lastSeenAt" not in d]),
        _offline_finding([d for d in adopted if _is_offline(d, now)]),
        _conflict_finding([d for d in adopted if "identityConflictAt" in d]),
        _keyless_finding([d for d in adopted if "keyless" in d]),
    ]
    findings = [finding for finding in candidates if finding]
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
        _unknown_requests_finding(hint, found, now) for hint, found in by_hint.items()
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
        *_in_flight_findings(
            overdue,
            Level.WRONG,
            "Commands whose time is over, and that are still in flight",
            "See worker.round_failed in the server's log.",
        ),
        *_in_flight_findings(
            long,
            Level.NOTICE,
            f"Commands in flight for over {LONG_IN_FLIGHT} s",
            "Nothing yet: each is given up when its responseTimeout is over.",
        ),
    ]
    return findings or [
        Finding(Level.OK, "commands", "No command is in flight for long.")
    ]


def check_held(commands: Sequence[Json]) -> list[Finding]:
    """Judge the commands that wait for somebody's decision after a restore."""
    if not commands:
        return []
    found = f"Commands that are held after a restore: {_format_ids(commands, 'id')}."
    todo = (
        "See `pushserver commands --held`, then `commands release ID`, or `commands"
        " cancel ID` for what was done already."
    )
    return [Finding(Level.NOTICE, "held", found, todo)]


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


def _unknown_requests_finding(
    hint: str, devices: Sequence[Json], now: datetime
) -> Finding:
    found = f"Devices that made calls that are not Push: {_format_ids(devices)}."
    if hint:
        is_well = all(_is_healthy(device, now) for device in devices)
        level = Level.NOTICE if is_well else Level.WRONG
        return Finding(level, "unknownCalls", found, f"Perhaps {hint}.")
    todo = (
        "Nothing is there, so they got 404; `pushserver devices show ID` has the paths."
    )
    return Finding(Level.NOTICE, "unknownCalls", found, todo)


def _in_flight_findings(
    commands: Sequence[Json], level: Level, what: str, todo: str
) -> list[Finding]:
    if not commands:
        return []
    found = f"{what}: {_format_ids(commands, 'id')}."
    return [Finding(level, "inFlight", found, todo)]


def _quarantine_finding(devices: Sequence[Json]) -> Finding | None:
    if not devices:
        return None
    found = f"Devices that wait in quarantine: {_format_ids(devices)}."
    todo = "Run `pushserver devices adopt ID` for those that are yours."
    return Finding(Level.NOTICE, "quarantine", found, todo)


def _never_polled_finding(devices: Sequence[Json]) -> Finding | None:
    if not devices:
        return None
    found = f"Devices that never polled: {_format_ids(devices)}."
    todo = (
        "Set push_server.push_remote_address on the device to this server, and check"
        " that the id is its deviceId and not its serial."
    )
    return Finding(Level.NOTICE, "unseen", found, todo)


def _offline_finding(devices: Sequence[Json]) -> Finding | None:
    """Return those that stopped: one may be switched off, which is nobody's fault."""
    if not devices:
        return None
    found = f"Devices that stopped polling: {_format_ids(devices)}."
    todo = "Check their power and network, and that the address did not change."
    return Finding(Level.NOTICE, "offline", found, todo)


def _conflict_finding(devices: Sequence[Json]) -> Finding | None:
    if not devices:
        return None
    found = f"Devices that two addresses poll as in turn: {_format_ids(devices)}."
    shut_out = sorted({d["shutOutAddress"] for d in devices if "shutOutAddress" in d})
    if shut_out:
        found += f" Shut out: {', '.join(shut_out[:_MAX_SHUT_OUT])}."
    todo = (
        "Two terminals have one id: find both by `address`, and give one another"
        " deviceId, or give the right one a key with `pushserver devices key ID`."
    )
    return Finding(Level.WRONG, "identityConflict", found, todo)


def _keyless_finding(devices: Sequence[Json]) -> Finding | None:
    if not devices:
        return None
    more = ", …" if len(devices) > MAX_LISTED_IDS else ""
    shown = ", ".join(map(_format_keyless, devices[:MAX_LISTED_IDS]))
    found = f"Keys that are not enforced: {len(devices)} ({shown}{more})."
    todo = (
        "Give the device its new address. If it was not the device that polled without"
        " its key, run `pushserver devices key ID --enforce`."
    )
    return Finding(Level.WRONG, "key", found, todo)


def _format_keyless(device: Json) -> str:
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


def _format_ids(items: Sequence[Mapping[str, Any]], id_name: str = "deviceId") -> str:
    """Return how many there are, and the ids of the first."""
    more = ", …" if len(items) > MAX_LISTED_IDS else ""
    ids = ", ".join(item[id_name] for item in items[:MAX_LISTED_IDS])
    return f"{len(items)} ({ids}{more})"
