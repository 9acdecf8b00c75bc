"""The judgements of `doctor`: pure functions, so that each line can be tested."""

import enum
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import attrs

from pushserver.client import ApiError, ApiResponse, Json

#: Seconds by which two clocks may differ; the Date header has whole seconds.
MAX_CLOCK_SKEW = 5
#: Seconds without a poll that are normal even for a device that polls often.
MIN_OFFLINE_AFTER = 30
#: Poll periods without a poll after which a device counts as offline.
OFFLINE_PERIODS = 3
#: Seconds in flight after which a command is reported.
LONG_IN_FLIGHT = 60
#: How many devices are read one by one, at most.
MAX_INSPECTED = 100
#: How many ids a line names, at most.
MAX_LISTED_IDS = 5
HTTP_OK = 200
HTTP_UNAUTHORIZED = 401


class Level(enum.StrEnum):
    """How bad a finding is."""

    OK = "ok"
    NOTICE = "notice"
    WRONG = "wrong"


@attrs.frozen
class Finding:
    """What was found, and what to do about it."""

    level: Level
    check: str
    found: str
    todo: str = ""


def check_server(server: str, answer: ApiResponse, document: Json) -> Finding:
    """Judge whether a pushserver answers at the address."""
    version = document.get("info", {}).get("version", "unknown")
    if answer.status == HTTP_OK:
        return Finding(Level.OK, "server", f"{server} answers, version {version}.")
    found = f"{server} answers, but /healthz says {answer.status}."
    return Finding(Level.WRONG, "server", found, "Check that a proxy passes it on.")


def check_readiness(answer: ApiResponse) -> Finding:
    """Judge whether the server can work."""
    if answer.status == HTTP_OK:
        return Finding(Level.OK, "ready", "The server is ready.")
    found = f"The server is not ready ({answer.status})."
    todo = "See its log: the store is away, or it is stopping."
    return Finding(Level.WRONG, "ready", found, todo)


def check_clock(answer: ApiResponse, now: datetime) -> Finding:
    """Judge how far the server's clock and ours are apart."""
    try:
        ahead = (parsedate_to_datetime(answer.headers["Date"]) - now).total_seconds()
    except (KeyError, ValueError, TypeError):
        return Finding(Level.NOTICE, "clock", "The server sends no Date header.")
    if abs(ahead) <= MAX_CLOCK_SKEW:
        return Finding(Level.OK, "clock", "The server's clock agrees with this one.")
    direction = "ahead of" if ahead > 0 else "behind"
    found = f"The server's clock is {abs(ahead):.0f} s {direction} this one."
    todo = "Set both by NTP: expiresAt and notBefore go by the server's."
    return Finding(Level.WRONG, "clock", found, todo)


def check_token(refusals: Mapping[str, ApiError | None]) -> Finding:
    """Judge what the token may read, from how each kind of read was refused."""
    refused = {kind: error for kind, error in refusals.items() if error}
    if any(error.status == HTTP_UNAUTHORIZED for error in refused.values()):
        todo = "Give --token or set PUSHSERVER_TOKEN to one that was not revoked."
        return Finding(Level.WRONG, "token", "The token is missing or invalid.", todo)
    if not refused:
        found = f"The token may read {', '.join(refusals)}."
        return Finding(Level.OK, "token", found)
    refusal_text = "; ".join(f"{kind}: {error}" for kind, error in refused.items())
    todo = "Make another with `pushserver tokens create` if it should."
    level = Level.WRONG if len(refused) == len(refusals) else Level.NOTICE
    return Finding(
        level, "token", f"The token may not read everything. {refusal_text}", todo
    )


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
    ok_text = f"Devices that poll as they should: {len(adopted)}."
    return findings or [Finding(Level.OK, "devices", ok_text)]


def devices_to_inspect(devices: Sequence[Json], now: datetime) -> list[str]:
    """Return the ids of the devices to read one by one, unhealthy ones first."""
    sorted_devices = sorted(devices, key=lambda device: _is_healthy(device, now))
    return [device["deviceId"] for device in sorted_devices[:MAX_INSPECTED]]


def check_unknown_requests(devices: Sequence[Json]) -> list[Finding]:
    """Judge the devices' unknown requests, which hint at wrong settings."""
    candidates = (
        _unknown_requests_finding(device)
        for device in devices
        if "unknownCalls" in device
    )
    return [finding for finding in candidates if finding]


def check_in_flight(commands: Iterable[Json], now: datetime) -> list[Finding]:
    """Judge the commands in flight that their devices have not answered."""
    commands_with_age = [
        (command, _age_seconds(command.get("sentAt"), now)) for command in commands
    ]
    findings = [
        _unanswered_finding(command, age)
        for command, age in commands_with_age
        if age > LONG_IN_FLIGHT
    ]
    ok_finding = Finding(Level.OK, "commands", "No command is in flight for long.")
    return findings or [ok_finding]


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
        return "its Monitor is pointed here: empty monitor.hostname on the device"
    if path.partition("?")[0].rstrip("/").endswith(".fcgi"):
        return (
            "its online mode is pointed here, where nobody decides who may pass, so it"
            " gets 404 and decides by itself: switch it off, or point it elsewhere"
        )
    parts = path.partition("?")[0].rstrip("/").split("/")
    if parts.count("push") + parts.count("result") > 1:
        return "its push_remote_address ends in /push or /result: leave that away"
    if parts[-1] in ("push", "result"):
        return "it comes without its key: give it the address of `devices key`"
    return None


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
    return Finding(Level.WRONG, "unseen", found, todo)


def _offline_finding(devices: Sequence[Json]) -> Finding | None:
    if not devices:
        return None
    found = f"Devices that stopped polling: {_format_ids(devices)}."
    todo = "Check their power and network, and that the address did not change."
    return Finding(Level.WRONG, "offline", found, todo)


#: The most addresses that a line names.
_MAX_SHUT_OUT = 10


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
    period: float = device.get("pollPeriod", 0)
    offline_after = max(OFFLINE_PERIODS * period, MIN_OFFLINE_AFTER)
    return _age_seconds(device.get("lastSeenAt"), now) > offline_after


def _unknown_requests_finding(device: Json) -> Finding | None:
    """Return what a device's unknown requests hint at, if it made any."""
    unknown, device_id = device["unknownCalls"], device["deviceId"]
    paths = [call["path"] for call in unknown.get("last", ())]
    if not paths:
        return None
    hints = dict.fromkeys(filter(None, map(hint_for_path, paths)))
    found = f"Device {device_id} made calls that are not Push: {unknown['count']}."
    if hints:
        todo = f"Perhaps {'; '.join(hints)}."
        return Finding(Level.WRONG, "unknownCalls", found, todo)
    todo = (
        "Nothing is there, so they got 404; `pushserver devices show"
        f" {device_id}` has their paths."
    )
    return Finding(Level.NOTICE, "unknownCalls", found, todo)


def _unanswered_finding(command: Json, age: float) -> Finding:
    found = (
        f"Command {command['id']} ({command['endpoint']}) is with device"
        f" {command['deviceId']} for {age:.0f} s."
    )
    if age > command.get("responseTimeout", 0) + LONG_IN_FLIGHT:
        todo = "Its time is over; see the server's log for a worker that failed."
        return Finding(Level.WRONG, "inFlight", found, todo)
    todo = "Nothing yet: it is given up when its responseTimeout is over."
    return Finding(Level.NOTICE, "inFlight", found, todo)


def _age_seconds(instant: Any, now: datetime) -> float:
    """Return how many seconds ago *instant* was; 0 without one."""
    if instant is None:
        return 0.0
    return (now - datetime.fromisoformat(instant).astimezone(UTC)).total_seconds()


def _format_ids(items: Sequence[Json], id_name: str = "deviceId") -> str:
    """Return how many there are, and the ids of the first."""
    more = ", …" if len(items) > MAX_LISTED_IDS else ""
    ids = ", ".join(item[id_name] for item in items[:MAX_LISTED_IDS])
    return f"{len(items)} ({ids}{more})"
