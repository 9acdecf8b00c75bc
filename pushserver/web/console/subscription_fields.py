"""The form of a subscription: its fields, as the API's JSON and back."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pushserver.errors import Invalid
from pushserver.model.subscription import Subscription
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.web.console.form_fields import checked, tag_pairs, words
from pushserver.web.console.formats import showable

#: Those that null takes away.
NULLABLE = ("deviceIds", "tags", "description", "resourceName")
#: The names of the two choices that are no text.
_ORDERED = {"yes": True, "no": False}


def read_fields(form: Mapping[str, str]) -> dict[str, Any]:
    """
    Return the fields of a form by their names in the API; None is what is not given.

    Raises:
        Invalid: a tag or a header is none.
    """
    tags: dict[str, list[str]] = {}
    for key, value in tag_pairs(form.get("tags", "")):
        tags.setdefault(key, []).append(value)
    return {
        "url": form.get("url", ""),
        "events": checked(form, "event."),
        "deviceIds": words(form.get("deviceIds", "")),
        "tags": tags or None,
        "ordered": _ORDERED.get(form.get("ordered", "")),
        "headers": _read_headers(form.get("headers", "")),
        "description": form.get("description") or None,
        "include": ["result"] if "include" in form else [],
        "retryProfile": form.get("retryProfile") or None,
        "resourceName": form.get("resourceName") or None,
        "appId": form.get("appId") or None,
    }


def _read_headers(text: str) -> dict[str, str]:
    headers = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, value = line.partition(":")
        if not colon:
            raise Invalid("A header is Name: value.", pointer="/headers")
        headers[name.strip()] = value.strip()
    return headers


def form_of(protocols: DeviceProtocols, subscription: Subscription) -> dict[str, str]:
    """
    Return the form as it is filled in for a subscription.

    What cannot be shown is U+FFFD in it; what stays so is not written.
    """
    ids = sorted(subscription.device_ids or ())
    tags = [
        f"{key}={value}"
        for key, values in sorted((subscription.tags or {}).items())
        for value in sorted(values)
    ]
    form = {
        "url": subscription.url,
        "deviceIds": " ".join(map(protocols.display_id, ids)),
        "tags": " ".join(tags),
        "ordered": "yes" if subscription.ordered else "no",
        "headers": "\n".join(f"{k}: {v}" for k, v in subscription.headers.items()),
        "description": subscription.description or "",
        "retryProfile": subscription.profile,
        "resourceName": subscription.resource_name or "",
        "appId": subscription.app_id,
    }
    form = {name: showable(value) for name, value in form.items()}
    form |= {f"event.{each}": "on" for each in sorted(subscription.events)}
    return form | ({"include": "on"} if subscription.include_result else {})


def changed_fields(
    before: Mapping[str, str], after: Mapping[str, str]
) -> dict[str, Any]:
    """Return the fields that one form has otherwise than the one before."""
    old, new = read_fields(before), read_fields(after)
    for fields in (old, new):
        fields["events"] = sorted(fields["events"])
    return {
        name: value
        for name, value in new.items()
        if value != old[name] and (value is not None or name in NULLABLE)
    }


def host_of(subscription: Subscription) -> str:
    """Return the receiver's host: what is typed to confirm that it is forgotten."""
    return urlsplit(subscription.url).hostname or subscription.url
