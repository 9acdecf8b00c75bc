"""`Prefer: wait` (RFC 7240): answer a call that creates something when it is over."""

from typing import Any

from aiohttp import web

from pushserver.web.api.call import ApiCall
from pushserver.web.api.query import MAX_WAIT

PREFER_HEADER = {"Prefer": "wait=20 waits for the outcome, 60 seconds at the most."}


def granted_wait(call: ApiCall[Any, Any]) -> float:
    """Return for how long to wait; not at all if too many do: it is a preference."""
    if "Prefer" not in call.request.headers:
        return 0.0
    seconds = _preferred_wait(call.request)
    if seconds and not call.services.wait_bounds.has_room(call.token.id):
        return 0.0
    return seconds


def preference_applied(seconds: float) -> dict[str, str]:
    """Return the header that tells that the call waited."""
    return {"Preference-Applied": f"wait={seconds:g}"}


def _preferred_wait(request: web.Request) -> float:
    """Return the seconds of `Prefer: wait=20`; ignore what is no number."""
    for preference in ",".join(request.headers.getall("Prefer")).split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        seconds = value.strip().strip('"')
        if name.strip().lower() == "wait" and seconds.isascii() and seconds.isdigit():
            return min(float(seconds[:9]), MAX_WAIT)
    return 0.0
