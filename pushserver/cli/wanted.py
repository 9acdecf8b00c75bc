"""What `subscriptions make` and `subscriptions change` are told."""

from typing import Annotated, Any, Literal

import attrs
from cyclopts import Parameter

from pushserver.cli.pairs import tags_of, texts_of

Many = Annotated[tuple[str, ...], Parameter(negative=())]


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Wishes:
    """How a new subscription is told of events, and of which devices."""

    device: Many = ()
    "Only of this device; may be repeated."
    tag: Many = ()
    "Only of devices with this tag, key:value; may be repeated: with all of them."
    ordered: bool | None = None
    "Tell a device's events one after the other, or as they come."
    header: Many = ()
    "A header to send along, key=value; may be repeated."
    include: Annotated[tuple[Literal["result"], ...], Parameter(negative=())] = ()
    "result: tell also what devices answer."
    retry_profile: Literal["standard", "huawei"] | None = None
    "When a failure is tried again."
    description: str | None = None
    "What it is for."
    resource_name: str | None = None
    "In the format iotda, what is written as resource."
    app_id: str | None = None
    "In the formats iotda and oceanconnect, the application's id; else the scope's."

    def fields(self) -> dict[str, Any]:
        """Return what is given, as the API names it."""
        fields = {
            "deviceIds": list(self.device),
            "tags": tags_of(self.tag),
            "headers": texts_of(self.header),
            "include": list(self.include),
            **_plain(self),
        }
        return {name: value for name, value in fields.items() if value not in _NOTHING}


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Changes:
    """What is to be changed of a subscription."""

    url: str | None = None
    "Where events are posted to."
    event: Many = ()
    "What is told, instead of what was; may be repeated."
    device: Annotated[tuple[str, ...] | None, Parameter(negative="--any-device")] = None
    "Only of these devices, or of any."
    tag: Annotated[tuple[str, ...] | None, Parameter(negative="--any-tag")] = None
    "Only of devices with these tags, key:value, or with any."
    ordered: bool | None = None
    "Tell a device's events one after the other, or as they come."
    header: Annotated[tuple[str, ...] | None, Parameter(negative="--no-header")] = None
    "The headers to send along, key=value, or none."
    include: Annotated[
        tuple[Literal["result"], ...] | None, Parameter(negative="--no-include")
    ] = None
    "result: tell also what devices answer; or not."
    retry_profile: Literal["standard", "huawei"] | None = None
    "When a failure is tried again."
    description: str | None = None
    "What it is for."
    resource_name: str | None = None
    "In the format iotda, what is written as resource."
    app_id: str | None = None
    "In the formats iotda and oceanconnect, the application's id."

    def fields(self) -> dict[str, Any]:
        """Return what is given, as the API names it; None takes a filter away."""
        fields: dict[str, Any] = {"url": self.url, "events": list(self.event)}
        fields |= _plain(self)
        given = {name: value for name, value in fields.items() if value not in _NOTHING}
        if self.device is not None:
            given["deviceIds"] = list(self.device) or None
        if self.tag is not None:
            given["tags"] = tags_of(self.tag) or None
        if self.header is not None:
            given["headers"] = texts_of(self.header)
        if self.include is not None:
            given["include"] = list(self.include)
        return given


GivenWishes = Annotated[Wishes, Parameter(name="*")]
GivenChanges = Annotated[Changes, Parameter(name="*")]
#: What is said by who says nothing.
PLAIN = Wishes()
AS_IT_IS = Changes()
_NOTHING: tuple[Any, ...] = (None, [], {})


def _plain(given: Wishes | Changes) -> dict[str, Any]:
    """Return what both have, and is sent as it is."""
    return {
        "ordered": given.ordered,
        "retryProfile": given.retry_profile,
        "description": given.description,
        "resourceName": given.resource_name,
        "appId": given.app_id,
    }
