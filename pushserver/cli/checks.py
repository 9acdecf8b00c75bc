"""The judgements of `doctor`: pure functions, so that each line can be tested."""

import enum
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from operator import itemgetter
from urllib.parse import urlsplit

import attrs

from pushserver.client import ApiError, ApiResponse, Json
from pushserver.settings_checks import is_loopback
from pushserver.settings_tokens import MIN_TOKEN_BITS, is_guessable

#: Seconds by which two clocks may differ; the Date header has whole seconds.
MAX_CLOCK_SKEW = 5
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


RECEIVER_FAILS = Finding(
    Level.WRONG,
    "webhooks",
    "Subscriptions whose receiver fails",
    "See lastError in `pushserver subscriptions show ID`, and try `subscriptions ping"
    " ID`.",
)
STOPPED = Finding(
    Level.NOTICE,
    "webhooks",
    "Subscriptions that are paused or disabled",
    "Run `pushserver subscriptions enable ID` to go on where it stopped.",
)
DEAD_LETTERS = Finding(
    Level.NOTICE,
    "webhooks",
    "Subscriptions with dead letters",
    "Run `pushserver subscriptions recover ID --since INSTANT` to send them.",
)


def findings_about(
    items: Sequence[Json],
    finding: Finding,
    name: Callable[[Json], str] = itemgetter("deviceId"),
) -> list[Finding]:
    """Return *finding* with how many *items* it concerns, and which; none of none."""
    if not items:
        return []
    more = ", …" if len(items) > MAX_LISTED_IDS else ""
    names = ", ".join(map(name, items[:MAX_LISTED_IDS]))
    found = f"{finding.found}: {len(items)} ({names}{more})."
    return [attrs.evolve(finding, found=found)]


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


def check_token_strength(token: str | None, server: str) -> list[Finding]:
    """Judge whether the token can be guessed; on this machine alone it is a notice."""
    if token is None or not is_guessable(token):
        return []
    is_local = is_loopback(urlsplit(server).hostname or "")
    found = (
        "The token can be guessed: it is printed in the documentation, or has less than"
        f" {MIN_TOKEN_BITS} random bits."
    )
    todo = (
        "Make another with `pushserver tokens create`, or set ADMIN_TOKEN to what"
        " `openssl rand -hex 32` prints."
    )
    level = Level.NOTICE if is_local else Level.WRONG
    return [Finding(level, "tokenStrength", found, todo)]


def check_subscriptions(subscriptions: Sequence[Json]) -> list[Finding]:
    """Judge where webhooks go: whether the receivers take them."""
    failing = [each for each in subscriptions if each.get("failingSince")]
    stopped = [
        each
        for each in subscriptions
        if each["state"] != "active" and each not in failing
    ]
    dead = [each for each in subscriptions if each["backlog"]["dead"]]
    findings = [
        *findings_about(failing, RECEIVER_FAILS, itemgetter("id")),
        *findings_about(stopped, STOPPED, itemgetter("id")),
        *findings_about(dead, DEAD_LETTERS, itemgetter("id")),
    ]
    if subscriptions and not findings:
        found = (
            f"Subscriptions whose receivers take what is sent: {len(subscriptions)}."
        )
        return [Finding(Level.OK, "webhooks", found)]
    return findings
