"""Options of `subscriptions make` and `subscriptions change`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import attrs
from cyclopts import Parameter

from pushserver.cli.api_fields import given_options
from pushserver.cli.pairs import (
    change_tag_filter,
    parse_tag_filter,
    parse_text_pairs,
)

#: The options that are sent as they are.
_PLAIN_OPTIONS = (
    "ordered",
    "retry_profile",
    "description",
    "resource_name",
    "app_id",
)
RepeatableOption = Annotated[tuple[str, ...], Parameter(negative=())]


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class SubscriptionOptions:
    """How a new subscription is told of events, and of which devices."""

    device: RepeatableOption = ()
    "Only of this device; may be repeated."
    tag: RepeatableOption = ()
    "Only of devices with this tag, key=value; may be repeated: one value of each key."
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
        fields: dict[str, Any] = {
            "deviceIds": list(self.device),
            "tags": parse_tag_filter(self.tag),
            "headers": parse_text_pairs(self.header),
            "include": list(self.include),
        }
        given = {name: value for name, value in fields.items() if value}
        return given | given_options(self, _PLAIN_OPTIONS)


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
    tag: RepeatableOption = ()
    "Also of devices with this tag, key=value: one value of each key."
    untag: RepeatableOption = ()
    "Ask no more for this value, key=value, or for any of a key."
    any_tag: Annotated[bool, Parameter(negative=())] = False
    "Ask for no tags but those that are given with this."
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

    @property
    def changes_tags(self) -> bool:
        """Whether the tags there are have to be known."""
        return bool(self.tag or self.untag) and not self.any_tag

    def api_fields(self, tags: Mapping[str, list[str]]) -> dict[str, Any]:
        """
        Return what is given, as the API names it; None takes a filter away.

        *tags* are those that the subscription asks for, if that `changes_tags`.
        """
        patch = given_options(self, ("url", *_PLAIN_OPTIONS))
        if self.event:
            patch["events"] = list(self.event)
        if self.device is not None:
            patch["deviceIds"] = list(self.device) or None
        if self.any_tag or self.tag or self.untag:
            patch["tags"] = change_tag_filter(tags, self.tag, self.untag) or None
        if self.header is not None:
            patch["headers"] = parse_text_pairs(self.header)
        if self.include is not None:
            patch["include"] = list(self.include)
        return patch


SubscriptionOptionsArg = Annotated[SubscriptionOptions, Parameter(name="*")]
SubscriptionChangeArg = Annotated[SubscriptionChangeOptions, Parameter(name="*")]
#: The defaults where no option is given.
NO_OPTIONS = SubscriptionOptions()
NO_CHANGES = SubscriptionChangeOptions()
