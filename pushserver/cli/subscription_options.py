"""What `subscriptions make` and `subscriptions change` are told."""

from typing import Annotated, Any, Literal

import attrs
from cyclopts import Parameter

from pushserver.cli.pairs import parse_tags, parse_text_pairs

RepeatableOption = Annotated[tuple[str, ...], Parameter(negative=())]


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class SubscriptionOptions:
    """How a new subscription is told of events, and of which devices."""

    device: RepeatableOption = ()
    "Only of this device; may be repeated."
    tag: RepeatableOption = ()
    "Only of devices with this tag, key:value; may be repeated: with all of them."
    ordered: bool | None = None
    "Tell a device's events one after the other, or as they come."
    header: RepeatableOption = ()
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

    def api_fields(self) -> dict[str, Any]:
        """Return what is given, as the API names it."""
        fields = {
            "deviceIds": list(self.device),
            "tags": parse_tags(self.tag),
            "headers": parse_text_pairs(self.header),
            "include": list(self.include),
            **_common_fields(self),
        }
        return {
            name: value for name, value in fields.items() if value not in _UNSET_VALUES
        }


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class SubscriptionChangeOptions:
    """What is to be changed of a subscription."""

    url: str | None = None
    "Where events are posted to."
    event: RepeatableOption = ()
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

    def api_fields(self) -> dict[str, Any]:
        """Return what is given, as the API names it; None takes a filter away."""
        fields: dict[str, Any] = {"url": self.url, "events": list(self.event)}
        fields |= _common_fields(self)
        patch = {
            name: value for name, value in fields.items() if value not in _UNSET_VALUES
        }
        if self.device is not None:
            patch["deviceIds"] = list(self.device) or None
        if self.tag is not None:
            patch["tags"] = parse_tags(self.tag) or None
        if self.header is not None:
            patch["headers"] = parse_text_pairs(self.header)
        if self.include is not None:
            patch["include"] = list(self.include)
        return patch


SubscriptionOptionsArg = Annotated[SubscriptionOptions, Parameter(name="*")]
SubscriptionChangeArg = Annotated[SubscriptionChangeOptions, Parameter(name="*")]
#: What is said by who says nothing.
NO_OPTIONS = SubscriptionOptions()
NO_CHANGES = SubscriptionChangeOptions()
_UNSET_VALUES: tuple[Any, ...] = (None, [], {})


def _common_fields(
    options: SubscriptionOptions | SubscriptionChangeOptions,
) -> dict[str, Any]:
    """Return what both have, and is sent as it is."""
    return {
        "ordered": options.ordered,
        "retryProfile": options.retry_profile,
        "description": options.description,
        "resourceName": options.resource_name,
        "appId": options.app_id,
    }
