"""What a restricted token reaches: some devices, and what belongs to them alone."""

from collections.abc import Mapping
from typing import Any

import attrs

from pushserver.errors import Invalid
from pushserver.model.subscription import Subscription
from pushserver.model.target import TargetSelector
from pushserver.model.token import Token
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.off_loop import in_pieces


@attrs.frozen
class TokenReach:
    """
    Tells which devices of its scope a token concerns.

    Tags count as they are now: a device that gets them is reached from then on.
    """

    devices: DeviceRegistry

    def reaches(self, token: Token, device_id: int | None) -> bool:
        """Tell whether the token concerns a device, or what is of no device."""
        if not token.is_restricted:
            return True
        if device_id is None:
            return False
        if token.device_ids is not None and device_id not in token.device_ids:
            return False
        if token.tags is None:
            return True
        device = self.devices.find(token.scope_id, device_id)
        return device is not None and TargetSelector(tags=token.tags).has_tags(device)

    async def device_ids(self, token: Token) -> frozenset[int] | None:
        """Return the devices that the token concerns; None means any."""
        if not token.is_restricted:
            return None
        if token.tags is None:
            return token.device_ids
        required, ids = token.tags.items(), token.device_ids
        scope_id = token.scope_id
        found = {
            device.device_id
            async for device in in_pieces(self.devices)
            if device.scope_id == scope_id
            and required <= device.tags.items()
            and (ids is None or device.device_id in ids)
        }
        return frozenset(found)

    async def narrow_targets(
        self, token: Token, targets: TargetSelector
    ) -> TargetSelector:
        """
        Return the targets that the token reaches; `all` means all that it reaches.

        Raises:
            Invalid: one is named that it does not reach, or it reaches none.
        """
        if not token.is_restricted:
            return targets
        if targets.device_ids is not None:
            async for device_id in in_pieces(targets.device_ids):
                self._check_target(token, device_id)
            return targets
        devices = await self.devices.resolve_targets(token.scope_id, targets)
        ids = [
            d.device_id
            async for d in in_pieces(devices)
            if self.reaches(token, d.device_id)
        ]
        if not ids:
            raise Invalid("No adopted device is meant.", pointer="/targets")
        return TargetSelector(device_ids=ids)

    def _check_target(self, token: Token, device_id: int) -> None:
        if not self.reaches(token, device_id):
            raise Invalid(
                f"There is no adopted device {device_id}.",
                pointer="/targets/deviceIds",
            )


def reaches_subscription(token: Token, subscription: Subscription) -> bool:
    """Tell whether a subscription is sent nothing but what the token reaches."""
    ids = subscription.device_ids
    has_ids = token.device_ids is None or (ids is not None and ids <= token.device_ids)
    return has_ids and _tags_of(token).items() <= (subscription.tags or {}).items()


def _tags_of(token: Token) -> dict[str, frozenset[str]]:
    """Return the tags that a token concerns, as a filter."""
    return {key: frozenset({value}) for key, value in (token.tags or {}).items()}


def narrow_subscription(token: Token, settings: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the filters of a subscription, so that it is sent what the token reaches.

    *settings* are those that are given.

    Raises:
        Invalid: they name devices or tags that it does not reach.
    """
    narrowed = dict(settings)
    if token.device_ids is not None:
        ids = settings.get("device_ids") or token.device_ids
        if not ids <= token.device_ids:
            raise Invalid("Your token concerns other devices.", pointer="/deviceIds")
        narrowed["device_ids"] = ids
    if token.tags is not None:
        own_tags = _tags_of(token)
        tags = own_tags | (settings.get("tags") or {})
        if not own_tags.items() <= tags.items():
            raise Invalid("Your token concerns other tags.", pointer="/tags")
        narrowed["tags"] = tags
    return narrowed
